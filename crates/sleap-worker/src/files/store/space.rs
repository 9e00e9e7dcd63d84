//! Room in the store: the quota, the disk, and which files go first.

use std::path::Path;
use std::time::SystemTime;

use tracing::{debug, info};

use super::listing::{self, EntryKind, StoreEntry};
use super::{FileStore, RETURN_TIMEOUT, State, StoreRefusal};

/// Bytes that stay free on the disk, whatever clients send.
const FREE_DISK_BYTES: u64 = 256 << 20;

impl FileStore {
    /// Removes what no client has needed for long. Blocks.
    pub(in crate::files) fn sweep(&self, now: SystemTime) {
        let state = self.state();
        let Some(dir) = self.made_folder() else {
            return;
        };
        for entry in listing::list(&dir) {
            let age = now.duration_since(entry.modified).unwrap_or_default();
            if age > entry.kind.lifetime() && self.may_go(&state, &entry) {
                debug!(file = %entry.path.display(), "removed: too old");
                listing::remove(&entry);
            }
        }
    }

    /// Makes room for `bytes` bytes of `key`, of which `more` are still to be written: the oldest file
    /// that is not needed goes first. Where that is not enough nothing goes.
    pub(super) fn make_room(
        &self,
        state: &State,
        dir: &Path,
        key: &str,
        bytes: u64,
        more: u64,
    ) -> Result<(), StoreRefusal> {
        let same = self.path(key, EntryKind::Partial);
        let mut entries: Vec<StoreEntry> = listing::list(dir);
        entries.retain(|entry| entry.path != same);
        entries.sort_by_key(|entry| entry.modified);
        let promised: u64 = state.active.values().map(|active| active.left).sum();
        let mut held = promised + entries.iter().map(|entry| entry.bytes).sum::<u64>();
        let mut free = listing::free_bytes(dir)?;
        let needed = more
            .saturating_add(promised)
            .saturating_add(FREE_DISK_BYTES);
        let now = SystemTime::now();
        let mut idle = entries.iter().filter(|entry| {
            let age = now.duration_since(entry.modified).unwrap_or_default();
            let waits = entry.kind == EntryKind::Partial && age < RETURN_TIMEOUT;
            !waits && self.may_go(state, entry)
        });
        let mut goes = Vec::new();
        let quota = self.limits.all;
        while held.saturating_add(bytes) > quota || free < needed {
            let Some(entry) = idle.next() else {
                return Err(match held.saturating_add(bytes) > quota {
                    true => StoreRefusal::Quota { bytes, held, quota },
                    false => StoreRefusal::Disk { bytes: more, free },
                });
            };
            held -= entry.bytes;
            free = free.saturating_add(entry.bytes);
            goes.push(entry);
        }
        for entry in goes {
            info!(file = %entry.path.display(), "removed: its room is needed");
            listing::remove(entry);
        }
        Ok(())
    }

    /// Whether the results of jobs still fit. Blocks.
    pub(in crate::files) fn check_results(&self) -> Result<(), StoreRefusal> {
        let Some(dir) = self.folder.find()? else {
            return Ok(());
        };
        let free = listing::free_bytes(&dir)?;
        if free < FREE_DISK_BYTES {
            return Err(StoreRefusal::Disk { bytes: 0, free });
        }
        let entries = listing::list(&dir);
        let results = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::JobFolder);
        let (bytes, quota) = (results.map(|entry| entry.bytes).sum(), self.limits.all);
        match bytes > quota {
            true => Err(StoreRefusal::Quota {
                bytes,
                held: bytes,
                quota,
            }),
            false => Ok(()),
        }
    }

    fn may_go(&self, state: &State, entry: &StoreEntry) -> bool {
        let is_needed = match entry.kind {
            EntryKind::Partial => state.active.contains_key(&entry.key),
            EntryKind::Complete => self.limits.keep || state.readers.contains_key(&entry.key),
            EntryKind::JobFolder => false,
        };
        // Locked by another worker, or by a job that runs; the lock of a killed worker is gone.
        !is_needed && !listing::is_locked(&entry.path)
    }
}
