//! The stored pairing links: a file for each, which only its owner may read.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use atomic_file::write_private;
use cli::{FileOrigin, PairingLink, plain_name};

/// Names that are read of the folder, at most.
const MAX_NAMES: usize = 1000;

/// A worker whose link is stored.
#[derive(Debug, Clone)]
pub(in crate::command_line) struct StoredWorker {
    pub(in crate::command_line) name: String,
    pub(in crate::command_line) link: PairingLink,
}

/// The folder of the stored links. A file's name is the worker's, its line is the link.
#[derive(Debug, Clone)]
pub(in crate::command_line) struct WorkerStore {
    folder: PathBuf,
}

impl WorkerStore {
    /// `~/.local/share/sleap-stream/workers`.
    ///
    /// # Errors
    /// The user has no home.
    pub(in crate::command_line) fn of_user() -> Result<Self> {
        let folder = cli::data_folder()
            .context("neither XDG_DATA_HOME nor HOME is set: no worker can be stored")?;
        Ok(Self::at(folder.join("workers")))
    }

    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The names, sorted. Other files in the folder are left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(in crate::command_line) fn names(&self) -> Result<Vec<String>> {
        let cannot = || format!("cannot read {}", self.folder.display());
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(cannot)?,
        };
        let mut names = Vec::new();
        for entry in entries.take(MAX_NAMES) {
            let name = entry.with_context(cannot)?.file_name().into_string();
            names.extend(name.ok().and_then(|name| plain_name(&name).ok()));
        }
        names.sort();
        Ok(names)
    }

    /// The worker of this name; `None` where there is none.
    ///
    /// # Errors
    /// Others can have written the file, it cannot be read, or it holds no link with a secret.
    pub(in crate::command_line) fn get(&self, name: &str) -> Result<Option<StoredWorker>> {
        let Some(file) = self.file(name).filter(|file| file.exists()) else {
            return Ok(None);
        };
        let text = cli::read_private(&file, FileOrigin::Kept)?;
        let advice = || format!("the stored worker {name} cannot be used: store its link again");
        let link = PairingLink::parse(&text).with_context(advice)?;
        if link.secret.is_none() {
            return Err(anyhow!("its link has no secret").context(advice()));
        }
        Ok(Some(StoredWorker {
            name: name.to_owned(),
            link,
        }))
    }

    /// The worker of this name. The error does not repeat the name: it may be a secret that was given in
    /// the wrong place.
    ///
    /// # Errors
    /// As of [`get`](Self::get); there is none.
    pub(in crate::command_line) fn find(&self, name: &str) -> Result<StoredWorker> {
        if let Some(worker) = self.get(name)? {
            return Ok(worker);
        }
        match self.names()?.as_slice() {
            [] => bail!(
                "this is neither a link, sleap://HOST:PORT/#SECRET, nor a stored worker: there is none yet \
                 (`sleap-stream pair` stores a link)"
            ),
            names => bail!(
                "this is neither a link, sleap://HOST:PORT/#SECRET, nor a stored worker; stored are: {}",
                names.join(", ")
            ),
        }
    }

    /// Stores a worker in place of one with this name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn put(&self, worker: &StoredWorker) -> Result<()> {
        let file = self
            .file(&worker.name)
            .context("this name cannot be a file's")?;
        let line = format!("{}\n", worker.link.reveal());
        write_private(&file, line.as_bytes(), true)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether there was one of this name, which is removed.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn remove(&self, name: &str) -> io::Result<bool> {
        let Some(file) = self.file(name) else {
            return Ok(false);
        };
        match fs::remove_file(file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `None`: this cannot be a name.
    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(plain_name(name).ok()?))
    }
}
