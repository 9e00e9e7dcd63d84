//! The types that the glossary names are in the code.

use std::collections::BTreeSet;

use super::page::{self, Page, cells, code, root};

/// Names of all structures, enums, traits and type aliases of the crates.
fn types() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    page::walk(&root().join("crates"), &mut |path| {
        if path.extension().is_none_or(|it| it != "rs") {
            return;
        }
        for line in page::text(path).lines() {
            let mut words = line.split(|char: char| !char.is_alphanumeric() && char != '_');
            while let Some(word) = words.next() {
                if ["struct", "enum", "trait", "type"].contains(&word) {
                    found.extend(words.next().map(str::to_owned));
                }
            }
        }
    });
    found
}

#[test]
fn types_of_the_glossary_exist() {
    let types = types();
    let glossary = Page::read(".github/GLOSSARY.md");
    let rows = glossary.text.lines().filter(|line| line.starts_with("| "));
    let named: Vec<&str> = rows
        .filter_map(|row| Some(code(cells(row).get(2)?)))
        .flatten()
        .map(|name| name.rsplit("::").next().unwrap_or(name))
        .filter(|name| !name.starts_with('…'))
        .collect();
    assert!(named.len() > 100, "too few types: {named:?}");
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| !types.contains(**name))
        .collect();
    assert!(missing.is_empty(), "not in the code: {missing:?}");
}
