//! Files that only their owner should be able to read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tracing::warn;

/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file; warns if other users can read it too.
///
/// # Errors
/// It cannot be read, is no text, or is longer than 1 MiB.
pub fn read(path: &Path) -> Result<String> {
    let name = path.display();
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    if metadata.len() > MAX_BYTES {
        bail!("{name} is too long for a file of credentials");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            warn!("other users may read {name}: run chmod 600 on it");
        }
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {name}"))
}
