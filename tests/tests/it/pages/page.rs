//! Pages of the repository, as far as the tests read Markdown.

use std::path::{Path, PathBuf};

/// Folders without pages of this project.
const SKIPPED: [&str; 4] = ["target", ".git", "corpus", "shared"];

pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the repository is there")
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Calls `found` with every file below a folder.
pub(crate) fn walk(dir: &Path, found: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !path.is_dir() {
            found(&path);
        } else if !SKIPPED.contains(&name.as_ref()) {
            walk(&path, found);
        }
    }
}

/// A page in Markdown.
pub(crate) struct Page {
    /// Its path in the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text(&root().join(name)),
        }
    }

    /// All pages of the repository.
    pub(crate) fn all() -> Vec<Self> {
        let mut names = Vec::new();
        let root = root();
        walk(&root, &mut |path| {
            if path.extension().is_some_and(|it| it == "md") {
                let path = path.strip_prefix(&root).expect("it is below the root");
                names.push(path.to_string_lossy().into_owned());
            }
        });
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The folder that its links start from.
    pub(crate) fn folder(&self) -> PathBuf {
        let path = root().join(&self.name);
        path.parent().expect("a page has a folder").to_owned()
    }

    /// Its lines with their numbers: prose (`true`) or inside a fence.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut in_fence = false;
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            if line.trim_start().starts_with("```") {
                in_fence = !in_fence;
                return None;
            }
            Some((at + 1, line, !in_fence))
        })
    }

    /// The anchors of its headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for (_, line, is_prose) in self.lines() {
            let title = line.trim_start_matches('#');
            if !is_prose || title.len() == line.len() || !title.starts_with(' ') {
                continue;
            }
            let slug = slug(title.trim());
            let before = anchors.iter().filter(|it| **it == slug).count();
            anchors.push(match before {
                0 => slug,
                times => format!("{slug}-{times}"),
            });
        }
        anchors
    }

    /// What stands between the marks `<!-- NAME -->` and `<!-- /NAME -->`.
    #[track_caller]
    pub(crate) fn between(&self, name: &str) -> &str {
        let (begin, end) = marks(name);
        let inner = self.text.split_once(&begin).map(|(_, rest)| rest);
        let inner = inner.and_then(|rest| rest.split_once(&end));
        let Some((inner, _)) = inner else {
            panic!("{} has no {begin:?} with its end", self.name);
        };
        inner
    }

    /// The page with something else between two marks.
    pub(crate) fn with(&self, name: &str, inner: &str) -> String {
        let (begin, end) = marks(name);
        let old = format!("{begin}{}{end}", self.between(name));
        self.text.replacen(&old, &format!("{begin}{inner}{end}"), 1)
    }

    /// Words in backticks in the first column of all tables whose heading begins so.
    pub(crate) fn first_column(&self, heading: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut is_in = false;
        for line in self.text.lines() {
            match line.starts_with('|') {
                false => is_in = false,
                true if line.starts_with(heading) => is_in = true,
                true if is_in => words.extend(code(cells(line)[0]).into_iter().map(str::to_owned)),
                true => {}
            }
        }
        words
    }
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"))
}

/// The cells of a table's row.
pub(crate) fn cells(row: &str) -> Vec<&str> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split(" | ").map(str::trim).collect()
}

/// What stands in backticks.
pub(crate) fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A line without what stands in backticks.
pub(crate) fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// The anchor of a heading: its letters and digits in lower case, hyphens for blanks.
fn slug(title: &str) -> String {
    let kept = |char: &char| char.is_alphanumeric() || [' ', '-', '_'].contains(char);
    let text: String = title.to_lowercase().chars().filter(kept).collect();
    text.replace(' ', "-")
}
