//! Display of untrusted text.
//!
//! Names and reasons come from peers, signaling servers, files and models. A terminal executes control
//! characters, and characters that reorder, hide or end a line mislead the reader. Text for display or
//! for the log is escaped by [`one_line`] where it is written, and nowhere else; output for programs keeps
//! the original text, for which JSON has its own escapes ([`json_escaped`]).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Characters of a name that are displayed.
pub const NAME: usize = 200;

/// Characters of a reason that are displayed.
pub const REASON: usize = 1000;

/// The text in one line. Characters that are not plain are written as in a string of Rust: `\n`, `\t`,
/// `\u{1b}`.
///
/// Plain are letters of all scripts with their marks, digits, symbols, spaces and emoji, also those joined
/// by U+200D. Not plain are control characters (C0, DEL, C1), line and paragraph separators, and
/// characters without a visible glyph: bidirectional controls, characters of no width, tags, fillers,
/// private and unassigned ones.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |char, out| match char {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        char => out.extend(char.escape_unicode()),
    })
}

/// Equivalent JSON in which every character that is not plain is escaped. JSON itself requires that for
/// C0 only, but the output for a program may also be displayed in a terminal. Line ends between values
/// are kept.
pub fn json_escaped(json: &str) -> Cow<'_, str> {
    escaped(json, |char, out| match char {
        // Inside of strings these are escaped already; here they separate values.
        '\0'..='\x1f' => out.push(char),
        char => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    })
}

/// The beginning of a text, and how much was cut off, for texts of any length.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some((end, _)) => {
            let rest = text[end..].chars().count();
            format!("{}... ({rest} characters more)", &text[..end]).into()
        }
    }
}

/// Lines that belong together. Each string is displayed as one line, whatever it contains.
///
/// As the last cause of an error it is what the error lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(pub Vec<String>);

impl fmt::Display for Lines {
    /// In one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Lines {}

impl From<&str> for Lines {
    fn from(line: &str) -> Self {
        Self(vec![line.to_owned()])
    }
}

impl From<String> for Lines {
    fn from(line: String) -> Self {
        Self(vec![line])
    }
}

impl From<Vec<String>> for Lines {
    fn from(lines: Vec<String>) -> Self {
        Self(lines)
    }
}

impl<const N: usize> From<[String; N]> for Lines {
    fn from(lines: [String; N]) -> Self {
        Self(lines.into())
    }
}

/// The text with every character that is not plain as `escape` writes it.
fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if is_plain(char) || is_of_emoji(before, char, chars.peek().copied()) {
            out.push(char);
        } else {
            escape(char, &mut out);
        }
        before = char;
    }
    out.into()
}

/// Whether a character has a visible glyph in every context.
fn is_plain(char: char) -> bool {
    match char {
        ' '..='~' => true,
        // Letters and marks by category, but without a glyph.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        '\u{2028}' | '\u{2029}' => false,
        char if char.is_control() => false,
        char if char.is_whitespace() => true,
        char => is_printable(char),
    }
}

/// Whether the standard library prints the character unescaped within a text: it is no control, format,
/// private or unassigned character of the compiler's Unicode version.
fn is_printable(char: char) -> bool {
    let mut text = [0; 5];
    text[0] = b'a';
    let end = 1 + char.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..end]).unwrap_or_default();
    // A mark is printed unescaped only after a letter.
    text.escape_debug().count() == 2
}

/// Whether the character is part of an emoji: a joiner, or a variation selector.
fn is_of_emoji(before: char, char: char, after: Option<char>) -> bool {
    const FORM: char = '\u{fe0f}';
    match char {
        '\u{200d}' => (is_emoji(before) || before == FORM) && after.is_some_and(is_emoji),
        FORM => is_emoji(before) || matches!(before, '0'..='9' | '#' | '*'),
        _ => false,
    }
}

/// The blocks that contain emoji.
fn is_emoji(char: char) -> bool {
    matches!(char,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{24c2}'
        | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What must not reach a terminal, from all of Unicode.
    fn is_harmful(char: char) -> bool {
        char.is_control()
            || matches!(char,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
    }

    #[test]
    fn nothing_that_steers_a_terminal_or_hides_passes_by_itself() {
        for char in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = format!("a{char}b");
            let shown = one_line(&text);
            assert!(!shown.contains(is_harmful), "{char:?} as {shown:?}");
            assert_eq!(one_line(&shown), shown, "{char:?} is escaped twice");
        }
    }

    #[test]
    fn what_is_escaped_can_be_read_back() {
        for (text, shown) in [
            ("a\nerror: b", "a\\nerror: b"),
            ("a\r\tb", "a\\r\\tb"),
            ("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("csi \u{9b}2J del \x7f", "csi \\u{9b}2J del \\u{7f}"),
            ("gpj.\u{202e}4pm", "gpj.\\u{202e}4pm"),
            ("a\u{2028}b\u{feff}c", "a\\u{2028}b\\u{feff}c"),
            ("flag\u{e0067}", "flag\\u{e0067}"),
            // Not next to an emoji, it is invisible.
            ("a\u{200d}b", "a\\u{200d}b"),
            ("🐭\u{200d}", "🐭\\u{200d}"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
        ] {
            assert_eq!(one_line(text), shown);
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "C:\\rig 1\\day 1.mp4",
            "Mäuse, e\u{301}t\u{e9}",
            "日本語\u{3000}カメラ",
            "ネズミ・कुत्ता · עכבר · فأر · ไทย",
            "12\u{202f}000 ± 3 µm",
            "👩\u{200d}🔬 🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f} 3\u{fe0f}\u{20e3} 👍🏽 🐈\u{200d}⬛",
        ] {
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn long_texts_end_with_how_much_was_cut() {
        assert_eq!(cut("Mäuse", 5), "Mäuse");
        assert_eq!(cut("Mäuse", 2), "Mä... (3 characters more)");
        let long = "ü".repeat(300_000);
        assert!(cut(&long, NAME).ends_with("... (299800 characters more)"));
    }

    proptest! {
        #[test]
        fn any_text_is_one_harmless_line(text in any::<String>()) {
            let shown = one_line(&text);
            let joins = |char| char == '\u{200d}';
            prop_assert!(!shown.contains(|char| is_harmful(char) && !joins(char)), "{shown:?}");
        }

        #[test]
        fn json_means_the_same_with_escapes(text in any::<String>()) {
            let json = serde_json::to_string(&[&text]).unwrap();
            let escaped = json_escaped(&json);
            let joins = |char| char == '\u{200d}';
            prop_assert!(!escaped.contains(|char| is_harmful(char) && !joins(char)), "{escaped:?}");
            let read: Vec<String> = serde_json::from_str(&escaped).unwrap();
            prop_assert_eq!(&read[0], &text);
        }
    }

    #[test]
    fn json_keeps_its_lines() {
        let json = "{\n\t\"a\": \"\u{202e}\u{e0001}\x7fé\"\n}\n";
        let escaped = "{\n\t\"a\": \"\\u202e\\udb40\\udc01\\u007fé\"\n}\n";
        assert_eq!(json_escaped(json), escaped);
    }
}
