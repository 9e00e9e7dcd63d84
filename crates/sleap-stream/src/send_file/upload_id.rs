//! An upload's name, by which the worker recognizes the connections of one client.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use ring::digest;

use protocol::hex;

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The name: the same for every run with this file until the machine is started again, so that a run
/// replaces another that was killed. It cannot be guessed: a client that has it may replace the
/// upload too.
pub(super) fn of(path: &Path) -> Result<String> {
    let Some(boot) = boot_id() else {
        // Where a machine has no such name the run has its own.
        return Ok(hex(&random::<16>()?));
    };
    let key = match key_file() {
        Some(file) => kept(&file)?,
        None => Vec::new(),
    };
    Ok(name(&key, &boot, path))
}

fn name(key: &[u8], boot: &[u8], path: &Path) -> String {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut digest = digest::Context::new(&digest::SHA256);
    for part in [
        key,
        boot,
        home.as_encoded_bytes(),
        path.as_os_str().as_encoded_bytes(),
    ] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finish().as_ref()[..16])
}

/// Distinguishes machines that share a home.
fn boot_id() -> Option<Vec<u8>> {
    let boot = fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    (!boot.is_empty()).then_some(boot)
}

/// `~/.local/share/sleap-stream/upload-key`.
fn key_file() -> Option<PathBuf> {
    Some(cli::data_folder()?.join("upload-key"))
}

/// This user's key, made where there is none. Where none can be kept, nothing: another user of this
/// machine could then guess the names of uploads.
fn kept(file: &Path) -> Result<Vec<u8>> {
    if let Some(key) = read(file) {
        return Ok(key);
    }
    let made = make(file, &random::<KEY_BYTES>()?);
    // Another run may have been first.
    let key = read(file);
    if key.is_none() {
        let file = file.display();
        tracing::warn!(
            ?made,
            "no key for the names of uploads can be kept in {file}: other users of this machine could guess them"
        );
    }
    Ok(key.unwrap_or_default())
}

fn read(file: &Path) -> Option<Vec<u8>> {
    let is_key = fs::metadata(file).is_ok_and(|it| it.is_file() && it.len() == KEY_BYTES as u64);
    is_key.then(|| fs::read(file).ok()).flatten()
}

/// Writes the complete file at once. A file that is there stays: it is another run's key, or not of this
/// program, which leaves no partial key.
fn make(file: &Path, key: &[u8]) -> io::Result<()> {
    atomic_file::write_private(file, key, false)
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_and_belongs_to_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/upload-key");
        let key = kept(&file).unwrap();
        assert_eq!(key.len(), KEY_BYTES);
        assert_eq!(kept(&file).unwrap(), key);
        let files = fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "no draft stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&file, "another program's").unwrap();
        assert!(kept(&file).unwrap().is_empty());
        let there = fs::read_to_string(&file).unwrap();
        assert_eq!(there, "another program's");
    }

    #[test]
    fn where_no_key_can_be_kept_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file");
        fs::write(&file, "").unwrap();
        assert!(kept(&file.join("upload-key")).unwrap().is_empty());
    }

    #[test]
    fn a_name_takes_the_key_the_machine_and_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("1"), dir.path().join("2"));
        let names = [
            name(b"key", b"boot", &one),
            name(b"yek", b"boot", &one),
            name(b"", b"boot", &one),
            name(b"key", b"toob", &one),
            name(b"key", b"boot", &other),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(name.len() == 32 && !names[..at].contains(name), "{at}");
        }
        assert_eq!(names[0], name(b"key", b"boot", &one));
    }
}
