//! Lines for people, broken between words where a terminal ends.

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

/// A narrower terminal breaks lines itself.
const MIN_COLUMNS: usize = 40;

/// The columns that a text takes; escape sequences take none.
pub(super) fn columns(text: &str) -> usize {
    strip_str(text).to_string().width()
}

/// The line with breaks between words, so that it fits `width` columns; lines after the first begin with `indent`
/// spaces. A word that is longer stays in one piece: it may be a path or a link that is to be copied.
pub(super) fn wrapped(line: &str, width: usize, indent: usize) -> String {
    if width < MIN_COLUMNS || columns(line) <= width {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len() + 16);
    let mut at = 0;
    // Whether the present line has a word, and whether it begins behind a break.
    let (mut has_word, mut is_broken) = (false, false);
    for (number, word) in line.split(' ').enumerate() {
        let length = columns(word);
        if has_word && at + 1 + length > width {
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
            // A long word fits with fewer spaces before it.
            at = indent.min(width.saturating_sub(length));
            text.push_str(&" ".repeat(at));
            (has_word, is_broken) = (false, true);
        } else if number > 0 && (has_word || !is_broken) {
            text.push(' ');
            at += 1;
        }
        text.push_str(word);
        at += length;
        has_word |= length > 0;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_long_words_stay_whole() {
        let line = "error: the worker at ws://127.0.0.1:8080 has answered nothing for 60 s";
        assert_eq!(wrapped(line, 80, 2), line);
        assert_eq!(
            wrapped(line, 40, 2),
            "error: the worker at ws://127.0.0.1:8080\n  has answered nothing for 60 s"
        );
        let path = format!("cannot read /data/{}", "x".repeat(60));
        let broken = wrapped(&path, 75, 15);
        assert_eq!(broken, path.replacen(" /", "\n         /", 1));
        let broken = wrapped(&path, 40, 2);
        assert_eq!(broken, path.replacen(" /", "\n/", 1));
        assert_eq!(wrapped(line, 20, 2), line, "the terminal breaks it");
    }

    #[test]
    fn spaces_within_a_line_stay() {
        let line = "frames              60   24.0 frames/s   1.5 MB/s   2.5 s";
        assert_eq!(
            wrapped(line, 44, 4),
            "frames              60   24.0 frames/s   1.5\n    MB/s   2.5 s"
        );
        let indented = format!("    {}", "word ".repeat(12));
        let indented = wrapped(indented.trim_end(), 40, 6);
        assert!(indented.starts_with("    word") && indented.contains("\n      word"));
    }

    #[test]
    fn colours_take_no_columns_and_wide_characters_two() {
        assert_eq!(columns("\x1b[32m INFO\x1b[0m ready"), 11);
        assert_eq!(columns("カメラ"), 6);
        let line = "\x1b[2mone\x1b[0m two ".repeat(5);
        assert_eq!(wrapped(line.trim_end(), 40, 0), line.trim_end());
    }
}
