"""Checks a built wheel or tarball: size, what its programs need of a system, what they carry."""

import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

LARGEST = 60 * 1000 * 1000

# The C library's. What is not here has to be inside.
ALLOWED = {
    "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1",
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
}  # fmt: skip


def wheel(path, glibc):
    """Complaints about a wheel; none if it is as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        found = _unpacked(pathlib.Path(folder), glibc)
    size = path.stat().st_size
    if size > LARGEST:
        found.append(f"{size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f} MB")
    audit = [sys.executable, "-m", "auditwheel", "show", str(path)]
    done = subprocess.run(audit, check=False, text=True, capture_output=True)
    tag = f"manylinux_{glibc.replace('.', '_')}"
    # auditwheel breaks lines where the wheel's name lets it.
    said = " ".join(done.stdout.split())
    if done.returncode or 'is consistent with the following platform tag: "manylinux_' not in said:
        found.append(f"auditwheel: {done.stdout.strip()} {done.stderr.strip()}")
    elif tag not in path.name:
        found.append(f"the name lacks the tag {tag}")
    return found


def tarball(path, glibc):
    """Complaints about a tarball; none if it is as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
        return _unpacked(pathlib.Path(folder), glibc)


def _unpacked(folder, glibc):
    found, programs = [], []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.open("rb").read(4) == b"\x7fELF":
            programs.append(path)
            found += [f"{path.relative_to(folder)}: {complaint}" for complaint in _program(path, glibc)]
    names = {path.name for path in programs}
    found += [f"no {name}" for name in ("sleap-stream", "sleap-worker") if name not in names]
    if not list(folder.rglob("THIRD-PARTY.txt")):
        found.append("no licences of what is built in")
    return found


def _program(path, glibc):
    command = ["readelf", "--wide", "--section-headers", "--dynamic", "--version-info", str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"LC_ALL": "C"})
    return program_complaints(done.stdout, glibc)


def program_complaints(text, glibc):
    """Complaints about a program or library, by what readelf prints of its sections, its needs and their versions."""
    found = [f"needs {name}" for name in re.findall(r"\(NEEDED\).*\[(.+)\]", text) if name not in ALLOWED]
    if re.search(r"\((RPATH|RUNPATH)\)", text):
        found.append("has a search path of its own")
    if " .symtab " in text:
        found.append("is not stripped")
    needed = text.partition("Version needs section")[2]
    versions = set(re.findall(r"Name: GLIBC_([0-9.]+)", needed))
    return found + [f"needs GLIBC_{version}" for version in sorted(versions) if _version(version) > _version(glibc)]


def _version(text):
    return tuple(int(number) for number in text.split("."))
