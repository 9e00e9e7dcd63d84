//! The files that `--stream` and the words without an option name: a video, an address, or images.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use anyhow::{Context, Result, bail};
use glob::MatchOptions;
use vision::capture::{Source, is_image_name};

use crate::config::is_path;

/// The most images of one source.
const MAX_IMAGES: usize = 1_000_000;

/// As shells match names.
const LIKE_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The source that these words name. Several are the images of one sequence, in the order of the numbers in
/// their names, whether a shell has written the list or a word is a pattern (`img/*.png`).
pub(super) fn named_source(words: &[&str]) -> Result<Source> {
    if let [word] = words
        && !is_pattern(word)
    {
        return Ok(Source::File((*word).to_owned()));
    }
    let mut files = Vec::new();
    for word in words {
        match is_pattern(word) {
            true => files.extend(matches(word, MAX_IMAGES - files.len())?),
            false => files.push(PathBuf::from(word)),
        }
        if files.len() > MAX_IMAGES {
            bail!(
                "{word}: these are more than {MAX_IMAGES} files, the most that one source may have"
            );
        }
    }
    let is_image = |file: &PathBuf| is_path(&file.to_string_lossy()) && is_image_name(file);
    match files.iter().find(|file| !is_image(file)) {
        None => {}
        Some(only) if files.len() == 1 => {
            return Ok(Source::File(only.to_string_lossy().into_owned()));
        }
        Some(other) => bail!(
            "these are {} sources at once: give one, or --stream before each where they are recordings of cameras that ran \
             together. Several files are one source only where all are images of a sequence, and {} is none",
            files.len(),
            other.display()
        ),
    }
    files.sort_by(|one, other| by_number(&one.to_string_lossy(), &other.to_string_lossy()));
    let name = match words {
        // Folders are not for the worker.
        [pattern] => last_part(Path::new(pattern)),
        _ => name_of(&files),
    };
    Ok(Source::Images { name, files })
}

/// Whether a word stands for all files whose names match it. A file of exactly this name comes first.
fn is_pattern(word: &str) -> bool {
    is_path(word) && word.contains(['*', '?', '[']) && !Path::new(word).exists()
}

fn matches(pattern: &str, limit: usize) -> Result<Vec<PathBuf>> {
    let found = glob::glob_with(pattern, LIKE_A_SHELL)
        .with_context(|| format!("{pattern} is no pattern of file names"))?;
    let files: Vec<PathBuf> = found
        .take(limit.saturating_add(1))
        .collect::<Result<_, _>>()
        .with_context(|| format!("the files of {pattern} cannot be listed"))?;
    if files.is_empty() {
        bail!("{pattern}: no file has such a name. Check the spelling and the folder");
    }
    Ok(files)
}

fn name_of(files: &[PathBuf]) -> String {
    match files {
        [] => String::new(),
        [one] => last_part(one),
        [first, more @ ..] => format!("{} and {} more", last_part(first), more.len()),
    }
}

fn last_part(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Numbers in names are compared by their values: `img_2` comes before `img_10`.
fn by_number(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.chars().peekable(), other.chars().peekable());
    loop {
        let order = match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return one.cmp(other),
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (a, b) = (digits(&mut left), digits(&mut right));
                a.len().cmp(&b.len()).then(a.cmp(&b))
            }
            (a, b) => {
                left.next();
                right.next();
                a.cmp(&b)
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits that come next, without zeros before them.
fn digits(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in a folder of their own.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    fn images(source: Source) -> (String, Vec<String>) {
        let Source::Images { name, files } = source else {
            panic!("{source:?}");
        };
        let short = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        (name, files.iter().map(short).collect())
    }

    #[test]
    fn one_word_is_a_video_or_an_address() {
        for word in ["a.mp4", "rtsp://cam/1?x=*", "img_%04d.png", "a.png"] {
            let source = named_source(&[word]).unwrap();
            assert!(matches!(source, Source::File(name) if name == word));
        }
    }

    #[test]
    fn images_come_in_the_order_of_their_numbers() {
        let names = [
            "img_10.png",
            "img_2.png",
            "img_001.png",
            ".img_3.png",
            "a.txt",
        ];
        let folder = folder(&names);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let expected = ["img_001.png", "img_2.png", "img_10.png"];
        let pattern = path("*.png");
        let (name, files) = images(named_source(&[&pattern]).unwrap());
        assert_eq!(
            (name.as_str(), files),
            ("*.png", expected.map(str::to_owned).to_vec())
        );
        let listed = [path("img_10.png"), path("img_001.png"), path("img_2.png")];
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let (name, files) = images(named_source(&listed).unwrap());
        assert_eq!(name, "img_001.png and 2 more");
        assert_eq!(files, expected);
    }

    #[test]
    fn several_videos_and_patterns_without_files_are_refused() {
        let error = |words: &[&str]| named_source(words).unwrap_err().to_string();
        assert!(error(&["a.mp4", "b.mp4"]).contains("2 sources at once"));
        assert!(error(&["a.png", "b.mp4"]).contains("b.mp4 is none"));
        assert!(error(&["a.png", "http://h/b.png"]).contains("2 sources"));
        assert!(error(&["/nowhere/*.png"]).contains("no file has such a name"));
        assert!(error(&["/nowhere/[.png"]).contains("no pattern"));
    }

    #[test]
    fn a_pattern_may_stand_for_one_video_and_a_name_may_look_like_one() {
        let folder = folder(&["day1.mp4", "a[1].mp4"]);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (word, file) in [("day*.mp4", "day1.mp4"), ("a[1].mp4", "a[1].mp4")] {
            let source = named_source(&[&path(word)]).unwrap();
            assert!(matches!(source, Source::File(name) if name == path(file)));
        }
    }

    #[test]
    fn numbers_are_compared_by_their_values() {
        let mut names = ["b1", "a10", "a9x2", "a9x10", "a", "a009", "a9"];
        names.sort_by(|one, other| by_number(one, other));
        assert_eq!(names, ["a", "a009", "a9", "a9x2", "a9x10", "a10", "b1"]);
        let long = format!("a{}", "9".repeat(400));
        assert_eq!(by_number("a8", &long), Ordering::Less);
    }
}
