//! The folder that is the worker's own. It deletes nothing, and changes no rights, outside of it.
//!
//! ```text
//! DIR                              as the user has it; made, private, where it is missing
//!   sleap-stream-uploads           made by a worker, mode 0700
//!     MADE-BY-SLEAP-WORKER.txt     marks it: a folder without it belongs to others
//! ```
//!
//! In the folder a worker treats only entries with the exact names of [`super::listing`] as its own.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The folder's name.
const NAME: &str = "sleap-stream-uploads";

/// The file that marks the folder as the worker's.
const MARKER: &str = "MADE-BY-SLEAP-WORKER.txt";

/// The content of that file.
const WORDS: &str = "\
sleap-worker made this folder. It keeps here what clients send, and deletes it again.
By this file the worker knows that the folder is its own: leave name and content as they are.
";

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// Another program or the user made it.
    #[error(
        "{} is there and was not made by sleap-worker (there is no {MARKER} in it as sleap-worker writes it), so nothing in it is touched. Rename it, or keep files elsewhere (--upload-dir)",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It is a link, a file, or another user's.
    #[error("{} is not this user's own folder. Keep files elsewhere (--upload-dir)", .0.display())]
    NotOwn(PathBuf),
    /// Other users could read or replace its files.
    #[error(
        "{} is open to other users (mode {mode:04o}). Look at what is in it, then `chmod 700` it",
        .path.display()
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("cannot keep files in {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// The folder as it is found.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Missing,
    /// A private folder that holds nothing: it has just been made.
    Empty,
    Marked,
}

/// The place of the folder.
#[derive(Debug)]
pub(super) struct StoreFolder {
    /// The folder that it is in.
    dir: PathBuf,
    /// `dir` is a fixed name in a folder where every user may write.
    is_public: bool,
}

impl StoreFolder {
    /// In a folder of the user's choice.
    pub(super) fn within(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            is_public: false,
        }
    }

    /// The place without --upload-dir: systemd's folder for the service, or the user's cache.
    pub(super) fn usual() -> Self {
        let path = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
            Some(PathBuf::from(value)).filter(|path: &PathBuf| path.is_absolute())
        };
        let cache = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        let cache = cache.map(|cache| cache.join("sleap-stream"));
        match path("CACHE_DIRECTORY").or(cache) {
            Some(dir) => Self::within(&dir),
            None => Self {
                dir: std::env::temp_dir().join("sleap-stream"),
                is_public: true,
            },
        }
    }

    /// Where the folder is, or would be.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// The folder, if it was made.
    ///
    /// # Errors
    /// Something else has its name.
    pub(super) fn find(&self) -> Result<Option<PathBuf>, FolderError> {
        let path = self.path();
        Ok((self.state(&path)? == State::Marked).then_some(path))
    }

    /// The folder, which is made where it is missing.
    ///
    /// # Errors
    /// Something else has its name, or the system refuses.
    pub(super) fn make(&self) -> Result<PathBuf, FolderError> {
        let path = self.path();
        match self.state(&path) {
            Ok(State::Marked) => return Ok(path),
            // Another worker may be writing the marker: that is decided under the lock.
            Ok(State::Missing | State::Empty) | Err(FolderError::Foreign(_)) => {}
            Err(error) => return Err(error),
        }
        let failed = |error| FolderError::Io {
            path: path.clone(),
            error,
        };
        private(true).create(&self.dir).map_err(failed)?;
        match private(false).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            // Made just now by this worker or another one, or there before: it is checked below.
            _ => {}
        }
        // Of two workers one writes the marker, and the other finds it complete. Where the file system has no
        // locks that goes wrong only if both make the folder at the same moment.
        let folder = File::open(&path).map_err(failed)?;
        let _ = folder.lock();
        if self.state(&path)? == State::Empty {
            mark(&path).map_err(failed)?;
        }
        match self.state(&path)? {
            State::Marked => Ok(path),
            State::Empty | State::Missing => Err(FolderError::Foreign(path)),
        }
    }

    fn state(&self, path: &Path) -> Result<State, FolderError> {
        let failed = |error| FolderError::Io {
            path: path.to_owned(),
            error,
        };
        if self.is_public {
            match fs::symlink_metadata(&self.dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
                there => check(&self.dir, &there.map_err(failed)?)?,
            }
        }
        let there = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            there => there.map_err(failed)?,
        };
        if there.is_dir() && !is_marked(path) {
            let holds_nothing = fs::read_dir(path).map_err(failed)?.next().is_none();
            return match holds_nothing && check(path, &there).is_ok() {
                true => Ok(State::Empty),
                false => Err(FolderError::Foreign(path.to_owned())),
            };
        }
        check(path, &there).map(|()| State::Marked)
    }
}

/// Checks that the folder is private to this user.
fn check(path: &Path, there: &Metadata) -> Result<(), FolderError> {
    if !there.is_dir() || !is_own(there) {
        return Err(FolderError::NotOwn(path.to_owned()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = there.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(FolderError::Open { path, mode });
        }
    }
    Ok(())
}

/// Whether it belongs to this user.
#[cfg(unix)]
pub(super) fn is_own(there: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    there.uid() == rustix::process::geteuid().as_raw()
}

/// Not known on this system.
#[cfg(not(unix))]
pub(super) fn is_own(_: &Metadata) -> bool {
    true
}

fn is_marked(folder: &Path) -> bool {
    let read = || -> io::Result<bool> {
        let file = open(&folder.join(MARKER), OpenOptions::new().read(true))?;
        let there = file.metadata()?;
        if !there.is_file() || !is_own(&there) {
            return Ok(false);
        }
        let mut words = Vec::new();
        // One byte more: a longer file is not the marker.
        file.take(WORDS.len() as u64 + 1).read_to_end(&mut words)?;
        Ok(words == WORDS.as_bytes())
    };
    read().unwrap_or(false)
}

fn mark(folder: &Path) -> io::Result<()> {
    let path = folder.join(MARKER);
    let mut file = open(&path, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(WORDS.as_bytes())
        .and_then(|()| file.sync_all())
        .inspect_err(|_| {
            // A partial marker would make the folder a foreign one. If it stays, the next start reports it.
            let _ = fs::remove_file(&path);
        })
}

/// Opens a file that only this user may read. Links are not followed, and a pipe does not block.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    options.open(path)
}

fn private(with_parents: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(with_parents);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
