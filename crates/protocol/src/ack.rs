//! What a worker's `STREAM_ACK` reports: whether it takes the stream, and how it verifies frames.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a worker takes a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AckStatus {
    /// It takes the stream.
    Ready,
    /// It serves another stream.
    Busy,
    /// It cannot read the `STREAM_START`.
    Error,
    /// A status that is not known to this version, or none.
    Other(String),
}

impl AckStatus {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            AckStatus::Ready => "ready",
            AckStatus::Busy => "busy",
            AckStatus::Error => "error",
            AckStatus::Other(text) => text,
        }
    }
}

impl Default for AckStatus {
    fn default() -> Self {
        AckStatus::Other(String::new())
    }
}

impl From<String> for AckStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "ready" => AckStatus::Ready,
            "busy" => AckStatus::Busy,
            "error" => AckStatus::Error,
            _ => AckStatus::Other(text),
        }
    }
}

impl From<AckStatus> for String {
    fn from(status: AckStatus) -> Self {
        status.as_str().to_owned()
    }
}

/// What a worker does with frames to verify that they arrive (`verification_mode`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum VerificationMode {
    /// `stats_only`: it counts them.
    StatsOnly,
    /// `display`: it shows them in a window.
    Display,
    /// `save_every_{N}`: it saves every Nth frame as a file.
    SaveEvery(u32),
    /// A mode that is not known to this version, or none.
    Other(String),
}

const SAVE_EVERY: &str = "save_every_";

impl fmt::Display for VerificationMode {
    /// The name on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerificationMode::StatsOnly => f.write_str("stats_only"),
            VerificationMode::Display => f.write_str("display"),
            VerificationMode::SaveEvery(step) => write!(f, "{SAVE_EVERY}{step}"),
            VerificationMode::Other(text) => f.write_str(text),
        }
    }
}

impl Default for VerificationMode {
    fn default() -> Self {
        VerificationMode::Other(String::new())
    }
}

impl From<&str> for VerificationMode {
    fn from(text: &str) -> Self {
        // Only the plain form of a number: what is read is written again with the same bytes.
        let step = |text: &str| {
            let step: u32 = text.strip_prefix(SAVE_EVERY)?.parse().ok()?;
            (format!("{SAVE_EVERY}{step}") == text).then_some(step)
        };
        match text {
            "stats_only" => VerificationMode::StatsOnly,
            "display" => VerificationMode::Display,
            _ => match step(text) {
                Some(step) => VerificationMode::SaveEvery(step),
                None => VerificationMode::Other(text.to_owned()),
            },
        }
    }
}

impl From<String> for VerificationMode {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<VerificationMode> for String {
    fn from(mode: VerificationMode) -> Self {
        mode.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_mode_is_written_as_it_was_read() {
        use VerificationMode::{Display, Other, SaveEvery, StatsOnly};
        for (text, mode) in [
            ("stats_only", StatsOnly),
            ("display", Display),
            ("save_every_30", SaveEvery(30)),
            ("save_every_030", Other("save_every_030".to_owned())),
            ("save_every_+3", Other("save_every_+3".to_owned())),
            ("save_every_", Other("save_every_".to_owned())),
            (
                "save_every_4294967296",
                Other("save_every_4294967296".to_owned()),
            ),
            ("Display", Other("Display".to_owned())),
            ("", VerificationMode::default()),
        ] {
            let read = VerificationMode::from(text);
            assert_eq!(read, mode, "{text}");
            assert_eq!(String::from(read), text);
        }
    }
}
