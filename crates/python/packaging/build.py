"""Builds what people install: the wheel and the tarball, with everything in them that they need.

    python crates/python/packaging/build.py wheel      dist/sleap_stream-VERSION-…-manylinux_2_28_x86_64.whl
    python crates/python/packaging/build.py tarball    dist/sleap-stream-VERSION-x86_64-unknown-linux-gnu.tar.gz
    python crates/python/packaging/build.py libraries  the libraries alone; prints what cargo-zigbuild needs to use them
    python crates/python/packaging/build.py sources    the versions of the libraries that Debian has now
    python crates/python/packaging/build.py notes      the notes of a release: what has changed since the last one

Runs on Debian. Needs cargo, and of Debian: clang, dpkg-dev, libclang-dev, make, nasm, pkg-config, python3-venv. The other
tools come from PyPI into an environment of its own. Takes about an hour on two cores at first, later what has changed.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tarfile
import venv

import check
import licences
import native
import sources

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sleap-stream/packaging"
PROGRAMS = ("sleap-stream", "sleap-worker")
# Of cargo: what is linked is static.
STATIC = ("--features", "vision/static-ffmpeg")


def main():
    arguments = _arguments()
    if arguments.what == "notes":
        return _print_notes()
    _enter_environment()
    if arguments.what == "sources":
        return _print_sources()
    target = native.Target(arguments.arch)
    libraries = native.build(target, CACHE)
    if arguments.what == "libraries":
        for name, value in libraries.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"export PATH={shlex.quote(str(CACHE / 'tools/bin'))}:$PATH")
        return 0
    build = Build(target, libraries, arguments.out.resolve())
    made = build.wheel() if arguments.what == "wheel" else build.tarball()
    complaints = build.complaints(made)
    print(f"==> {made} ({made.stat().st_size / 1e6:.1f} MB)")
    for complaint in complaints:
        print(f"error: {made.name}: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("wheel", "tarball", "libraries", "sources", "notes"))
    parser.add_argument("--arch", choices=("x86_64", "aarch64"), default="x86_64", help="default: %(default)s")
    parser.add_argument("--out", type=pathlib.Path, default=REPOSITORY / "dist", help="folder; default: dist")
    return parser.parse_args()


def _enter_environment():
    """Goes on in an environment that has the tools."""
    folder = CACHE / "tools"
    python = folder / "bin/python"
    wanted = (HERE / "requirements.txt").read_text()
    mark = folder / "requirements.txt"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(HERE / "requirements.txt")], check=True)
        mark.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != folder.resolve():
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        os.execv(python, [str(python), *sys.argv])


def _print_sources():
    newest = sources.newest(CACHE / "sources")
    for name, source in sources.read().items():
        print(f"{name} {source.version}; now: {', '.join(newest.get(name, ['not looked up']))}")
    return 0


def _print_notes():
    """In Markdown: the commits since the last tag before this one, and the libraries inside."""

    def git(*words):
        done = subprocess.run(["git", *words], cwd=REPOSITORY, check=False, text=True, capture_output=True)
        return done.stdout.strip()

    last = git("describe", "--tags", "--abbrev=0", "HEAD^")
    changes = git("log", "--no-merges", "--format=- %s", f"{last}..HEAD" if last else "HEAD")
    print(f"# sleap-stream {_version()}\n\n## Changes since {last or 'the beginning'}\n\n{changes}\n\n## Inside\n")
    for name, source in sources.read().items():
        print(f"- {name} {source.version} ({source.licence})")
    return 0


class Build:
    """Builds for one target, with the given libraries, into `out`."""

    def __init__(self, target, libraries, out):
        self.target = target
        self.libraries = libraries
        self.out = out
        # Apart from the target folder of source builds, which have other libraries, and from each other: cargo-zigbuild
        # and maturin name other linkers, and what one has compiled the other would compile again.
        self.folder = CACHE / "target"
        self.module_folder = CACHE / "target-module"

    def _run(self, *command, folder):
        environment = os.environ | self.libraries.environment() | {"CARGO_TARGET_DIR": str(folder)}
        subprocess.run(list(command), cwd=REPOSITORY, env=environment, check=True)

    def programs(self):
        """Both programs, stripped."""
        packages = [word for program in PROGRAMS for word in ("--package", program)]
        zig = f"{self.target.rust}.{native.GLIBC}"
        options = ["--locked", "--profile", "wheel", "--bins", "--target", zig, *STATIC]
        self._run("cargo-zigbuild", "zigbuild", *options, *packages, folder=self.folder)
        return [self.folder / self.target.rust / "wheel" / program for program in PROGRAMS]

    def licences(self, folder):
        packages = licences.crates([*PROGRAMS, "sleap-stream-python"], self.target.rust)
        licences.write(packages, self.libraries.built_from, folder)
        shutil.copy(REPOSITORY / "LICENSE", folder)

    def wheel(self):
        data = HERE / "data"
        shutil.rmtree(data, ignore_errors=True)
        (data / "scripts").mkdir(parents=True)
        for program in self.programs():
            shutil.copy(program, data / "scripts")
        self.licences(data / "data/share/sleap-stream/licences")
        _copy_demonstration(data / "data/share/sleap-stream/demo")
        tag = f"manylinux_{native.GLIBC.replace('.', '_')}"
        options = ["--zig", "--compatibility", tag, "--target", self.target.rust, "--profile", "wheel", *STATIC]
        self.out.mkdir(parents=True, exist_ok=True)
        # In a folder of its own, so that what is found there is what was made.
        fresh = CACHE / "made"
        shutil.rmtree(fresh, ignore_errors=True)
        self._run("maturin", "build", "--locked", *options, "--out", str(fresh), "--manifest-path",
                  "crates/python/Cargo.toml", folder=self.module_folder)  # fmt: skip
        shutil.rmtree(data)
        (made,) = fresh.glob("*.whl")
        return pathlib.Path(shutil.copy(made, self.out))

    def tarball(self):
        version = _version()
        name = f"sleap-stream-{version}-{self.target.rust}"
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{name}.tar.gz"
        staging = CACHE / "staging" / name
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        for program in self.programs():
            shutil.copy(program, staging)
        self.licences(staging / "licences")
        _copy_demonstration(staging / "demo")
        shutil.copy(REPOSITORY / "README.md", staging)
        with tarfile.open(path, "w:gz") as archive:
            archive.add(staging, arcname=name, filter=_owned_by_root)
        return path

    def complaints(self, made):
        look = check.wheel if made.suffix == ".whl" else check.tarball
        return look(made, native.GLIBC)


def _copy_demonstration(folder):
    """A model and a video to try the programs with."""
    demo = REPOSITORY / "examples/demo"
    shutil.copytree(demo / "model", folder / "model")
    shutil.copy(demo / "video.mp4", folder)


def _owned_by_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _version():
    for line in (REPOSITORY / "Cargo.toml").read_text().splitlines():
        if line.startswith("version = "):
            return line.split('"')[1]
    return sys.exit("error: no version in Cargo.toml")


if __name__ == "__main__":
    sys.exit(main())
