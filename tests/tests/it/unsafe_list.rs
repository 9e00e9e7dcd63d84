//! Unsafe code stands where `tests/UNSAFE.md` names it and nowhere else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" {
            walk(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") || name == "Cargo.toml" {
            found.push(path);
        }
    }
}

/// Whether the code has the keyword, or lets the lint pass.
fn has_unsafe(source: &str) -> bool {
    // In pieces, because this file is looked at, too.
    let (keyword, lint) = (concat!("un", "safe"), concat!("un", "safe_code"));
    let is_of_a_name = |char: char| char.is_alphanumeric() || char == '_';
    let code = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    code.flat_map(|line| line.split(|char| !is_of_a_name(char)))
        .any(|word| word == keyword || word == lint)
}

/// The files in the first column of the table.
fn named() -> BTreeSet<String> {
    let list = std::fs::read_to_string(root().join("tests/UNSAFE.md")).expect("the list is there");
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    list.lines().filter_map(row).collect()
}

#[test]
fn unsafe_code_is_where_the_list_names_it() {
    let mut files = Vec::new();
    for dir in ["crates", "tests", "examples"] {
        walk(&root().join(dir), &mut files);
    }
    let found: BTreeSet<String> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter(|path| has_unsafe(&std::fs::read_to_string(path).expect("it is text")))
        .map(|path| {
            let path = path.strip_prefix(root()).expect("it is below the root");
            path.to_string_lossy().replace('\\', "/")
        })
        .collect();
    assert_eq!(found, named());
}

#[test]
fn every_crate_of_the_workspace_takes_its_lints() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains(concat!("un", "safe_code = \"deny\"")));
    let mut files = Vec::new();
    walk(&root().join("crates"), &mut files);
    files.push(root().join("tests/Cargo.toml"));
    for file in files.iter().filter(|path| path.ends_with("Cargo.toml")) {
        let manifest = std::fs::read_to_string(file).unwrap();
        let takes = manifest.contains("[lints]\nworkspace = true");
        assert!(takes, "{}", file.display());
    }
}
