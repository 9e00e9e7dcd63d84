"""Checks a built wheel or tarball: size, what its programs need of a system, what they carry."""

import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

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
    done = subprocess.run([sys.executable, "-m", "auditwheel", "show", str(path)], text=True, capture_output=True)
    tag = f"manylinux_{glibc.replace('.', '_')}"
    if done.returncode or not re.search(r'consistent with\s+the following platform tag:\s+"manylinux_', done.stdout):
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
    newest = _version(glibc)
    with open(path, "rb") as file:
        elf = ELFFile(file)
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                for tag in section.iter_tags():
                    if tag.entry.d_tag == "DT_NEEDED" and tag.needed not in ALLOWED:
                        yield f"needs {tag.needed}"
                    if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                        yield "has a search path of its own"
            if isinstance(section, GNUVerNeedSection):
                for _, versions in section.iter_versions():
                    for version in versions:
                        name = version.name
                        if name.startswith("GLIBC_") and name[6:7].isdigit() and _version(name[6:]) > newest:
                            yield f"needs {name}"


def _version(text):
    return tuple(int(number) for number in text.split("."))
