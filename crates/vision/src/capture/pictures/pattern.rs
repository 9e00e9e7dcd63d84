//! Patterns of numbered pictures, and the files that match them.

use std::io;
use std::path::{Path, PathBuf};

/// More digits than any number has.
const MAX_DIGITS: usize = 20;

/// `frame_%04d.png`: a number between two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberPattern {
    before: String,
    /// The least digits; shorter numbers begin with zeros.
    digits: usize,
    after: String,
}

impl NumberPattern {
    /// The first `%d` or `%04d` of a name; `None` for the name of a single file.
    pub(super) fn of(name: &str) -> Option<NumberPattern> {
        name.match_indices('%').find_map(|(at, _)| {
            let rest = &name[at + 1..];
            let width = rest.find(|char: char| !char.is_ascii_digit())?;
            let after = rest[width..].strip_prefix('d')?;
            let digits = match &rest[..width] {
                "" => 0,
                digits => digits.parse().ok().filter(|it| *it <= MAX_DIGITS)?,
            };
            Some(NumberPattern {
                before: name[..at].to_owned(),
                digits,
                after: after.to_owned(),
            })
        })
    }

    /// The number in `name`; `None`: it does not match.
    fn number(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&*self.before)?;
        let number = number.strip_suffix(&*self.after)?;
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        let is_padded = number.len() == self.digits.max(1);
        let is_long = number.len() > self.digits && !number.starts_with('0');
        (is_number && (is_padded || is_long)).then(|| number.parse().ok())?
    }
}

/// Folder, with its `/`, and name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

/// The pictures in `folder` that match, in the order of their numbers.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn list(folder: &str, pattern: &NumberPattern) -> io::Result<Vec<(u64, PathBuf)>> {
    let folder = match folder {
        "" => Path::new("."),
        folder => Path::new(folder),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        // Names that are no text match no pattern.
        if let Ok(name) = entry?.file_name().into_string()
            && let Some(number) = pattern.number(&name)
        {
            found.push((number, folder.join(name)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(pattern: &str, name: &str) -> Option<u64> {
        NumberPattern::of(pattern).unwrap().number(name)
    }

    #[test]
    fn numbers_stand_where_the_pattern_has_them() {
        assert_eq!(number("f_%04d.png", "f_0012.png"), Some(12));
        assert_eq!(number("f_%4d.png", "f_0012.png"), Some(12));
        assert_eq!(number("f_%04d.png", "f_12345.png"), Some(12345));
        assert_eq!(number("f_%d.png", "f_0.png"), Some(0));
        assert_eq!(number("50% of %3d", "50% of 007"), Some(7));
        for name in [
            "f_012.png",
            "f_00012.png",
            "f_.png",
            "f_12a4.png",
            "f_0012.jpg",
            "f_+012.png",
        ] {
            assert_eq!(number("f_%04d.png", name), None, "{name}");
        }
        assert_eq!(number("f_%d.png", "f_07.png"), None);
        assert_eq!(number("f_%d.png", "f_99999999999999999999.png"), None);
        assert_eq!(number("aba%daba", "aba"), None);
    }

    #[test]
    fn names_of_single_files_are_no_patterns() {
        for name in [
            "img.png",
            "100%",
            "100%.mp4",
            "50% done",
            "%s",
            "%99d",
            "%99999999999999999999d",
        ] {
            assert_eq!(NumberPattern::of(name), None, "{name}");
        }
    }

    #[test]
    fn a_folder_is_listed_in_the_order_of_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["f10.png", "f9.png", "f1.png", "f.png", "f1.jpg", "g1.png"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let pattern = NumberPattern::of("f%d.png").unwrap();
        let listed = list(folder.path().to_str().unwrap(), &pattern).unwrap();
        let numbers: Vec<u64> = listed.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 9, 10]);
        assert_eq!(split("a/b%d/c_%d.png"), ("a/b%d/", "c_%d.png"));
        assert_eq!(split("c.mp4"), ("", "c.mp4"));
    }
}
