//! Links between pages, and paths of the repository that pages name.

use std::path::Path;

use super::page::{Page, code, root, without_code};

/// Where the folders that pages name by path are.
const FOLDERS: [&str; 5] = ["crates/", "tests/", "examples/", ".github/", ".ci/"];

/// The targets of a line's links and pictures.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let links = line.split("](").skip(1);
    links
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// What is wrong with a link, if anything is.
fn fault(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = match path {
        "" => page.folder().join(Path::new(&page.name).file_name()?),
        path => page.folder().join(path),
    };
    let Ok(linked) = linked.canonicalize() else {
        return Some(format!("there is no {path}"));
    };
    if anchor.is_empty() {
        return None;
    }
    let Ok(name) = linked.strip_prefix(root()) else {
        return Some(format!("{path} is outside the repository"));
    };
    let anchors = Page::read(&name.to_string_lossy()).anchors();
    (!anchors.iter().any(|it| it == anchor)).then(|| format!("{path} has no heading #{anchor}"))
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut faults = Vec::new();
    let mut links = 0;
    for page in Page::all() {
        for (at, line, _) in page.lines().filter(|(.., is_prose)| *is_prose) {
            for target in targets(line) {
                links += 1;
                if let Some(fault) = fault(&page, &target) {
                    faults.push(format!("{}:{at}: {fault}", page.name));
                }
            }
        }
    }
    assert!(links > 100, "only {links} links were found");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The paths of the repository in a text of words.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', '=', '\'', '"', ',', '(', ')', ':']);
    let words = words.map(|word| word.trim_start_matches("./"));
    let is_path = |word: &&str| {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
        FOLDERS.iter().any(|folder| word.starts_with(folder)) && word.chars().all(is_plain)
    };
    words.filter(is_path)
}

#[test]
fn paths_that_pages_name_exist() {
    let mut missing = Vec::new();
    for page in Page::all() {
        for (at, line, is_prose) in page.lines() {
            let texts = match is_prose {
                true => code(line),
                false => vec![line],
            };
            for path in texts.into_iter().flat_map(paths) {
                let is_there = [root(), page.folder()]
                    .iter()
                    .any(|from| from.join(path).exists());
                if !is_there {
                    missing.push(format!("{}:{at}: {path}", page.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
