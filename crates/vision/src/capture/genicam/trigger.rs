//! What makes a camera take a frame.

use std::fmt;
use std::str::FromStr;

/// What makes a camera take a frame, where it does not run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraTrigger {
    /// A signal at one of its inputs, by the name that the camera gives it: `Line0`.
    Hardware(String),
    /// This program.
    Software,
}

/// Why a text is no trigger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no trigger: write hardware:Line0, with the name that the camera gives its input, or software"
)]
pub struct CameraTriggerError(String);

impl CameraTrigger {
    /// The camera's name for it.
    pub(super) fn source(&self) -> &str {
        match self {
            CameraTrigger::Hardware(line) => line,
            CameraTrigger::Software => "Software",
        }
    }
}

impl FromStr for CameraTrigger {
    type Err = CameraTriggerError;

    fn from_str(text: &str) -> Result<CameraTrigger, CameraTriggerError> {
        match text.split_once(':') {
            None if text == "software" => Ok(CameraTrigger::Software),
            Some(("hardware", line)) if !line.is_empty() => {
                Ok(CameraTrigger::Hardware(line.to_owned()))
            }
            _ => Err(CameraTriggerError(text.to_owned())),
        }
    }
}

impl fmt::Display for CameraTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CameraTrigger::Hardware(line) => write!(f, "hardware:{line}"),
            CameraTrigger::Software => f.write_str("software"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_a_line_or_this_program() {
        for text in ["hardware:Line0", "software"] {
            let trigger: CameraTrigger = text.parse().unwrap();
            assert_eq!(trigger.to_string(), text);
        }
        for text in [
            "",
            "hardware",
            "hardware:",
            "Software",
            "line:0",
            "software:1",
        ] {
            let error = text.parse::<CameraTrigger>().unwrap_err().to_string();
            assert!(error.contains("hardware:Line0"), "{error}");
        }
    }
}
