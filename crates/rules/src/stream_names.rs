//! Which streams a rule is for.

/// Names of streams, in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamPatterns(pub(crate) Vec<String>);

/// Patterns of a rule at most, and characters of each.
pub(crate) const MAX_PATTERNS: usize = 64;
pub(crate) const MAX_PATTERN_CHARS: usize = 256;

impl StreamPatterns {
    /// Whether one of the names of a stream fits one of the patterns.
    pub(crate) fn fit(&self, names: &[&str]) -> bool {
        let fits = |pattern: &String| names.iter().any(|name| fits(pattern, name));
        self.0.iter().any(fits)
    }
}

/// Whether a name fits a pattern: its parts between `*` stand in the name one after the other.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name
        .strip_prefix(first)
        .and_then(|it| it.strip_suffix(last))
    else {
        return false;
    };
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, names) in [
            ("cage-1", &["cage-1"][..]),
            ("cage-*", &["cage-", "cage-1", "cage-*"]),
            ("*", &["", "x"]),
            ("*.mp4", &[".mp4", "a.mp4"]),
            ("a*b*c", &["abc", "a-b-c", "abbcbc"]),
            ("**", &["", "x"]),
            ("Käfig*1", &["Käfig 1", "Käfigö1"]),
        ] {
            names
                .iter()
                .for_each(|name| assert!(fits(pattern, name), "{pattern} {name}"));
        }
        for (pattern, names) in [
            ("cage-1", &["cage-12", "Cage-1", ""][..]),
            ("cage-*", &["cage", "x-cage-1"]),
            ("a*a", &["a"]),
            ("a*b*c", &["acb", "ac", "abbb"]),
            ("", &["x"]),
        ] {
            names
                .iter()
                .for_each(|name| assert!(!fits(pattern, name), "{pattern} {name}"));
        }
        let patterns = StreamPatterns(vec!["back".to_owned(), "cage-*".to_owned()]);
        assert!(patterns.fit(&["webcam:0", "back"]) && patterns.fit(&["cage-7"]));
        assert!(!patterns.fit(&["side", "webcam:0"]));
    }

    #[test]
    fn a_hostile_name_takes_no_time() {
        let (pattern, name) = ("*a".repeat(128) + "b", "a".repeat(200_000));
        assert!(!fits(&pattern, &name));
    }
}
