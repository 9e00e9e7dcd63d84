//! Reading files that decide what a program does: settings and secrets.
//!
//! Other users must not be able to write such a file. So its content is read together with the users who can
//! have written it: its owner and mode, and those of each folder above it in which it could be replaced. The owner and mode are those of the file that was opened, which no rename can change.

#[cfg(unix)]
mod unix;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use atomic_file::{open_regular, text_of};

/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Regular files. A pipe that lies where a file is looked for could hold up the program.
    File,
    /// Also pipes, as a shell makes them of `<(command)`.
    Any,
}

/// A text, and what lets other users change it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) text: String,
    pub(crate) exposure: Option<Exposure>,
    /// Other users may read it.
    pub(crate) is_readable: bool,
}

/// Other users can have written a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exposure {
    /// The file, or a folder on the way to it.
    path: PathBuf,
    is_folder: bool,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// It belongs to another user: the name of that one.
    Owner { owner: String, own: String },
    /// Its mode lets others write it.
    Writable { by: Writers, mode: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Writers {
    All,
    Group(String),
}

impl Exposure {
    /// Every user of the machine can write the file, or put another one in its place.
    pub(crate) fn is_to_all(&self) -> bool {
        /// Files of others stay in such a folder.
        const STICKY: u32 = 0o1000;
        match &self.cause {
            Cause::Writable {
                by: Writers::All,
                mode,
            } => !self.is_folder || mode & STICKY == 0,
            _ => false,
        }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> String {
        let path = self.path.display();
        match (&self.cause, self.is_folder) {
            (Cause::Owner { .. }, false) => {
                "copy it to a file of your own if you trust what it says".to_owned()
            }
            (Cause::Writable { .. }, false) => {
                format!("look at what it says, then run chmod go-w {path}")
            }
            (_, true) => format!(
                "keep it in a folder that only you can write (chmod go-w {path} where that one is yours)"
            ),
        }
    }
}

/// In words that follow the file's name and "because".
impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.is_folder {
            true => format!("its folder {}", self.path.display()),
            false => "it".to_owned(),
        };
        match &self.cause {
            Cause::Owner { owner, own } => {
                write!(
                    f,
                    "{what} belongs to {owner}, neither to you ({own}) nor to root"
                )
            }
            Cause::Writable { by, mode } => match by {
                Writers::All => write!(f, "all users can write {what} (mode {mode:o})"),
                Writers::Group(group) => {
                    write!(f, "the group {group} can write {what} (mode {mode:o})")
                }
            },
        }
    }
}

/// Reads a text file of at most 1 MiB.
///
/// # Errors
/// It cannot be opened or read, is of another kind, is longer, or is no UTF-8.
pub(crate) fn read(path: &Path, kind: Kind) -> io::Result<Content> {
    let file = match kind {
        Kind::File => open_regular(path),
        Kind::Any => File::open(path),
    }?;
    let metadata = file.metadata()?;
    #[cfg(unix)]
    let (exposure, is_readable) = (
        unix::exposure(path, &metadata)?,
        unix::others_may_read(&metadata),
    );
    #[cfg(not(unix))]
    let (exposure, is_readable) = (None, false);
    Ok(Content {
        text: text_of(&file, MAX_BYTES)?,
        exposure,
        is_readable,
    })
}
