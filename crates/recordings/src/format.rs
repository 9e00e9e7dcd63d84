//! The forms of output, by the names of their files.

use std::path::Path;

/// What the names of outputs are to be like, for people.
pub const FORMS: &str = "the name must end in .slp, .csv or .jsonl, or be - for standard output";

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines in a file.
    JsonLines,
    /// JSON lines on standard output.
    StandardOutput,
    /// sleap-io's `instances` columns.
    Csv,
    /// SLEAP's labels.
    Slp,
}

impl Format {
    /// What a name stands for, by its end; `None` where it says nothing that is known.
    pub fn of(path: &Path) -> Option<Format> {
        if path.as_os_str() == "-" {
            return Some(Format::StandardOutput);
        }
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" => Some(Format::JsonLines),
            "csv" => Some(Format::Csv),
            "slp" => Some(Format::Slp),
            _ => None,
        }
    }
}
