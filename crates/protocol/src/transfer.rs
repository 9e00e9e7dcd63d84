//! Messages of file transfer and jobs.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::fields::digits;

/// A file name as a peer gave it: one path component that is safe to join to a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

/// Why a text is not a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FileNameError {
    /// It has no characters.
    #[error("the file name is empty")]
    Empty,
    /// It is longer than [`FileName::MAX_BYTES`].
    #[error("the file name has {bytes} bytes, at most {max} are accepted")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// It holds a separator or a control character.
    #[error("the file name holds {found:?}")]
    Character {
        /// The character.
        found: char,
    },
    /// It is `.`, or holds `..`.
    #[error("the file name is or holds a step to another directory")]
    Dots,
}

impl FileName {
    /// Longest accepted name in bytes, the bound of common file systems.
    pub const MAX_BYTES: usize = 255;

    /// Checks `name`: no separator (`/`, `\`, `:`), no control character, no `..`, not `.`, not empty.
    pub fn new(name: impl Into<String>) -> Result<Self, FileNameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(FileNameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(FileNameError::TooLong {
                bytes: name.len(),
                max: Self::MAX_BYTES,
            });
        }
        // A colon separates fields on the wire and names a drive or stream on Windows.
        if let Some(found) = name
            .chars()
            .find(|c| matches!(c, '/' | '\\' | ':') || c.is_control())
        {
            return Err(FileNameError::Character { found });
        }
        if name == "." || name.contains("..") {
            return Err(FileNameError::Dots);
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(name: &str) -> Result<Self, FileNameError> {
        Self::new(name)
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file that follows is for (`PACKAGE_TYPE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageType {
    /// Predicting on it.
    Track,
    /// Training with it.
    Train,
    /// A purpose that is not known to this version.
    Other(String),
}

impl PackageType {
    pub(crate) fn from_wire(text: &str) -> Self {
        match text {
            "track" => PackageType::Track,
            "train" => PackageType::Train,
            other => PackageType::Other(other.to_owned()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            PackageType::Track => "track",
            PackageType::Train => "train",
            PackageType::Other(text) => text,
        }
    }
}

/// The announcement of a file (`FILE_META`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// The file's name.
    pub name: FileName,
    /// Bytes of the file.
    pub size: u64,
    /// Everything after the size, verbatim: senders put a directory, a flag or nothing here.
    pub extra: Option<String>,
}

/// The start of an upload (`FILE_UPLOAD_START`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadStart {
    /// The file's name.
    pub name: FileName,
    /// Bytes of the file.
    pub bytes: u64,
    /// Directory on the worker that the client asks for; the worker decides whether it is allowed.
    pub dest: String,
    /// Whether the worker makes a separate directory for downloads inside `dest`.
    pub create_subdir: bool,
}

/// What a client that can resume an upload adds to `FILE_UPLOAD_CHECK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadResume {
    /// Bytes of the file.
    pub bytes: u64,
    /// A random name of the upload, 1 to 64 letters and digits: a connection that gives it may
    /// resume the upload in place of one whose loss was not noticed yet.
    pub upload_id: String,
}

/// An event of a job: what follows `INFERENCE_JOB_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// `START::{job}`
    Started(String),
    /// `PROGRESS::{frames}::{total}`; -1 = the total is not known.
    Progress {
        /// Frames that are done.
        frames: u64,
        /// Frames of the file, where that is known.
        total: Option<u64>,
    },
    /// `POSES::{count}`
    Poses(u64),
    /// `END::{job}`
    Ended(String),
    /// `ERROR::{job}::{reason}`
    Failed {
        /// The job.
        job: String,
        /// Why, for display.
        reason: String,
    },
    /// An event that is not known to this version.
    Other(String),
}

impl JobStatus {
    /// Reads what follows `INFERENCE_JOB_`.
    pub fn from_text(text: &str) -> Self {
        let other = || Self::Other(text.to_owned());
        let Some((word, rest)) = text.split_once("::") else {
            return other();
        };
        match (word, rest.split_once("::")) {
            ("START", _) => Self::Started(rest.to_owned()),
            ("POSES", _) => digits(rest).map_or_else(other, Self::Poses),
            ("END", _) => Self::Ended(rest.to_owned()),
            ("ERROR", Some((job, reason))) => Self::Failed {
                job: job.to_owned(),
                reason: reason.to_owned(),
            },
            ("PROGRESS", Some((frames, total))) => match (digits(frames), total, digits(total)) {
                (Some(frames), "-1", _) => Self::Progress {
                    frames,
                    total: None,
                },
                (Some(frames), _, Some(total)) => Self::Progress {
                    frames,
                    total: Some(total),
                },
                _ => other(),
            },
            _ => other(),
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(job) => write!(f, "START::{job}"),
            Self::Progress {
                frames,
                total: Some(total),
            } => write!(f, "PROGRESS::{frames}::{total}"),
            Self::Progress { frames, .. } => write!(f, "PROGRESS::{frames}::-1"),
            Self::Poses(count) => write!(f, "POSES::{count}"),
            Self::Ended(job) => write!(f, "END::{job}"),
            Self::Failed { job, reason } => write!(f, "ERROR::{job}::{reason}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// How a SHA-256 begins in the third field of `FILE_META`.
const CHECKSUM: &str = "sha256=";

/// Bytes as checksums have them on the wire: two lower-case hexadecimal digits each.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The third field of `FILE_META` for a file with this SHA-256 (64 hex digits).
pub fn checksum_text(sha256: &str) -> String {
    format!("{CHECKSUM}{sha256}")
}

/// The SHA-256 in the third field of `FILE_META`, in lower case; `None` where a sender puts
/// something else there.
pub fn checksum_of(extra: Option<&str>) -> Option<String> {
    let sha256 = extra?.strip_prefix(CHECKSUM)?;
    let is_hex = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| sha256.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_jobs_are_read_as_they_are_written() {
        for text in [
            "START::inference",
            "PROGRESS::5::360",
            "PROGRESS::5::-1",
            "POSES::719",
            "END::inference",
            "ERROR::inference::1",
            "ERROR::inference::no frame::at all",
        ] {
            let event = JobStatus::from_text(text);
            assert!(!matches!(event, JobStatus::Other(_)), "{text}");
            assert_eq!(event.to_string(), text);
        }
        for text in [
            "",
            "START",
            "PROGRESS::a::b",
            "PROGRESS::1",
            "POSES::-1",
            "ERROR::x",
            "PAUSE::x",
        ] {
            assert_eq!(
                JobStatus::from_text(text),
                JobStatus::Other(text.to_owned())
            );
        }
    }

    #[test]
    fn a_file_name_is_the_text_that_it_was_made_of() {
        let name = FileName::new("mouse.mp4").unwrap();
        assert_eq!(name.as_str(), "mouse.mp4");
        assert_eq!(AsRef::<str>::as_ref(&name), "mouse.mp4");
        assert_eq!(name.to_string(), "mouse.mp4");
    }

    #[test]
    fn bytes_have_two_lower_case_digits_each() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn only_a_checksum_is_one() {
        let sum = "9F".repeat(32);
        let written = checksum_text(&sum);
        assert_eq!(checksum_of(Some(&written)), Some("9f".repeat(32)));
        for extra in [None, Some("models"), Some("sha256=12"), Some(sum.as_str())] {
            assert_eq!(checksum_of(extra), None);
        }
    }
}
