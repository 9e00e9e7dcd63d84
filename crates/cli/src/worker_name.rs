//! Names that users give to workers.

use protocol::text;

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 64;

/// A name that people read: printable, at most 64 characters, no blank at either end.
///
/// # Errors
/// In words for the option that has the name.
pub fn printable_name(name: &str) -> Result<String, String> {
    let is_printable = name == name.trim() && text::one_line(name) == name;
    match is_printable && (1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "a name has 1 to {MAX_NAME_CHARS} printable characters, no blank at either end"
        )),
    }
}

/// A name that can also stand in a link, in a file's name and on a command line without quotes: letters and
/// digits of ASCII, `.`, `-` and `_`, and first a letter or digit.
///
/// # Errors
/// In words for the option that has the name. They do not repeat it: what stands there may be a secret.
pub fn plain_name(name: &str) -> Result<String, String> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    let begins = name.starts_with(|char: char| char.is_ascii_alphanumeric());
    match begins && name.len() <= MAX_NAME_CHARS && name.chars().all(is_plain) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "a name has 1 to {MAX_NAME_CHARS} letters (A-Z, a-z), digits, '.', '-' and '_', and begins with a \
             letter or digit"
        )),
    }
}

/// The text as a plain name: `-` in place of other characters; `None` where nothing is left.
pub fn as_plain_name(text: &str) -> Option<String> {
    let plain = |char: char| match char.is_ascii_alphanumeric() || matches!(char, '.' | '_') {
        true => char,
        false => '-',
    };
    let text: String = text.chars().map(plain).collect();
    let ends = |char: char| !char.is_ascii_alphanumeric();
    let name: String = text
        .trim_matches(ends)
        .chars()
        .take(MAX_NAME_CHARS)
        .collect();
    plain_name(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for name in ["rig", "Rig 2 (A40)", "Käfig 7", &"x".repeat(64)] {
            assert_eq!(printable_name(name).as_deref(), Ok(name));
        }
        for name in [
            "",
            " rig",
            "rig\n",
            "a\u{1b}[1m",
            "a\u{202e}b",
            &"x".repeat(65),
        ] {
            assert!(printable_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn plain_names_need_no_quotes_anywhere() {
        for name in ["rig", "rig-7f3a.lab_2", "10.9.0.1", &"x".repeat(64)] {
            assert_eq!(plain_name(name).as_deref(), Ok(name));
        }
        for name in [
            "",
            ".",
            "..",
            "-rig",
            ".rig",
            "a b",
            "a/b",
            "a\\b",
            "ä",
            "a#b",
            &"x".repeat(65),
        ] {
            let error = plain_name(name).unwrap_err();
            assert!(name.len() < 2 || !error.contains(name), "{name:?}: {error}");
        }
        for (text, name) in [
            ("RIG", Some("RIG")),
            ("[fd00::7]", Some("fd00--7")),
            ("Anns Käfig", Some("Anns-K-fig")),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(as_plain_name(text).as_deref(), name, "{text}");
        }
    }
}
