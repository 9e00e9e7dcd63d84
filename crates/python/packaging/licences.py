"""The licences of all that is built into the programs: one text for people, one table for tools."""

import json
import pathlib
import subprocess
import sys

import tomllib

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")


def crates(packages, target):
    """The Rust packages that `packages` of the workspace are built from for `target`, as cargo tells them."""
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target],
            check=True, text=True, stdout=subprocess.PIPE,
        ).stdout
    )  # fmt: skip
    by_id = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    todo = [package["id"] for package in metadata["packages"] if package["name"] in packages]
    seen = set()
    while todo:
        this = todo.pop()
        if this not in seen:
            seen.add(this)
            # What only builds or tests is no part of the programs.
            todo += [
                dep["pkg"] for dep in nodes[this]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])
            ]
    return sorted((by_id[this] for this in seen if by_id[this]["source"]), key=lambda package: package["name"])


def accepted():
    """The licences that a library may have: those of the Rust packages, and the LGPL, under which FFmpeg is."""
    with open(REPOSITORY / "tests/deny.toml", "rb") as file:
        return {*tomllib.load(file)["licenses"]["allow"], "LGPL-3.0-or-later"}


def write(packages, sources, folder):
    """Writes `THIRD-PARTY.txt` (texts) and `third-party.json` (name, version, licence) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    table, texts, missing = [], {}, []
    for package in packages:
        licence = package["license"] or "see the text"
        table.append({"name": package["name"], "version": package["version"], "licence": licence, "from": "cargo"})
        text = _text_of(package)
        if text:
            texts.setdefault(text, []).append(f"{package['name']} {package['version']} ({licence})")
        elif not package["license"]:
            missing.append(package["name"])
    for source in sources:
        if source.licence not in accepted():
            sys.exit(f"error: the licence of {source.name}, {source.licence}, is not accepted in tests/deny.toml")
        fields = {"name": source.name, "version": source.version, "licence": source.licence, "from": source.registry}
        table.append(fields)
        texts.setdefault(source.licence_text(), []).append(f"{source.name} {source.version} ({source.licence})")
    if missing:
        sys.exit(f"error: no licence is known of {', '.join(missing)}")
    with open(folder / "THIRD-PARTY.txt", "w") as file:
        file.write("What is built into sleap-stream and sleap-worker, and its licences.\n\n")
        file.writelines(f"{it['name']} {it['version']}: {it['licence']}\n" for it in table)
        for text, names in texts.items():
            file.write(f"\n{'=' * 80}\n{chr(10).join(names)}\n{'-' * 80}\n{text.strip()}\n")
    (folder / "third-party.json").write_text(json.dumps(table, indent=1) + "\n")


def _text_of(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name.upper().startswith(NAMES)]
    if package.get("license_file"):
        files.append(folder / package["license_file"])
    return "\n\n".join(path.read_text(errors="replace").strip() for path in dict.fromkeys(files))
