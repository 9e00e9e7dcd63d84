//! The name under which a worker is registered at a signaling server elsewhere.
//!
//! It is the one of `--name`, or one that was made of the machine's name once. It is kept, so that pairing links
//! name the worker after a restart too. Each name has a file with the key of its registration: the server lets
//! the worker take the name back from its own former connection, and no other worker. The file is locked
//! while the name is in use, so that two workers of this user never have one name. Machines that share a home
//! have different keys, as some network file systems have no locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use atomic_file::write_private;
use cli::FileOrigin;
use link::signaling::IdReservation;
use protocol::hex;
use tracing::{debug, warn};

use crate::machine;

/// Workers of this user on this machine that have a name without `--name`.
const MAX_WORKERS: usize = 100;
/// Characters of the machine's name that a worker's name begins with.
const MAX_MACHINE_CHARS: usize = 40;
const KEY_BYTES: usize = 16;

/// A name that belongs to this process as long as the value exists.
#[derive(Debug)]
pub(crate) struct WorkerName {
    /// Under which the worker registers.
    pub(crate) id: String,
    /// What keeps other workers from taking the id.
    pub(crate) reservation: Option<IdReservation>,
    /// The locked file.
    _lock: Option<File>,
}

/// What came of the attempt to take a name.
enum Claim {
    Taken(WorkerName),
    /// Another process has it.
    InUse,
    /// No file can be kept.
    NotKept,
}

impl WorkerName {
    /// Takes the name that `--name` gives, or the one of this machine, with a number where other workers
    /// have it.
    ///
    /// # Errors
    /// The given name is in use; a kept file was damaged, or others can have written it.
    pub(crate) fn claim(given: Option<&str>) -> Result<Self> {
        let folder = cli::data_folder().map(|folder| folder.join("worker-names"));
        let host = machine::name().map(|name| name.to_string_lossy().into_owned());
        claim_in(folder.as_deref(), given, &host.unwrap_or_default())
    }

    /// A name that is not kept; without a given one a random id.
    fn unkept(given: Option<&str>) -> Self {
        let random = || link::random_id("worker");
        Self {
            id: given.map_or_else(random, link::worker_id_of),
            reservation: None,
            _lock: None,
        }
    }
}

fn claim_in(folder: Option<&Path>, given: Option<&str>, host: &str) -> Result<WorkerName> {
    let Some(folder) = folder else {
        warn!("neither XDG_DATA_HOME nor HOME is set: {}", lost(given));
        return Ok(WorkerName::unkept(given));
    };
    let claimed = match given {
        Some(name) => match claim_name(folder, name, host)? {
            Claim::InUse => bail!(
                "another worker on this machine has the name {name}: give each its own --name, as a link \
                 leads to one worker"
            ),
            claim => claim,
        },
        None => claim_machines(folder, host)?,
    };
    match claimed {
        Claim::Taken(name) => Ok(name),
        Claim::InUse | Claim::NotKept => {
            warn!(folder = %folder.display(), "nothing can be kept there: {}", lost(given));
            Ok(WorkerName::unkept(given))
        }
    }
}

/// What is lost where nothing is kept.
fn lost(given: Option<&str>) -> &'static str {
    match given {
        Some(_) => "another worker could take this worker's name",
        None => "the worker's name, and links with it, are for this run alone",
    }
}

/// The machine's name that was made first, or that with a number.
fn claim_machines(folder: &Path, host: &str) -> Result<Claim> {
    let Some(base) = machines_name(folder, host)? else {
        return Ok(Claim::NotKept);
    };
    for number in 1..=MAX_WORKERS {
        let name = match number {
            1 => base.clone(),
            more => format!("{base}-{more}"),
        };
        match claim_name(folder, &name, host)? {
            Claim::InUse => {}
            claim => {
                if number > 1 {
                    warn!(
                        name,
                        "another worker has this machine's name, {base}: after a restart of both they may change \
                         names; --name gives each its own"
                    );
                }
                return Ok(claim);
            }
        }
    }
    Ok(Claim::InUse)
}

/// The name made of the machine's: a part that is random keeps apart machines and users that would have
/// the same one. Machines that share a home have a file each.
fn machines_name(folder: &Path, host: &str) -> Result<Option<String>> {
    let whole = plain_host(host);
    let file = folder.join(format!("{whole}.name"));
    let label = whole.split('.').next().unwrap_or(&whole);
    let label: String = label.chars().take(MAX_MACHINE_CHARS).collect();
    let make = || Ok(format!("{label}-{}", hex(&random::<2>()?)));
    let Some(text) = kept(&file, make)? else {
        return Ok(None);
    };
    let name = cli::plain_name(&text).map_err(|_| damaged(&file, "worker's name"))?;
    Ok(Some(name))
}

/// The machine's name as it can stand in a file's name.
fn plain_host(host: &str) -> String {
    let name = cli::as_plain_name(&host.to_ascii_lowercase());
    name.unwrap_or_else(|| "machine".to_owned())
}

fn claim_name(folder: &Path, name: &str, host: &str) -> Result<Claim> {
    let file = folder.join(format!("{name}.key"));
    let Some(key) = kept(&file, || Ok(hex(&random::<KEY_BYTES>()?)))? else {
        return Ok(Claim::NotKept);
    };
    if key.len() != 2 * KEY_BYTES || !key.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(damaged(&file, "key"));
    }
    // Some network file systems lock only what may be written.
    let opened = OpenOptions::new().read(true).write(true).open(&file);
    let lock = match opened.map_err(TryLockError::Error).and_then(locked) {
        Ok(file) => Some(file),
        Err(TryLockError::WouldBlock) => return Ok(Claim::InUse),
        Err(TryLockError::Error(error)) => {
            debug!(file = %file.display(), %error, "cannot be locked");
            None
        }
    };
    Ok(Claim::Taken(WorkerName {
        id: link::worker_id_of(name),
        reservation: Some(IdReservation::with_key(format!(
            "{key}-{}",
            plain_host(host)
        ))),
        _lock: lock,
    }))
}

fn locked(file: File) -> Result<File, TryLockError> {
    file.try_lock().map(|()| file)
}

/// The line that a file holds, made where there is none; `None` where it cannot be kept.
fn kept(file: &Path, make: impl FnOnce() -> Result<String>) -> Result<Option<String>> {
    if !file.exists() {
        let line = format!("{}\n", make()?);
        if let Err(error) = write_private(file, line.as_bytes(), false)
            && !file.exists()
        {
            debug!(file = %file.display(), %error, "cannot be kept");
            return Ok(None);
        }
    }
    // Another worker may have written it first.
    let text = cli::read_private(file, FileOrigin::Kept)?;
    Ok(Some(text.trim().to_owned()))
}

fn damaged(file: &Path, what: &str) -> anyhow::Error {
    let file = file.display();
    anyhow!(
        "{file} holds no {what}: remove it, and another is made; links that name this worker stop working"
    )
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system has no random numbers")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn claim(folder: &Path, given: Option<&str>) -> Result<WorkerName> {
        claim_in(Some(folder), given, "Rig.lab.edu")
    }

    #[test]
    fn a_machines_worker_has_its_name_and_key_again_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("names");
        let first = claim(&folder, None).unwrap();
        let (id, key) = (first.id.clone(), first.reservation.clone());
        assert!(
            id.starts_with("worker-rig-") && id.len() == "worker-rig-".len() + 4,
            "{id}"
        );
        assert!(key.is_some());
        drop(first);
        let again = claim(&folder, None).unwrap();
        assert_eq!((&again.id, &again.reservation), (&id, &key));
        // Another machine that shares the home has another name.
        let other = claim_in(Some(&folder), None, "rig.other.edu").unwrap();
        assert!(other.id.starts_with("worker-rig-"), "{}", other.id);
        #[cfg(unix)]
        for entry in fs::read_dir(&folder).unwrap() {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_second_worker_of_a_machine_has_a_name_and_a_key_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let first = claim(dir.path(), None).unwrap();
        let second = claim(dir.path(), None).unwrap();
        let third = claim(dir.path(), None).unwrap();
        assert_eq!(second.id, format!("{}-2", first.id));
        assert_eq!(third.id, format!("{}-3", first.id));
        assert_ne!(first.reservation, second.reservation);
        // The first free one is taken.
        let id = second.id.clone();
        drop(second);
        assert_eq!(claim(dir.path(), None).unwrap().id, id);
    }

    #[test]
    fn a_name_that_was_given_is_taken_as_it_is_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let named = claim(dir.path(), Some("left")).unwrap();
        assert_eq!(named.id, "worker-left");
        let error = claim(dir.path(), Some("left")).unwrap_err().to_string();
        assert!(
            error.contains("left") && error.contains("--name"),
            "{error}"
        );
        let other = claim(dir.path(), Some("right")).unwrap();
        assert_ne!(other.reservation, named.reservation);
        let key = named.reservation.clone();
        drop(named);
        assert_eq!(claim(dir.path(), Some("left")).unwrap().reservation, key);
        // A machine that shares the home cannot take it from the first one.
        let elsewhere = claim_in(Some(dir.path()), Some("left"), "other").unwrap();
        assert_ne!(elsewhere.reservation, key);
    }

    #[test]
    fn damaged_files_are_errors_that_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in [
            ("rig.lab.edu.name", "../../etc"),
            ("rig.lab.edu.name", ""),
            ("left.key", "short"),
        ] {
            fs::write(dir.path().join(file), content).unwrap();
            let given = file.starts_with("left").then_some("left");
            let error = format!("{:#}", claim(dir.path(), given).unwrap_err());
            assert!(
                error.contains(file) && error.contains("remove it"),
                "{error}"
            );
        }
    }

    #[test]
    fn where_nothing_can_be_kept_the_name_is_for_this_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file");
        fs::write(&file, "").unwrap();
        for folder in [None, Some(file.as_path())] {
            let name = claim_in(folder, None, "rig").unwrap();
            assert!(name.id.starts_with("worker-") && name.reservation.is_none());
            assert_eq!(
                claim_in(folder, Some("left"), "rig").unwrap().id,
                "worker-left"
            );
        }
    }
}
