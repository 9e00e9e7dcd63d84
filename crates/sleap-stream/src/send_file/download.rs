//! Predictions that arrive, and the file that they become.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use atomic_file::{draft_in, folder_of, save};
use protocol::{FileMeta, checksum_of};
use ring::digest;
use tempfile::NamedTempFile;

use protocol::hex;

/// Predictions are far smaller than their video.
const MAX_BYTES: u64 = 64 << 30;

/// Further names that are tried where the one in the options cannot be given.
const OTHER_NAMES: u32 = 1000;

/// A file that arrives. Until it is saved it has a temporary name, and is deleted when it is
/// dropped.
pub(super) struct Download {
    file: NamedTempFile,
    size: u64,
    received: u64,
    digest: digest::Context,
    expected: Option<String>,
}

impl Download {
    /// Begins it beside `output`.
    pub(super) fn begin(meta: &FileMeta, output: &Path) -> Result<Self> {
        if meta.size > MAX_BYTES {
            bail!("the worker announces {} bytes of predictions", meta.size);
        }
        let folder = folder_of(output);
        // A folder that is gone is no reason to lose what took the worker hours.
        let file = draft_in(folder).or_else(|error| {
            let other = draft_in(&std::env::temp_dir());
            tracing::warn!(%error, "cannot write to {} any more", folder.display());
            other
        });
        Ok(Self {
            file: file.with_context(|| format!("cannot write to {}", folder.display()))?,
            size: meta.size,
            received: 0,
            digest: digest::Context::new(&digest::SHA256),
            expected: checksum_of(meta.extra.as_deref()),
        })
    }

    pub(super) fn chunk(&mut self, chunk: &[u8]) -> Result<()> {
        if chunk.len() as u64 > self.size - self.received {
            bail!("more came than the {} bytes of predictions", self.size);
        }
        self.received += chunk.len() as u64;
        self.digest.update(chunk);
        self.file
            .write_all(chunk)
            .context("cannot write the predictions")
    }

    /// Checks that it is complete, as it was sent.
    pub(super) fn check(self) -> Result<DownloadedFile> {
        if self.received != self.size {
            bail!(
                "{} of {} bytes of predictions came",
                self.received,
                self.size
            );
        }
        let found = hex(self.digest.finish().as_ref());
        if self.expected.is_some_and(|expected| expected != found) {
            bail!(
                "the predictions arrived damaged: they have another SHA-256 than the worker sent"
            );
        }
        // Some file systems report only now that there is no room.
        let kept = self.file.as_file().sync_all();
        kept.context("cannot write the predictions")?;
        Ok(DownloadedFile(self.file))
    }
}

/// A file that has arrived completely.
pub(super) struct DownloadedFile(NamedTempFile);

/// Where predictions are now.
#[derive(Debug)]
pub(super) struct SavedPredictions {
    pub(super) path: PathBuf,
    /// Why they are not at the path of the options.
    pub(super) elsewhere: Option<io::Error>,
}

impl DownloadedFile {
    /// Gives it its name, or another where that cannot be: it is never lost.
    pub(super) fn save(self, output: &Path, overwrite: bool) -> Result<SavedPredictions> {
        match save(self.0, output, overwrite) {
            Ok(_) => Ok(SavedPredictions {
                path: output.to_owned(),
                elsewhere: None,
            }),
            Err(failed) => Ok(SavedPredictions {
                path: keep(failed.file, output)?,
                elsewhere: Some(failed.error),
            }),
        }
    }
}

/// Keeps a file under a name like `output`: `day1.mp4.predictions.1.slp`.
fn keep(mut file: NamedTempFile, output: &Path) -> Result<PathBuf> {
    let place = file.path().parent().unwrap_or(Path::new("")).to_owned();
    let is_beside = folder_of(output).canonicalize().ok() == place.canonicalize().ok();
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let end = output.extension().unwrap_or_default().to_string_lossy();
    for number in 1..OTHER_NAMES {
        let name = format!("{stem}.{number}.{end}");
        let path = match is_beside {
            true => output.with_file_name(name),
            false => place.join(name),
        };
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(failed) => {
                file = failed.file;
                if failed.error.kind() != io::ErrorKind::AlreadyExists {
                    break;
                }
            }
        }
    }
    let (_, path) = file.keep().context("cannot keep the predictions")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use protocol::{FileName, checksum_text};

    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn begin(output: &Path, size: u64, sha256: &str) -> Result<Download> {
        let meta = FileMeta {
            name: FileName::new("whatever.slp").unwrap(),
            size,
            extra: Some(checksum_text(sha256)),
        };
        Download::begin(&meta, output)
    }

    #[test]
    fn what_is_not_as_announced_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("a.slp");
        begin(&output, u64::MAX, ABC).err().unwrap();
        let mut short = begin(&output, 4, ABC).unwrap();
        short.chunk(b"abc").unwrap();
        assert!(short.check().is_err());
        let mut long = begin(&output, 2, ABC).unwrap();
        assert!(long.chunk(b"abc").is_err());
        let mut other = begin(&output, 3, ABC).unwrap();
        other.chunk(b"abd").unwrap();
        assert!(other.check().is_err());
        drop(long);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_there_is_kept_without_overwrite() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("a.slp");
        std::fs::write(&output, "precious").unwrap();
        let complete = || {
            let mut download = begin(&output, 3, ABC).unwrap();
            download.chunk(b"abc").unwrap();
            download.check().unwrap()
        };
        for number in [1, 2] {
            let saved = complete().save(&output, false).unwrap();
            assert_eq!(saved.path, dir.path().join(format!("a.{number}.slp")));
            let why = saved.elsewhere.unwrap().kind();
            assert_eq!(why, io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_to_string(saved.path).unwrap(), "abc");
        }
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "precious");
        let saved = complete().save(&output, true).unwrap();
        assert!(saved.path == output && saved.elsewhere.is_none());
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "abc");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn predictions_are_kept_where_their_folder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("gone/a.slp");
        let mut download = begin(&output, 3, ABC).unwrap();
        download.chunk(b"abc").unwrap();
        let saved = download.check().unwrap().save(&output, true).unwrap();
        assert!(saved.elsewhere.is_some());
        assert_eq!(std::fs::read_to_string(&saved.path).unwrap(), "abc");
        std::fs::remove_file(saved.path).unwrap();
    }
}
