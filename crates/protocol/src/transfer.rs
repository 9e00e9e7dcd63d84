//! File transfer and job words: the mode that frame streaming stands beside.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A file name as a peer gave it: one path component that is safe to join to a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

/// Why a text is no file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FileNameError {
    #[error("the file name is empty")]
    Empty,
    #[error("the file name has {bytes} bytes, at most {max} are accepted")]
    TooLong { bytes: usize, max: usize },
    #[error("the file name holds {found:?}")]
    Character { found: char },
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
    Track,
    Train,
    /// A purpose that this version does not know.
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
    pub name: FileName,
    /// Bytes of the file.
    pub size: u64,
    /// Everything after the size, verbatim: senders put a directory, a flag or nothing here.
    pub extra: Option<String>,
}

/// The start of an upload (`FILE_UPLOAD_START`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadStart {
    pub name: FileName,
    /// Bytes of the file.
    pub bytes: u64,
    /// Directory on the worker. Not a name but a wish: the worker decides whether it is allowed.
    pub dest: String,
    /// Whether the worker makes a directory of its own for downloads inside `dest`.
    pub create_subdir: bool,
}
