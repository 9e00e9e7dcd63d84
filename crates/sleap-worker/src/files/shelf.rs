//! The files on disk: under names of the worker's own, in a folder of its own.
//!
//! What else lies there stays, is not counted, and is no reason to refuse a file.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::own::{FolderError, Own};
use super::stock::{self, Item, Kind};

/// Bytes that stay free on the disk, whatever clients send.
const SPARE: u64 = 256 << 20;

/// A client may be coming back for so long: half a file that is younger makes no room for others.
pub(super) const COMING_BACK: Duration = Duration::from_secs(600);

/// What clients may fill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of one file.
    pub(super) file: u64,
    /// Bytes of all files.
    pub(super) all: u64,
    /// Whole files stay.
    pub(super) keep: bool,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
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
    /// The client's former connection is at it.
    #[error("the former connection is still at the file; try again")]
    Former(CancellationToken),
    #[error("{0}")]
    Unwanted(String),
    /// What is wrong with it is for the worker's log alone: it names places on its disk.
    #[error("the worker's folder for files cannot be used; its log says why")]
    Folder,
    #[error("the worker cannot store files: {0}")]
    Io(#[from] io::Error),
}

impl From<FolderError> for Refusal {
    fn from(error: FolderError) -> Self {
        warn!(%error, "no file can be stored");
        Self::Folder
    }
}

impl Refusal {
    /// Whether the same file may be taken later.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Quota { .. } | Self::Disk { .. } | Self::InWork | Self::Former(_)
        )
    }
}

/// All files that clients have sent.
#[derive(Debug)]
pub(super) struct Shelf {
    own: Own,
    bounds: Bounds,
    state: Mutex<State>,
    /// Rings when an upload is over.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    active: HashMap<String, Active>,
    /// How many are reading a whole file.
    readers: HashMap<String, usize>,
    /// Whole files that go when nobody reads them any more.
    doomed: HashSet<String>,
}

/// An upload that is under way.
#[derive(Debug)]
struct Active {
    upload_id: Option<String>,
    dismissed: CancellationToken,
    /// Bytes that it may still bring.
    left: u64,
}

/// A file that is being written. Dropping it leaves what is there for another attempt.
#[derive(Debug)]
pub(super) struct Half {
    shelf: Arc<Shelf>,
    key: String,
    pub(super) file: File,
    /// Bytes that were there.
    pub(super) offset: u64,
    /// Cancelled when another connection goes on with it.
    pub(super) dismissed: CancellationToken,
}

/// The folder of a job that runs; nobody else removes it.
#[derive(Debug)]
pub(super) struct WorkFolder {
    folder: TempDir,
    _lock: File,
}

impl WorkFolder {
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A whole file that somebody reads.
#[derive(Debug)]
pub(super) struct Whole {
    shelf: Arc<Shelf>,
    sha256: String,
    /// Says so to other workers that have the folder.
    lock: File,
}

impl Shelf {
    pub(super) fn new(own: Own, bounds: Bounds) -> Self {
        Self {
            own,
            bounds,
            state: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// The file with this SHA-256, if it is there whole.
    pub(super) fn find(self: &Arc<Self>, sha256: &str) -> Option<Whole> {
        let mut state = self.state();
        self.folder()?;
        let file = stock::open_whole(&self.path(sha256, Kind::Whole)).ok()?;
        file.try_lock_shared().ok()?;
        // As young as if it had just come; without that it only goes earlier.
        let _ = file.set_modified(SystemTime::now());
        *state.readers.entry(sha256.to_owned()).or_default() += 1;
        Some(Whole {
            shelf: Arc::clone(self),
            sha256: sha256.to_owned(),
            lock: file,
        })
    }

    /// Makes sure that the folder is the worker's own, or can be. `now`: it is made, too.
    pub(super) fn prepare(&self, now: bool) -> Result<(), FolderError> {
        match now {
            true => self.own.make().map(drop),
            false => self.own.find().map(drop),
        }
    }

    /// Whether a file of so many bytes would be taken at all.
    pub(super) fn check_size(&self, bytes: u64) -> Result<(), Refusal> {
        match bytes {
            _ if self.bounds.file == 0 => Err(Refusal::None),
            0 => Err(Refusal::Empty),
            _ if bytes > self.bounds.file => Err(Refusal::TooLarge {
                bytes,
                max: self.bounds.file,
            }),
            _ => Ok(()),
        }
    }

    /// How much there is of a file that an upload could go on with.
    pub(super) fn held(&self, sha256: &str, bytes: u64) -> u64 {
        let there = self.item(sha256, Kind::Half);
        there.map_or(0, |it| it.bytes).min(bytes)
    }

    /// Begins a file of `bytes` bytes, or goes on with it where there is an `upload_id`. Blocks.
    pub(super) fn begin(
        self: &Arc<Self>,
        key: &str,
        bytes: u64,
        upload_id: Option<&str>,
    ) -> Result<Half, Refusal> {
        self.check_size(bytes)?;
        let mut state = self.state();
        if let Some(active) = state.active.get(key) {
            return Err(match upload_id {
                Some(id) if active.upload_id.as_deref() == Some(id) => {
                    Refusal::Former(active.dismissed.clone())
                }
                _ => Refusal::InWork,
            });
        }
        let dir = self.own.make()?;
        let path = self.path(key, Kind::Half);
        let there = self.item(key, Kind::Half).map_or(0, |half| half.bytes);
        let offset = match upload_id {
            Some(_) if there <= bytes => there,
            _ => 0,
        };
        if stock::is_locked(&path) {
            return Err(Refusal::InWork);
        }
        // What is refused changes nothing.
        self.make_room(&state, &dir, key, bytes, bytes - offset)?;
        let file = stock::open_half(&path)?.ok_or(Refusal::InWork)?;
        file.set_len(offset)?;
        let dismissed = CancellationToken::new();
        let active = Active {
            upload_id: upload_id.map(str::to_owned),
            dismissed: dismissed.clone(),
            left: bytes - offset,
        };
        state.active.insert(key.to_owned(), active);
        Ok(Half {
            shelf: Arc::clone(self),
            key: key.to_owned(),
            file,
            offset,
            dismissed,
        })
    }

    /// Removes what nobody has needed for long. Blocks.
    pub(super) fn sweep(&self, now: SystemTime) {
        let state = self.state();
        let Some(dir) = self.folder() else { return };
        for item in stock::list(&dir) {
            let age = now.duration_since(item.modified).unwrap_or_default();
            if age > item.kind.lifetime() && self.may_go(&state, &item) {
                debug!(file = %item.path.display(), "removed: too old");
                stock::remove(&item);
            }
        }
    }

    /// Removes a file whose predictions were delivered.
    pub(super) fn used(&self, sha256: &str) {
        let mut state = self.state();
        if self.bounds.keep {
            return;
        }
        match state.readers.contains_key(sha256) {
            true => drop(state.doomed.insert(sha256.to_owned())),
            false => self.remove_used(sha256),
        }
    }

    fn remove_used(&self, sha256: &str) {
        // It may be gone already: its room was needed, or it was of no use.
        if let Some(item) = self.item(sha256, Kind::Whole)
            && !stock::is_locked(&item.path)
            && stock::remove(&item)
        {
            info!(%sha256, "file removed after use");
        }
    }

    /// A folder for the results of a job, which goes when it is dropped.
    pub(super) fn work_folder(&self) -> Result<WorkFolder, Refusal> {
        let _alone = self.state();
        let dir = self.own.make()?;
        let name = stock::new_job()?;
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix(&name).rand_bytes(0).tempdir_in(dir)?;
        let lock = File::open(folder.path())?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(WorkFolder {
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

    /// Room for `bytes` bytes of `key`, of which `more` are not there yet: the oldest that nobody
    /// needs goes first. Where that is not enough nothing goes.
    fn make_room(
        &self,
        state: &State,
        dir: &Path,
        key: &str,
        bytes: u64,
        more: u64,
    ) -> Result<(), Refusal> {
        let same = self.path(key, Kind::Half);
        let mut items: Vec<Item> = stock::list(dir);
        items.retain(|item| item.path != same);
        items.sort_by_key(|item| item.modified);
        let promised: u64 = state.active.values().map(|active| active.left).sum();
        let mut held = promised + items.iter().map(|item| item.bytes).sum::<u64>();
        let mut free = stock::free_bytes(dir)?;
        let needed = more.saturating_add(promised).saturating_add(SPARE);
        let now = SystemTime::now();
        let mut idle = items.iter().filter(|item| {
            let age = now.duration_since(item.modified).unwrap_or_default();
            let waits = item.kind == Kind::Half && age < COMING_BACK;
            !waits && self.may_go(state, item)
        });
        let mut goes = Vec::new();
        let quota = self.bounds.all;
        while held.saturating_add(bytes) > quota || free < needed {
            let Some(item) = idle.next() else {
                return Err(match held.saturating_add(bytes) > quota {
                    true => Refusal::Quota { bytes, held, quota },
                    false => Refusal::Disk { bytes: more, free },
                });
            };
            held -= item.bytes;
            free = free.saturating_add(item.bytes);
            goes.push(item);
        }
        for item in goes {
            info!(file = %item.path.display(), "removed: its room is needed");
            stock::remove(item);
        }
        Ok(())
    }

    /// Whether the results of jobs still fit. Blocks.
    pub(super) fn check_results(&self) -> Result<(), Refusal> {
        let Some(dir) = self.own.find()? else {
            return Ok(());
        };
        let free = stock::free_bytes(&dir)?;
        if free < SPARE {
            return Err(Refusal::Disk { bytes: 0, free });
        }
        let items = stock::list(&dir);
        let results = items.iter().filter(|item| item.kind == Kind::Job);
        let (bytes, quota) = (results.map(|item| item.bytes).sum(), self.bounds.all);
        match bytes > quota {
            true => Err(Refusal::Quota {
                bytes,
                held: bytes,
                quota,
            }),
            false => Ok(()),
        }
    }

    fn may_go(&self, state: &State, item: &Item) -> bool {
        let here = match item.kind {
            Kind::Half => state.active.contains_key(&item.key),
            Kind::Whole => self.bounds.keep || state.readers.contains_key(&item.key),
            Kind::Job => false,
        };
        // Another worker's, or a job that runs: a killed worker's is not locked any more.
        !here && !stock::is_locked(&item.path)
    }

    fn path(&self, key: &str, kind: Kind) -> PathBuf {
        self.own.path().join(format!("{key}{}", kind.suffix()))
    }

    /// What there is of a file, if it is the worker's own.
    fn item(&self, key: &str, kind: Kind) -> Option<Item> {
        self.folder()?;
        stock::item(&self.path(key, kind))
    }

    /// The worker's folder, where it is there and the worker's own.
    fn folder(&self) -> Option<PathBuf> {
        self.own.find().ok().flatten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Half {
    /// So many bytes less are to come.
    pub(super) fn wrote(&self, bytes: u64) {
        if let Some(active) = self.shelf.state().active.get_mut(&self.key) {
            active.left = active.left.saturating_sub(bytes);
        }
    }

    /// It is whole, with this SHA-256.
    pub(super) fn complete(self, sha256: &str) -> io::Result<()> {
        let _alone = self.shelf.state();
        let whole = self.shelf.path(sha256, Kind::Whole);
        stock::complete(&self.path(), &self.file, &whole)
    }

    /// It is of no use to anybody.
    pub(super) fn discard(self) {
        let _alone = self.shelf.state();
        self.remove();
    }

    fn path(&self) -> PathBuf {
        self.shelf.path(&self.key, Kind::Half)
    }

    /// What stays is found by its age.
    fn remove(&self) {
        let path = self.path();
        if stock::is_still(&path, &self.file).unwrap_or(false) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let mut state = self.shelf.state();
        // An upload that has no checksum, or no bytes, is nothing to go on with.
        let is_empty = self.file.metadata().is_ok_and(|half| half.len() == 0);
        if is_empty || !stock::is_checksum(&self.key) {
            self.remove();
        }
        let _ = self.file.unlock();
        // Last: from here on another may begin with it.
        state.active.remove(&self.key);
        drop(state);
        self.shelf.freed.notify_waiters();
    }
}

impl Whole {
    pub(super) fn path(&self) -> PathBuf {
        self.shelf.path(&self.sha256, Kind::Whole)
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
        let mut state = self.shelf.state();
        if let Some(readers) = state.readers.get_mut(&self.sha256) {
            *readers -= 1;
            if *readers == 0 {
                state.readers.remove(&self.sha256);
                if state.doomed.remove(&self.sha256) {
                    self.shelf.remove_used(&self.sha256);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
