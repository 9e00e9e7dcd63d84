"""Fetches and unpacks the sources that `sources.toml` names, with the registries' own clients.

apt checks what it fetches against Debian's signatures, pip against PyPI's checksums. Debian's patches are applied.
"""

import pathlib
import shutil
import subprocess
import sys

import tomllib

HERE = pathlib.Path(__file__).parent
DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN_SUITE = "trixie"

# Folder of apt's own files, beside those of the sources.
APT = "apt"


class Source:
    """One package of source.

    `folder` is where it has been unpacked; the licence files are relative to it.
    """

    def __init__(self, name, fields):
        self.name = name
        self.registry = fields["registry"]
        self.version = fields["version"]
        self.licence = fields["licence"]
        self.licence_files = fields["licence_files"]
        self.folder = None

    def unpack(self, cache):
        """Fetches and unpacks into `cache`, once for each version."""
        at = cache / f"{self.name}-{self.version.replace(':', '_')}"
        if not (at / ".unpacked").exists():
            shutil.rmtree(at, ignore_errors=True)
            at.mkdir(parents=True)
            fetch = {"debian": _fetch_from_debian, "pypi": _fetch_from_pypi}[self.registry]
            fetch(self, at)
            (at / ".unpacked").touch()
        folders = [entry for entry in at.iterdir() if entry.is_dir()]
        if len(folders) != 1:
            sys.exit(f"error: {at} should hold one unpacked folder, but holds {len(folders)}. Delete it and try again")
        self.folder = folders[0]
        return self.folder

    def licence_text(self):
        """The text of all licence files."""
        return "\n\n".join((self.folder / name).read_text(errors="replace") for name in self.licence_files)


def read():
    """All sources by name."""
    with open(HERE / "sources.toml", "rb") as file:
        return {name: Source(name, fields) for name, fields in tomllib.load(file).items()}


def newest(cache):
    """The versions that Debian has now, by name; those of PyPI are left as they are."""
    with _Apt(cache / APT) as apt:
        found = {}
        for source in read().values():
            if source.registry == "debian":
                text = apt.run("apt-cache", "showsrc", "--only-source", source.name, capture=True)
                versions = [line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("Version: ")]
                found[source.name] = versions
        return found


class _Apt:
    """apt with a list of sources, lists and a cache of its own: the system's stay as they are."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        (self.folder / "lists/partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
        mirror = _debian_mirror()
        (self.folder / "sources.list").write_text(f"deb-src [signed-by={DEBIAN_KEYS}] {mirror} {DEBIAN_SUITE} main\n")
        self.run("apt-get", "-qq", "update")
        return self

    def __exit__(self, *_):
        return False

    def run(self, program, *arguments, cwd=None, capture=False):
        options = {
            "Dir::Etc::SourceList": self.folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "root",
        }
        command = [program, *(word for pair in options.items() for word in ("-o", f"{pair[0]}={pair[1]}")), *arguments]
        done = subprocess.run(command, cwd=cwd, check=True, text=True, stdout=subprocess.PIPE if capture else None)
        return done.stdout


def _debian_mirror():
    """The mirror that this machine uses for Debian's packages."""
    text = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], check=True, text=True, capture_output=True
    ).stdout
    mirrors = [line for line in dict.fromkeys(text.split()) if line.endswith("/debian")]
    if not mirrors:
        sys.exit("error: no mirror of Debian in this machine's package lists: run `apt-get update`, then this again")
    return mirrors[0]


def _fetch_from_debian(source, folder):
    with _Apt(folder.parent / APT) as apt:
        apt.run("apt-get", "-qq", "source", "--only-source", f"{source.name}={source.version}", cwd=folder)


def _fetch_from_pypi(source, folder):
    wanted = f"{source.name}=={source.version}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", source.name]
    subprocess.run([*pip, "--dest", str(folder), wanted], check=True)
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    archive.unlink()
