//! Predictions on their way to the disk.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use protocol::{FileMeta, checksum_of};
use ring::digest;
use tempfile::NamedTempFile;

use super::source::hex;

/// Predictions are far smaller than their video.
const MAX_BYTES: u64 = 64 << 30;

/// A file that arrives. Until it is saved it has no name that anybody knows, and goes when it is
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
        let folder = match output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder);
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

    /// Whether it is whole, as it was sent.
    pub(super) fn check(self) -> Result<Whole> {
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
        Ok(Whole(self.file))
    }
}

/// A file that has arrived.
pub(super) struct Whole(NamedTempFile);

impl Whole {
    /// Gives it its name.
    pub(super) fn save(self, output: &Path, overwrite: bool) -> Result<()> {
        let saved = match overwrite {
            true => self.0.persist(output),
            false => self.0.persist_noclobber(output),
        };
        saved
            .map(drop)
            .with_context(|| format!("cannot save {} (--overwrite replaces it)", output.display()))
    }
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
    fn a_file_that_is_there_is_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("a.slp");
        std::fs::write(&output, "precious").unwrap();
        let whole = || {
            let mut download = begin(&output, 3, ABC).unwrap();
            download.chunk(b"abc").unwrap();
            download.check().unwrap()
        };
        let error = whole().save(&output, false).unwrap_err();
        assert!(error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "precious");
        whole().save(&output, true).unwrap();
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "abc");
    }
}
