//! The file store: files on the disk under names of the worker's own, in a folder of its own.
//!
//! Other files in that folder stay, are not counted, and are no reason to refuse a file.

mod folder;
mod listing;
mod partial;
mod refusal;
mod space;
mod stored;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;

use folder::StoreFolder;
use listing::{EntryKind, StoreEntry};

pub(crate) use folder::FolderError;
pub(super) use listing::new_file;
pub(super) use partial::PartialFile;
pub(super) use refusal::StoreRefusal;
pub(super) use stored::StoredFile;

/// How long a client may be away before its files make room for others: a younger partial file stays.
pub(super) const RETURN_TIMEOUT: Duration = Duration::from_secs(600);

/// The room that clients' files may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreLimits {
    /// Bytes of one file.
    pub(super) file: u64,
    /// Bytes of all files.
    pub(super) all: u64,
    /// Complete files stay.
    pub(super) keep: bool,
}

/// All files that clients have sent.
#[derive(Debug)]
pub(super) struct FileStore {
    folder: StoreFolder,
    limits: StoreLimits,
    state: Mutex<State>,
    /// Notified when an upload is over.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    active: HashMap<String, ActiveUpload>,
    /// The number of readers of each complete file that is read.
    readers: HashMap<String, usize>,
    /// Complete files that are removed with their last reader.
    to_remove: HashSet<String>,
}

/// An upload that is open.
#[derive(Debug)]
struct ActiveUpload {
    upload_id: Option<String>,
    taken_over: CancellationToken,
    /// Bytes that are still to come.
    left: u64,
}

/// The folder of a job that runs; it is locked against other workers.
#[derive(Debug)]
pub(super) struct JobFolder {
    folder: TempDir,
    _lock: File,
}

impl JobFolder {
    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl FileStore {
    /// A store in the folder `named`, or in the user's cache.
    ///
    /// # Errors
    /// The folder that was named cannot be made, or something else has the name of the worker's own.
    pub(super) fn open(named: Option<&Path>, limits: StoreLimits) -> Result<Self, FolderError> {
        let folder = named.map_or_else(StoreFolder::usual, StoreFolder::within);
        let store = Self::new(folder, limits);
        if store.takes_files() {
            // A worker that receives no file leaves no folder in the user's cache.
            store.prepare(named.is_some())?;
        }
        Ok(store)
    }

    fn new(folder: StoreFolder, limits: StoreLimits) -> Self {
        Self {
            folder,
            limits,
            state: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Whether any file is taken.
    pub(super) fn takes_files(&self) -> bool {
        self.limits.file > 0
    }

    /// The file with this SHA-256, if it is there and complete.
    pub(super) fn find(self: &Arc<Self>, sha256: &str) -> Option<StoredFile> {
        let mut state = self.state();
        self.made_folder()?;
        let file = listing::open_complete(&self.path(sha256, EntryKind::Complete)).ok()?;
        file.try_lock_shared().ok()?;
        // As young as if it had just come; without that it only goes earlier.
        let _ = file.set_modified(SystemTime::now());
        *state.readers.entry(sha256.to_owned()).or_default() += 1;
        Some(StoredFile {
            store: Arc::clone(self),
            sha256: sha256.to_owned(),
            lock: file,
        })
    }

    /// Makes sure that the folder is the worker's own, or can be. `now`: it is made, too.
    fn prepare(&self, now: bool) -> Result<(), FolderError> {
        match now {
            true => self.folder.make().map(drop),
            false => self.folder.find().map(drop),
        }
    }

    /// Whether a file of so many bytes would be taken at all.
    pub(super) fn check_size(&self, bytes: u64) -> Result<(), StoreRefusal> {
        match bytes {
            _ if self.limits.file == 0 => Err(StoreRefusal::None),
            0 => Err(StoreRefusal::Empty),
            _ if bytes > self.limits.file => Err(StoreRefusal::TooLarge {
                bytes,
                max: self.limits.file,
            }),
            _ => Ok(()),
        }
    }

    /// How many bytes of a file there are for an upload to go on with.
    pub(super) fn held(&self, sha256: &str, bytes: u64) -> u64 {
        let partial = self.entry(sha256, EntryKind::Partial);
        partial.map_or(0, |it| it.bytes).min(bytes)
    }

    /// Begins a file of `bytes` bytes, or goes on with it where there is an `upload_id`. Blocks.
    pub(super) fn begin(
        self: &Arc<Self>,
        key: &str,
        bytes: u64,
        upload_id: Option<&str>,
    ) -> Result<PartialFile, StoreRefusal> {
        self.check_size(bytes)?;
        let mut state = self.state();
        if let Some(active) = state.active.get(key) {
            return Err(match upload_id {
                Some(id) if active.upload_id.as_deref() == Some(id) => {
                    StoreRefusal::Former(active.taken_over.clone())
                }
                _ => StoreRefusal::InWork,
            });
        }
        let dir = self.folder.make()?;
        let path = self.path(key, EntryKind::Partial);
        let there = self.entry(key, EntryKind::Partial).map_or(0, |it| it.bytes);
        let offset = match upload_id {
            Some(_) if there <= bytes => there,
            _ => 0,
        };
        if listing::is_locked(&path) {
            return Err(StoreRefusal::InWork);
        }
        // A refusal changes nothing.
        self.make_room(&state, &dir, key, bytes, bytes - offset)?;
        let file = listing::open_partial(&path)?.ok_or(StoreRefusal::InWork)?;
        file.set_len(offset)?;
        let taken_over = CancellationToken::new();
        let active = ActiveUpload {
            upload_id: upload_id.map(str::to_owned),
            taken_over: taken_over.clone(),
            left: bytes - offset,
        };
        state.active.insert(key.to_owned(), active);
        Ok(PartialFile {
            store: Arc::clone(self),
            key: key.to_owned(),
            file,
            offset,
            taken_over,
        })
    }

    /// Removes a file whose predictions were delivered, after its last reader.
    pub(super) fn used(&self, sha256: &str) {
        let mut state = self.state();
        if self.limits.keep {
            return;
        }
        match state.readers.contains_key(sha256) {
            true => drop(state.to_remove.insert(sha256.to_owned())),
            false => self.remove_used(sha256),
        }
    }

    fn remove_used(&self, sha256: &str) {
        // It may be gone already: its room was needed, or it could not be used.
        if let Some(entry) = self.entry(sha256, EntryKind::Complete)
            && !listing::is_locked(&entry.path)
            && listing::remove(&entry)
        {
            info!(%sha256, "file removed after use");
        }
    }

    /// A folder for the results of a job, which is removed when it is dropped.
    pub(super) fn job_folder(&self) -> Result<JobFolder, StoreRefusal> {
        let _alone = self.state();
        let dir = self.folder.make()?;
        let name = listing::new_job()?;
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix(&name).rand_bytes(0).tempdir_in(dir)?;
        let lock = File::open(folder.path())?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(JobFolder {
            folder,
            _lock: lock,
        })
    }

    /// Resolves when the upload of `key` is over.
    pub(super) async fn freed(&self, key: &str) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if !self.state().active.contains_key(key) {
                return;
            }
            freed.await;
        }
    }

    fn path(&self, key: &str, kind: EntryKind) -> PathBuf {
        self.folder.path().join(format!("{key}{}", kind.suffix()))
    }

    /// What there is of a file, if it is the worker's own.
    fn entry(&self, key: &str, kind: EntryKind) -> Option<StoreEntry> {
        self.made_folder()?;
        listing::entry(&self.path(key, kind))
    }

    /// The worker's folder, where it is there and the worker's own.
    fn made_folder(&self) -> Option<PathBuf> {
        self.folder.find().ok().flatten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The lock was poisoned by a panic; the state is complete between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
