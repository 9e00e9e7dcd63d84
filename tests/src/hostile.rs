//! A text that means harm wherever it is shown, and what is left of it.

/// Sets a terminal's title, clears it, colours it in two ways, begins an error, an entry of a log and a
/// report's line, and reorders, parts and hides what follows.
pub const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{7f}\rforged\nerror: forged\n\
    2026-01-01T00:00:00.000000Z  WARN forged\nok    forged\n  -> forged\n\
    \u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// Fails if what a program has written for people could steer a terminal or looks like what it would say
/// itself, and unless the hostile text is part of it.
#[track_caller]
pub fn assert_shown_harmlessly(said: &str) {
    assert_harmless(said);
    assert!(
        said.contains(r"\u{1b}]0;owned\u{7}"),
        "it is not shown: {said}"
    );
}

/// As [`assert_shown_harmlessly`], where the hostile text need not be shown.
#[track_caller]
pub fn assert_harmless(said: &str) {
    let harmful = |char: char| match char {
        '\n' => false,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {
            true
        }
        '\u{feff}' | '\u{e0000}'..='\u{e0fff}' => true,
        char => char.is_control(),
    };
    if let Some(at) = said.find(harmful) {
        panic!("byte {at} is harmful in {said:?}");
    }
    for line in said.lines() {
        let line = line.trim_start();
        for begin in [
            "forged",
            "error: forged",
            "2026-01-01T",
            "ok    forged",
            "-> forged",
        ] {
            assert!(!line.starts_with(begin), "a forged line: {said}");
        }
    }
}
