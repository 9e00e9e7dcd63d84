//! The formats of output, by the names of their files.

use std::path::Path;

/// Which names outputs may have, for messages.
pub const NAME_FORMS: &str =
    "the name must end in .slp, .csv or .jsonl, or be - for standard output";

/// A format of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelsFormat {
    /// JSON lines in a file.
    JsonLines,
    /// JSON lines on standard output.
    StandardOutput,
    /// sleap-io's `instances` columns.
    Csv,
    /// SLEAP's labels.
    Slp,
}

impl LabelsFormat {
    /// The format of a file by the end of its name; `None` where that is not known.
    pub fn of(path: &Path) -> Option<LabelsFormat> {
        if path.as_os_str() == "-" {
            return Some(LabelsFormat::StandardOutput);
        }
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" => Some(LabelsFormat::JsonLines),
            "csv" => Some(LabelsFormat::Csv),
            "slp" => Some(LabelsFormat::Slp),
            _ => None,
        }
    }
}
