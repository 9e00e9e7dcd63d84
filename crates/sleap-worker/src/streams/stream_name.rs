//! What streams are called where several of them meet: in folders, and in messages to consumers.

/// Characters of a source's name that a stream's name keeps.
const MAX_NAME_CHARS: usize = 64;

/// The name of a stream of this source, which none of `taken` has: `webcam_0`, `webcam_0-2`.
pub(super) fn unused<'a>(source: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let plain = plain(source);
    let mut name = plain.clone();
    let mut copy = 2_u32;
    while taken.clone().any(|taken| taken == name) {
        name = format!("{plain}-{copy}");
        copy += 1;
    }
    name
}

/// A source's name with `_` for all characters that mean something to a shell or a file system: the
/// client chooses the name.
pub(crate) fn plain(source: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain = |c: char| if is_plain(c) { c } else { '_' };
    let name: String = source.chars().take(MAX_NAME_CHARS).map(plain).collect();
    match name.trim_matches('.').is_empty() {
        true => "stream".into(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_the_same_source_have_names_of_their_own() {
        let of = |source, taken: &[&str]| unused(source, taken.iter().copied());
        assert_eq!(of("webcam:0", &[]), "webcam_0");
        assert_eq!(of("webcam:0", &["mouse.mp4"]), "webcam_0");
        assert_eq!(of("webcam:0", &["webcam_0", "webcam_0-2"]), "webcam_0-3");
        assert_eq!(of("", &["stream"]), "stream-2");
        // A folder of that name is none above.
        assert_eq!(of("..", &[]), "stream");
    }
}
