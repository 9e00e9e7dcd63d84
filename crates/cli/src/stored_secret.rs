//! The secret that a worker makes for itself, kept so that it is the same after a restart.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use atomic_file::write_private;
use link::Secret;
use tracing::{info, warn};

use crate::private_file::FileOrigin;
use crate::{secret_args, variable};

/// The kept secret, or a new one that is kept from now on. With `renew` always a new one. Where
/// nothing can be kept, one for this run alone.
///
/// # Errors
/// The file that is there holds no secret, or there are no random numbers.
pub fn stored_secret(renew: bool) -> Result<Secret> {
    stored_secret_at(place().as_deref(), renew)
}

/// The same for another secret, which is kept in `file`.
///
/// # Errors
/// As of [`stored_secret`].
pub fn stored_secret_at(file: Option<&Path>, renew: bool) -> Result<Secret> {
    let Some(file) = file else {
        warn!("neither XDG_DATA_HOME nor HOME is set: the secret is for this run alone");
        return Ok(Secret::generate()?);
    };
    kept_in(file, renew)
}

fn kept_in(file: &Path, renew: bool) -> Result<Secret> {
    if !renew && file.exists() {
        return secret_args::read(file, FileOrigin::Kept).context("--new-secret makes another");
    }
    let secret = Secret::generate()?;
    let line = format!("{}\n", secret.reveal());
    match write_private(file, line.as_bytes(), renew) {
        Ok(()) => info!(file = %file.display(), "made a secret"),
        // Another worker was faster.
        Err(_) if !renew && file.exists() => return secret_args::read(file, FileOrigin::Kept),
        Err(error) => {
            warn!(file = %file.display(), %error, "the secret is for this run alone: it cannot be kept");
        }
    }
    Ok(secret)
}

/// `~/.local/share/sleap-stream/secret`.
pub(crate) fn place() -> Option<PathBuf> {
    Some(data_folder()?.join("secret"))
}

/// What the programs keep for this user: `sleap-stream` in `XDG_DATA_HOME` or `~/.local/share`. `None`
/// where neither that nor HOME is set.
pub fn data_folder() -> Option<PathBuf> {
    data_folder_of(variable::path("HOME"))
}

/// The same for a user whose home may be known otherwise: HOME is not looked at.
pub fn data_folder_of(home: Option<PathBuf>) -> Option<PathBuf> {
    let data = variable::path("XDG_DATA_HOME").or_else(|| Some(home?.join(".local/share")))?;
    Some(data.join("sleap-stream"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_stays_until_another_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/secret");
        let first = kept_in(&file, false).unwrap().reveal();
        assert_eq!(kept_in(&file, false).unwrap().reveal(), first);
        let second = kept_in(&file, true).unwrap().reveal();
        assert_ne!(second, first);
        assert_eq!(kept_in(&file, false).unwrap().reveal(), second);
        let files = fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "no draft stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn files_of_others_in_the_same_folder_stay() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join(format!("secret.{}", std::process::id()));
        fs::write(&other, "precious").unwrap();
        kept_in(&folder.path().join("secret"), false).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    }

    #[test]
    fn a_damaged_file_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "hunter2").unwrap();
        let error = format!("{:#}", kept_in(&file, false).unwrap_err());
        assert!(
            error.contains("--new-secret") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(kept_in(&file, true).is_ok());
    }

    #[test]
    fn where_nothing_can_be_kept_there_is_one_for_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        assert!(kept_in(&file.join("secret"), false).is_ok());
    }
}
