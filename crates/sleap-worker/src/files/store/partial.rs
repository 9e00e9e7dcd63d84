//! A file that is being written.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::FileStore;
use super::listing::{self, EntryKind};

/// A file that is being written. Dropping it leaves what was written for another attempt.
#[derive(Debug)]
pub(in crate::files) struct PartialFile {
    pub(super) store: Arc<FileStore>,
    pub(super) key: String,
    pub(in crate::files) file: File,
    /// Bytes of former attempts.
    pub(in crate::files) offset: u64,
    /// Cancelled when another connection goes on with the file.
    pub(in crate::files) taken_over: CancellationToken,
}

impl PartialFile {
    /// Counts bytes that were written.
    pub(in crate::files) fn wrote(&self, bytes: u64) {
        if let Some(active) = self.store.state().active.get_mut(&self.key) {
            active.left = active.left.saturating_sub(bytes);
        }
    }

    /// Makes a stored file of it, with this SHA-256.
    pub(in crate::files) fn complete(self, sha256: &str) -> io::Result<()> {
        let _alone = self.store.state();
        let complete = self.store.path(sha256, EntryKind::Complete);
        listing::complete(&self.path(), &self.file, &complete)
    }

    /// Removes it: no attempt can go on with it.
    pub(in crate::files) fn discard(self) {
        let _alone = self.store.state();
        self.remove();
    }

    fn path(&self) -> PathBuf {
        self.store.path(&self.key, EntryKind::Partial)
    }

    /// Removes the file. One that cannot be removed is swept once it is old.
    fn remove(&self) {
        let path = self.path();
        if listing::is_still(&path, &self.file).unwrap_or(false) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let mut state = self.store.state();
        // No attempt can go on with an upload that has no checksum, or no bytes.
        let is_empty = self.file.metadata().is_ok_and(|file| file.len() == 0);
        if is_empty || !listing::is_checksum(&self.key) {
            self.remove();
        }
        let _ = self.file.unlock();
        // Last: from here on another upload may begin with it.
        state.active.remove(&self.key);
        drop(state);
        self.store.freed.notify_waiters();
    }
}
