//! Numbered images as one source: `img_%04d.png`.

use std::path::Path;

/// FFmpeg looks for the first number from 0 to this one.
const MAX_FIRST_NUMBER: u32 = 4;

/// Extensions of images.
const IMAGES: [&str; 9] = [
    "bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp",
];

/// Folder, with its `/`, and name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

/// Whether a name has a place for a number, `%d` or `%04d`.
pub(super) fn has_pattern(name: &str) -> bool {
    parts(name).is_some()
}

/// The path as FFmpeg has to be given it: every `%` of the folder stands for itself.
pub(super) fn with_plain_folder(path: &str) -> String {
    let (folder, name) = split(path);
    folder.replace('%', "%%") + name
}

/// Whether FFmpeg would look for numbered images at the path of this one image, and so might read others.
pub(super) fn is_taken_for_pattern(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|it| it.to_str());
    let is_image = extension.is_some_and(|it| IMAGES.contains(&&*it.to_ascii_lowercase()));
    is_image && has_pattern(path)
}

/// The first file of a sequence, where there is one.
pub(super) fn first_file(pattern: &str) -> Option<String> {
    let (folder, name) = split(pattern);
    let (before, width, after) = parts(name)?;
    let file = |number| format!("{folder}{before}{number:0width$}{after}");
    (0..=MAX_FIRST_NUMBER)
        .map(file)
        .find(|file| Path::new(file).is_file())
}

/// What precedes the number, its digits, and what follows it.
fn parts(name: &str) -> Option<(&str, usize, &str)> {
    /// More digits than any number has.
    const MAX_WIDTH: usize = 32;
    name.match_indices('%').find_map(|(at, _)| {
        let rest = &name[at + 1..];
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let after = rest[digits..].strip_prefix('d')?;
        let width = match &rest[..digits] {
            "" => 0,
            digits => digits.parse().ok().filter(|width| *width <= MAX_WIDTH)?,
        };
        Some((&name[..at], width, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_place_for_a_number() {
        for name in ["%d.png", "img_%04d.png", "50% of %3d"] {
            assert!(has_pattern(name), "{name}");
        }
        for name in [
            "img.png",
            "100%",
            "100%.mp4",
            "50% done",
            "%s",
            "%99d",
            "%99999999999999999999d",
        ] {
            assert!(!has_pattern(name), "{name}");
        }
    }

    #[test]
    fn a_folders_name_is_no_pattern() {
        assert_eq!(split("a/b%d/c.mp4"), ("a/b%d/", "c.mp4"));
        assert_eq!(split("c.mp4"), ("", "c.mp4"));
        assert_eq!(with_plain_folder("a%d/i_%d.png"), "a%%d/i_%d.png");
        assert!(is_taken_for_pattern("a%d/c.PNG") && is_taken_for_pattern("%d.tif"));
        assert!(!is_taken_for_pattern("a%d/c.mp4") && !is_taken_for_pattern("50% off/c.png"));
    }

    #[test]
    fn the_first_file_has_a_number_up_to_four() {
        let dir = tempfile::tempdir().unwrap();
        let pattern = dir.path().join("i_%03d.png").display().to_string();
        assert_eq!(first_file(&pattern), None);
        for number in ["005", "04", "003"] {
            std::fs::write(dir.path().join(format!("i_{number}.png")), "").unwrap();
        }
        let first = dir.path().join("i_003.png").display().to_string();
        assert_eq!(first_file(&pattern), Some(first));
    }
}
