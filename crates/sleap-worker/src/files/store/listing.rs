//! The entries of the worker's own folder: their names, kinds and sizes.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::folder;

/// Digits of a SHA-256.
const CHECKSUM: usize = 64;

/// Random digits of a name.
const RANDOM: usize = 32;

/// The beginning of the names of jobs' folders.
const JOB: &str = "job-";

/// The beginning of the names of files whose checksum is not known.
const NEW: &str = "new-";

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// An upload that is not complete: `<SHA-256>.part`, or `new-<random>.part` without a checksum.
    Partial,
    /// A complete file; its name is its SHA-256: `<SHA-256>.file`.
    Complete,
    /// The folder of a job: `job-<random>`.
    JobFolder,
}

impl EntryKind {
    /// The end of its name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            EntryKind::Partial => ".part",
            EntryKind::Complete => ".file",
            EntryKind::JobFolder => "",
        }
    }

    /// How long an entry stays that is not used.
    pub(super) fn lifetime(self) -> Duration {
        const HOUR: u64 = 3600;
        Duration::from_secs(match self {
            EntryKind::Partial | EntryKind::JobFolder => 24 * HOUR,
            EntryKind::Complete => HOUR,
        })
    }
}

/// Whether a key is a SHA-256: an upload without one cannot be resumed.
pub(super) fn is_checksum(key: &str) -> bool {
    is_hex(key, CHECKSUM)
}

/// A name for a file whose checksum is not known yet.
pub(in crate::files) fn new_file() -> io::Result<String> {
    random(NEW)
}

/// A name for a job's folder.
pub(super) fn new_job() -> io::Result<String> {
    random(JOB)
}

fn random(prefix: &str) -> io::Result<String> {
    let mut bytes = [0; RANDOM / 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{prefix}{}", protocol::hex(&bytes)))
}

/// An entry of the folder.
#[derive(Debug)]
pub(super) struct StoreEntry {
    pub(super) path: PathBuf,
    /// Its name without the suffix of its kind.
    pub(super) key: String,
    pub(super) kind: EntryKind,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// The worker's own entries of a folder.
pub(super) fn list(dir: &Path) -> Vec<StoreEntry> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|it| entry(&it.path())).collect()
}

/// The entry at `path`, if a worker has made it: by its exact name, its kind and its owner.
pub(super) fn entry(path: &Path) -> Option<StoreEntry> {
    let (key, kind) = parse(path.file_name()?.to_str()?)?;
    let metadata = fs::symlink_metadata(path).ok()?;
    if !is_of(kind, &metadata) {
        return None;
    }
    Some(StoreEntry {
        key: key.to_owned(),
        kind,
        bytes: match kind {
            EntryKind::JobFolder => inside(path),
            EntryKind::Partial | EntryKind::Complete => metadata.len(),
        },
        modified: metadata.modified().ok()?,
        path: path.to_owned(),
    })
}

fn parse(name: &str) -> Option<(&str, EntryKind)> {
    let is_random = |text: &str, prefix: &str| {
        let digits = text.strip_prefix(prefix);
        digits.is_some_and(|digits| is_hex(digits, RANDOM))
    };
    if let Some(key) = name.strip_suffix(EntryKind::Partial.suffix()) {
        return (is_checksum(key) || is_random(key, NEW)).then_some((key, EntryKind::Partial));
    }
    if let Some(key) = name.strip_suffix(EntryKind::Complete.suffix()) {
        return is_checksum(key).then_some((key, EntryKind::Complete));
    }
    is_random(name, JOB).then_some((name, EntryKind::JobFolder))
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

fn is_of(kind: EntryKind, metadata: &Metadata) -> bool {
    let is_right = match kind {
        EntryKind::JobFolder => metadata.is_dir(),
        EntryKind::Partial | EntryKind::Complete => metadata.is_file(),
    };
    is_right && folder::is_own(metadata)
}

fn inside(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    entries.map(bytes).sum()
}

/// Removes an entry. Returns whether that went well.
pub(super) fn remove(entry: &StoreEntry) -> bool {
    let removed = match entry.kind {
        EntryKind::JobFolder => fs::remove_dir_all(&entry.path),
        _ => fs::remove_file(&entry.path),
    };
    if let Err(error) = &removed {
        tracing::warn!(file = %entry.path.display(), %error, "cannot be removed");
    }
    removed.is_ok()
}

/// Opens the file of an upload, which may hold bytes already; `None` where another process writes it.
pub(super) fn open_partial(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = folder::open(path, &mut options)?;
    if !is_of(EntryKind::Partial, &file.metadata()?) {
        return Err(not_own(path));
    }
    match file.try_lock() {
        // Another process may have removed it meanwhile.
        Ok(()) if is_still(path, &file)? => Ok(Some(file)),
        Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a complete file.
pub(super) fn open_complete(path: &Path) -> io::Result<File> {
    let file = folder::open(path, OpenOptions::new().read(true))?;
    match is_of(EntryKind::Complete, &file.metadata()?) {
        true => Ok(file),
        false => Err(not_own(path)),
    }
}

/// Makes a complete file of a partial one. A file that has the name by now is replaced if a worker made it:
/// it has the same content.
pub(super) fn complete(partial: &Path, file: &File, complete: &Path) -> io::Result<()> {
    let is_free = fs::symlink_metadata(complete).is_err() || entry(complete).is_some();
    match is_free && is_still(partial, file)? {
        true => fs::rename(partial, complete),
        false => Err(not_own(complete)),
    }
}

/// An error that has the file's name alone: clients receive it.
fn not_own(path: &Path) -> io::Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = format!("{name} is there and is not the worker's own");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Whether `path` leads to `file`.
pub(super) fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (there, here) = (fs::symlink_metadata(path)?, file.metadata()?);
        Ok((there.dev(), there.ino()) == (here.dev(), here.ino()))
    }
    #[cfg(not(unix))]
    Ok(true)
}

/// Whether a worker writes the entry, reads it, or works in it, in this process or in another.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = folder::open(path, OpenOptions::new().read(true)) else {
        return false;
    };
    matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

/// Bytes that this user may still write there.
#[cfg(unix)]
pub(super) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Not known on this system.
#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_the_workers() {
        let sum = "0123456789abcdef".repeat(4);
        let random = &sum[..RANDOM];
        for (name, kind) in [
            (format!("{sum}.part"), EntryKind::Partial),
            (format!("new-{random}.part"), EntryKind::Partial),
            (format!("{sum}.file"), EntryKind::Complete),
            (format!("job-{random}"), EntryKind::JobFolder),
        ] {
            assert_eq!(parse(&name).map(|(_, kind)| kind), Some(kind), "{name}");
        }
        for name in [
            "thesis.iso.part".to_owned(),
            "notes.file".into(),
            "job-1234".into(),
            "job-".into(),
            "new-.part".into(),
            format!("{}.part", &sum[1..]),
            format!("{sum}0.file"),
            format!("{}.file", sum.to_uppercase()),
            format!("new-{random}.file"),
            format!("job-{random}.part"),
            format!("job-{}", random.to_uppercase()),
            format!("{sum}.part.bak"),
            sum.clone(),
        ] {
            assert_eq!(parse(&name), None, "{name}");
        }
        assert!(parse(&new_job().unwrap()).is_some());
        assert!(parse(&format!("{}.part", new_file().unwrap())).is_some());
    }
}
