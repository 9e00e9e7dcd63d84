//! Why a worker does not admit a client, as `AUTH_FAILURE` has it.

use std::fmt;

use protocol::text;

/// Characters of an unknown reason that are kept: reasons are short.
const MAX_REASON: usize = 40;

/// The reason in `AUTH_FAILURE`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthRefusal {
    /// The proof is wrong, or not bound to the connection.
    Invalid,
    /// Something else came than a proof, or the worker has no secret.
    Missing,
    /// No proof came in time.
    Timeout,
    /// A reason that is not known to this version; at most 40 characters of it.
    Other(String),
}

impl AuthRefusal {
    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Timeout => "timeout",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for AuthRefusal {
    fn from(text: &str) -> Self {
        match text {
            "invalid" => Self::Invalid,
            "missing" => Self::Missing,
            "timeout" => Self::Timeout,
            other => Self::Other(text::cut(other, MAX_REASON).into_owned()),
        }
    }
}

impl fmt::Display for AuthRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_it_was_read_and_an_unknown_one_is_bounded() {
        for (text, reason) in [
            ("invalid", AuthRefusal::Invalid),
            ("missing", AuthRefusal::Missing),
            ("timeout", AuthRefusal::Timeout),
            ("later", AuthRefusal::Other("later".to_owned())),
        ] {
            assert_eq!(AuthRefusal::from(text), reason);
            assert_eq!(reason.to_string(), text);
        }
        let long = AuthRefusal::from("x".repeat(1000).as_str());
        assert!(long.as_str().len() < 100, "{long}");
    }
}
