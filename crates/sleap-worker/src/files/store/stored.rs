//! A complete file that a job reads.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::FileStore;
use super::listing::EntryKind;

/// A complete file that a job reads. It stays in the store until this is dropped.
#[derive(Debug)]
pub(in crate::files) struct StoredFile {
    pub(super) store: Arc<FileStore>,
    pub(super) sha256: String,
    /// Shows other workers with the same folder that the file is read.
    pub(super) lock: File,
}

impl StoredFile {
    /// Where the file is.
    pub(in crate::files) fn path(&self) -> PathBuf {
        self.store.path(&self.sha256, EntryKind::Complete)
    }

    /// The file's SHA-256, in small letters.
    pub(in crate::files) fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
        let mut state = self.store.state();
        if let Some(readers) = state.readers.get_mut(&self.sha256) {
            *readers -= 1;
            if *readers == 0 {
                state.readers.remove(&self.sha256);
                if state.to_remove.remove(&self.sha256) {
                    self.store.remove_used(&self.sha256);
                }
            }
        }
    }
}
