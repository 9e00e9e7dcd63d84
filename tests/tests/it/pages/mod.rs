//! The pages keep their word: links lead somewhere, tables are those of the programs, messages are in the code.

mod commands;
mod dashboard;
mod glossary;
mod links;
mod options;
mod page;
mod tables;

use page::{Page, root};

#[test]
fn the_readme_is_short_and_has_the_calls_that_people_know() {
    let readme = Page::read("README.md");
    let lines = readme.text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines, at most 150");
    for call in [
        "./examples/quickstart.sh",
        "./tests/run.sh",
        "sleap-stream --webcam 0 --jpeg-quality 80",
        "sleap-worker --display",
        "sleap-stream --stream video.mp4 --fps 30",
    ] {
        assert!(readme.text.contains(call), "README.md lacks `{call}`");
    }
}

#[test]
fn pictures_are_small() {
    const MAX_BYTES: u64 = 150_000;
    let folder = root().join("examples/pictures");
    for entry in std::fs::read_dir(folder).expect("the folder is readable") {
        let entry = entry.expect("the entry is readable");
        let bytes = entry.metadata().expect("the file has a size").len();
        let name = entry.file_name();
        assert!(bytes <= MAX_BYTES, "{name:?} has {bytes} bytes");
    }
}

/// Names of the modules of the end-to-end tests.
#[test]
fn the_index_of_the_tests_names_each_of_them() {
    let page = Page::read("tests/README.md");
    let named = page.first_column("| module in `tests/tests/it` |");
    let mut found: Vec<String> = std::fs::read_dir(root().join("tests/tests/it"))
        .expect("the folder is readable")
        .map(|entry| entry.expect("the entry is readable").path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "main")
        .collect();
    found.sort();
    assert_eq!(named, found, "tests/README.md");
}

/// What the page on troubleshooting quotes is what the programs say.
#[test]
fn quoted_messages_are_in_the_code() {
    let page = Page::read("examples/troubleshooting/README.md");
    let quoted = page.first_column("| message |");
    assert!(quoted.len() > 30, "too few messages: {quoted:?}");
    let mut code = String::new();
    page::walk(&root().join("crates"), &mut |path| {
        if path.extension().is_some_and(|it| it == "rs" || it == "js") {
            code.push_str(&page::text(path));
        }
    });
    let code = joined(&code);
    let missing: Vec<&String> = quoted.iter().filter(|it| !code.contains(*it)).collect();
    assert!(missing.is_empty(), "not in the code: {missing:#?}");
}

/// The code with strings that go on in the next line in one piece.
fn joined(code: &str) -> String {
    let mut parts = code.split("\\\n");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.trim_start());
    }
    text
}
