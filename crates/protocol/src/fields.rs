//! Fields of text messages.

/// A plain decimal number: digits only, no sign, no blanks.
pub(crate) fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A short excerpt of a peer's text for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    text.chars().take(MAX_CHARS).collect()
}
