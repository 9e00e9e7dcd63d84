"""What people install is checked before they get it: its licences, what its programs need of a system."""

import json
import pathlib
import sys
import zipfile

import pytest

# Python 3.11 has it.
pytest.importorskip("tomllib")

PACKAGING = pathlib.Path(__file__).parents[2] / "crates/python/packaging"
sys.path.insert(0, str(PACKAGING))

import check
import licences
import sources

# Of `readelf --wide --section-headers --dynamic --version-info`, shortened.
PROGRAM = """
  [ 6] .gnu.version_r    VERNEED         0000000000006a28 006a28 0001d0 00   A  7   3  8
 0x0000000000000001 (NEEDED)             Shared library: [libm.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
Version needs section '.gnu.version_r' contains 1 entry:
  0x0010:   Name: GLIBC_2.4  Flags: none  Version: 5
  0x0020:   Name: GLIBC_2.28  Flags: none  Version: 4
"""


def test_a_program_may_need_the_c_library_alone_and_no_newer_one():
    assert check.program_complaints(PROGRAM, "2.28") == []
    assert check.program_complaints(PROGRAM, "2.17") == ["needs GLIBC_2.28"]
    other = PROGRAM.replace("libm.so.6", "libz.so.1")
    assert check.program_complaints(other, "2.28") == ["needs libz.so.1"]


def test_a_program_has_no_symbols_and_no_search_path():
    sections = PROGRAM + "  [37] .symtab           SYMTAB          0000000000000000 2ea010 0136f8 18     38 1024  8\n"
    assert check.program_complaints(sections, "2.28") == ["is not stripped"]
    path = PROGRAM + " 0x000000000000001d (RUNPATH)            Library runpath: [/home/me/lib]\n"
    assert check.program_complaints(path, "2.28") == ["has a search path of its own"]


def test_readelf_prints_what_the_check_reads(tmp_path):
    shell = pathlib.Path("/bin/sh").resolve()
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.write(shell, "a.data/scripts/sleap-stream")
    found = check.wheel(tmp_path / "a.whl", "2.0")
    assert any(complaint.startswith("a.data/scripts/sleap-stream: needs GLIBC_2.") for complaint in found)
    assert {"no sleap-worker", "no licences of what is built in"} <= set(found)


def test_each_library_names_its_version_its_licence_and_where_it_comes_from():
    accepted = licences.accepted()
    for source in sources.read().values():
        assert source.registry in ("debian", "pypi")
        assert source.version and source.licence_files
        assert source.licence in accepted


def test_the_licences_of_crates_and_libraries_are_written_for_people_and_for_tools(tmp_path):
    crate = tmp_path / "crate"
    crate.mkdir()
    (crate / "LICENSE-MIT").write_text("Do what you like.\n")
    package = {"name": "a", "version": "1.0.0", "license": "MIT", "manifest_path": str(crate / "Cargo.toml")}
    (library,) = [source for source in sources.read().values() if source.name == "zlib"]
    library.folder = crate
    library.licence_files = ["LICENSE-MIT"]
    licences.write([package], [library], tmp_path / "out")
    table = json.loads((tmp_path / "out/third-party.json").read_text())
    assert [(it["name"], it["licence"], it["from"]) for it in table] == [
        ("a", "MIT", "cargo"),
        ("zlib", "Zlib", "debian"),
    ]
    assert "Do what you like." in (tmp_path / "out/THIRD-PARTY.txt").read_text()


def test_a_library_under_another_licence_is_refused(tmp_path):
    (library,) = [source for source in sources.read().values() if source.name == "ffmpeg"]
    library.licence = "GPL-2.0-or-later"
    with pytest.raises(SystemExit, match="GPL-2.0-or-later"):
        licences.write([], [library], tmp_path)
