//! What the worker's own folder holds, and what the system says of it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::own;

/// Digits of a SHA-256.
const CHECKSUM: usize = 64;

/// Random digits of a name.
const RANDOM: usize = 32;

/// How folders of jobs begin.
const JOB: &str = "job-";

/// How files begin whose checksum is not known.
const NEW: &str = "new-";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An upload that is not whole: `<SHA-256>.part`, or `new-<random>.part` where nobody has said it.
    Half,
    /// A file with the SHA-256 that its name says: `<SHA-256>.file`.
    Whole,
    /// The folder of a job: `job-<random>`.
    Job,
}

impl Kind {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Kind::Half => ".part",
            Kind::Whole => ".file",
            Kind::Job => "",
        }
    }

    /// How long a file may be left alone.
    pub(super) fn lifetime(self) -> Duration {
        const HOUR: u64 = 3600;
        Duration::from_secs(match self {
            Kind::Half | Kind::Job => 24 * HOUR,
            Kind::Whole => HOUR,
        })
    }
}

/// Whether a key is a SHA-256: a file without one is nothing to go on with.
pub(super) fn is_checksum(key: &str) -> bool {
    is_hex(key, CHECKSUM)
}

/// A name for a file whose checksum nobody knows yet.
pub(super) fn new_file() -> io::Result<String> {
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

/// Something in the folder.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    /// Its name without what tells its kind.
    pub(super) key: String,
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// What is there; what is not the worker's own is left out.
pub(super) fn list(dir: &Path) -> Vec<Item> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| item(&entry.path())).collect()
}

/// What is at `path`, if a worker has put it there: by its exact name, its kind and its owner.
pub(super) fn item(path: &Path) -> Option<Item> {
    let (key, kind) = parse(path.file_name()?.to_str()?)?;
    let metadata = fs::symlink_metadata(path).ok()?;
    if !is_of(kind, &metadata) {
        return None;
    }
    Some(Item {
        key: key.to_owned(),
        kind,
        bytes: match kind {
            Kind::Job => inside(path),
            Kind::Half | Kind::Whole => metadata.len(),
        },
        modified: metadata.modified().ok()?,
        path: path.to_owned(),
    })
}

fn parse(name: &str) -> Option<(&str, Kind)> {
    let is_random = |text: &str, prefix: &str| {
        let digits = text.strip_prefix(prefix);
        digits.is_some_and(|digits| is_hex(digits, RANDOM))
    };
    if let Some(key) = name.strip_suffix(Kind::Half.suffix()) {
        return (is_checksum(key) || is_random(key, NEW)).then_some((key, Kind::Half));
    }
    if let Some(key) = name.strip_suffix(Kind::Whole.suffix()) {
        return is_checksum(key).then_some((key, Kind::Whole));
    }
    is_random(name, JOB).then_some((name, Kind::Job))
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

fn is_of(kind: Kind, metadata: &Metadata) -> bool {
    let is_right = match kind {
        Kind::Job => metadata.is_dir(),
        Kind::Half | Kind::Whole => metadata.is_file(),
    };
    is_right && own::is_own(metadata)
}

fn inside(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    entries.map(bytes).sum()
}

/// Whether it is gone.
pub(super) fn remove(item: &Item) -> bool {
    let removed = match item.kind {
        Kind::Job => fs::remove_dir_all(&item.path),
        _ => fs::remove_file(&item.path),
    };
    if let Err(error) = &removed {
        tracing::warn!(file = %item.path.display(), %error, "cannot be removed");
    }
    removed.is_ok()
}

/// Opens a file for an upload and what there is of it; `None` where another process is at it.
pub(super) fn open_half(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = own::open(path, &mut options)?;
    if !is_of(Kind::Half, &file.metadata()?) {
        return Err(not_own(path));
    }
    match file.try_lock() {
        // Another process may have removed it meanwhile.
        Ok(()) if is_still(path, &file)? => Ok(Some(file)),
        Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a whole file.
pub(super) fn open_whole(path: &Path) -> io::Result<File> {
    let file = own::open(path, OpenOptions::new().read(true))?;
    match is_of(Kind::Whole, &file.metadata()?) {
        true => Ok(file),
        false => Err(not_own(path)),
    }
}

/// Makes a whole file of a half, which it is still. What has its name by now is another of the same content,
/// or of no worker.
pub(super) fn complete(half: &Path, file: &File, whole: &Path) -> io::Result<()> {
    let is_free = fs::symlink_metadata(whole).is_err() || item(whole).is_some();
    match is_free && is_still(half, file)? {
        true => fs::rename(half, whole),
        false => Err(not_own(whole)),
    }
}

/// The file by its name alone: clients hear it.
fn not_own(path: &Path) -> io::Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let words = format!("{name} is there and is not the worker's own");
    io::Error::new(io::ErrorKind::PermissionDenied, words)
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

/// Whether a worker writes it, reads it, or works in it, here or in another process.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = own::open(path, OpenOptions::new().read(true)) else {
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

/// The system does not say.
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
            (format!("{sum}.part"), Kind::Half),
            (format!("new-{random}.part"), Kind::Half),
            (format!("{sum}.file"), Kind::Whole),
            (format!("job-{random}"), Kind::Job),
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
