//! What the folder of files holds, and what the system says of it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How folders of jobs begin.
pub(super) const JOB: &str = "job-";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An upload that is not whole.
    Half,
    /// A file with the SHA-256 that its name says.
    Whole,
    /// The folder of a job.
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
    entries.filter_map(|entry| item(&entry)).collect()
}

fn item(entry: &fs::DirEntry) -> Option<Item> {
    let metadata = entry.metadata().ok()?;
    let name = entry.file_name().into_string().ok()?;
    let (key, kind) = if let Some(key) = name.strip_suffix(Kind::Half.suffix()) {
        (key, Kind::Half)
    } else if let Some(key) = name.strip_suffix(Kind::Whole.suffix()) {
        (key, Kind::Whole)
    } else {
        name.starts_with(JOB)
            .then_some((name.as_str(), Kind::Job))?
    };
    if metadata.is_dir() != (kind == Kind::Job) {
        return None;
    }
    let bytes = match kind {
        Kind::Job => inside(&entry.path()),
        _ => metadata.len(),
    };
    Some(Item {
        key: key.to_owned(),
        kind,
        bytes,
        modified: metadata.modified().ok()?,
        path: entry.path(),
    })
}

fn inside(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    entries.map(bytes).sum()
}

pub(super) fn remove(item: &Item) {
    let removed = match item.kind {
        Kind::Job => fs::remove_dir_all(&item.path),
        _ => fs::remove_file(&item.path),
    };
    if let Err(error) = removed {
        tracing::warn!(file = %item.path.display(), %error, "cannot be removed");
    }
}

/// Makes the folder, which is nobody else's.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let there = fs::symlink_metadata(dir)?;
        if !there.is_dir() || there.uid() != rustix::process::geteuid().as_raw() {
            let words = format!("{} is not this user's own folder", dir.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
        }
        if there.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Opens a file for an upload and what there is of it; `None` where another process is at it.
pub(super) fn open_half(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    let file = options.open(path)?;
    match file.try_lock() {
        // Another process may have removed it meanwhile.
        Ok(()) if is_still(path, &file)? => Ok(Some(file)),
        Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `path` leads to `file`.
fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (there, here) = (fs::symlink_metadata(path)?, file.metadata()?);
        Ok((there.dev(), there.ino()) == (here.dev(), here.ino()))
    }
    #[cfg(not(unix))]
    Ok(true)
}

/// Whether somebody writes it, reads it, or works in it, here or in another process.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
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

/// Nobody knows.
#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}
