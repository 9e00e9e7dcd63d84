//! The two lists beside this test: `layers.txt`, and `still-to-go.txt`.

use std::collections::{BTreeMap, BTreeSet};

/// The layers of a crate, or of the workspace, from the top down.
pub(super) type Layers = Vec<Vec<String>>;

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty())
}

/// Reads lines of names, each under a `[heading]`.
pub(super) fn layers(text: &str) -> BTreeMap<String, Layers> {
    let mut sections: BTreeMap<String, Layers> = BTreeMap::new();
    let mut heading = String::new();
    for line in lines(text) {
        match line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(name) => heading = name.to_owned(),
            None => {
                let names = line.split_whitespace().map(str::to_owned).collect();
                sections.entry(heading.clone()).or_default().push(names);
            }
        }
    }
    sections
}

/// What does not keep to the rules yet.
#[derive(Default)]
pub(super) struct StillToGo {
    /// As [`circle`] writes them.
    pub circles: BTreeSet<String>,
    /// Functions and files that are too long, and the lines that each may have.
    pub lengths: BTreeMap<String, usize>,
}

pub(super) fn still_to_go(text: &str) -> StillToGo {
    let mut list = StillToGo::default();
    for line in lines(text) {
        if line.starts_with("circle ") {
            list.circles.insert(line.to_owned());
            continue;
        }
        let (what, lines) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("a number ends the line: {line}"));
        let lines = lines.parse().unwrap_or_else(|_| panic!("a number: {line}"));
        list.lengths.insert(what.to_owned(), lines);
    }
    list
}

/// A circle's line in the list.
pub(super) fn circle(parent: &str, modules: &BTreeSet<String>) -> String {
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    format!("circle {parent}: {}", modules.join(" "))
}
