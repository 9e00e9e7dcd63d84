//! Why the store does not take a file.

use std::io;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::folder::FolderError;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(in crate::files) enum StoreRefusal {
    #[error("this worker takes no files (--max-upload 0)")]
    None,
    #[error("the file is empty")]
    Empty,
    #[error("the file has {bytes} bytes, this worker takes {max} (--max-upload)")]
    TooLarge { bytes: u64, max: u64 },
    #[error(
        "there is no room for {bytes} bytes: {held} of {quota} are in use by others (--upload-quota)"
    )]
    Quota { bytes: u64, held: u64, quota: u64 },
    #[error("the worker's disk is too full for {bytes} bytes: {free} are free")]
    Disk { bytes: u64, free: u64 },
    #[error("another client is sending the same file; try again when it is done")]
    InWork,
    /// The client's former connection still writes it; the token ends that.
    #[error("the former connection is still at the file; try again")]
    Former(CancellationToken),
    #[error("{0}")]
    Unwanted(String),
    /// The error is for the worker's log alone: it names places on the worker's disk.
    #[error("the worker's folder for files cannot be used; its log says why")]
    Folder,
    #[error("the worker cannot store files: {0}")]
    Io(#[from] io::Error),
}

impl From<FolderError> for StoreRefusal {
    fn from(error: FolderError) -> Self {
        warn!(%error, "no file can be stored");
        Self::Folder
    }
}

impl StoreRefusal {
    /// Whether the same file may be taken later.
    pub(in crate::files) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Quota { .. } | Self::Disk { .. } | Self::InWork | Self::Former(_)
        )
    }

    /// The text for a client: a refusal that passes begins with `busy`, and the client tries again.
    pub(in crate::files) fn words(&self) -> String {
        match self.passes() {
            true => format!("busy: {self}"),
            false => self.to_string(),
        }
    }
}
