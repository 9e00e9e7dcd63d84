//! Files with secrets, which only their owner should be able to read and to write.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use tracing::warn;

use crate::owned_file::{self, Content, Kind};

/// How a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOrigin {
    /// By its name, which the user gave: it may be a colleague's, as a lab's shared secret is.
    Named,
    /// Where such a file is looked for.
    Kept,
}

/// Reads a file of secrets. Refuses one that others can have written; of a file that the user named only
/// one that every user can write, and warns otherwise. Warns if other users can read it.
///
/// # Errors
/// It cannot be read, is no text, is longer than 1 MiB, or others can have written it.
pub fn read(path: &Path, found: FileOrigin) -> Result<String> {
    let content = read_public(path, found)?;
    if content.is_readable {
        warn!(
            "other users may read {}: run chmod 600 on it",
            path.display()
        );
    }
    Ok(content.text)
}

/// Reads a file of trusted keys, which is not secret; else as [`read`].
///
/// # Errors
/// As of [`read`].
pub fn read_list(path: &Path) -> Result<String> {
    Ok(read_public(path, FileOrigin::Named)?.text)
}

fn read_public(path: &Path, found: FileOrigin) -> Result<Content> {
    let name = path.display();
    let kind = match found {
        FileOrigin::Named => Kind::Any,
        FileOrigin::Kept => Kind::File,
    };
    let content = owned_file::read(path, kind).with_context(|| format!("cannot read {name}"))?;
    match &content.exposure {
        Some(exposure) if found == FileOrigin::Kept || exposure.is_to_all() => {
            bail!(
                "{name} is not used, because {exposure}: {}",
                exposure.advice()
            )
        }
        Some(exposure) => warn!("{name} may be changed by others: {exposure}"),
        None => {}
    }
    Ok(content)
}

/// Reads a JSON file that is looked for; messages call it `name`.
///
/// # Errors
/// As of [`read`]; it is no JSON.
pub(crate) fn read_json(path: &Path, name: &str) -> Result<serde_json::Value> {
    let text = read(path, FileOrigin::Kept)?;
    // The parser's own words may quote the file.
    serde_json::from_str(&text)
        .map_err(|error| anyhow!("{name} is not JSON (line {})", error.line()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refusal(path: &Path, found: FileOrigin) -> Option<String> {
        read(path, found).err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn what_every_user_can_write_is_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs::write(&file, "text").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        for (folder, mode_of_file, named, kept) in [
            (0o700, 0o600, true, true),
            (0o700, 0o644, true, true),
            (0o700, 0o666, false, false),
            (0o777, 0o600, false, false),
            // In /tmp a file stays its owner's.
            (0o1777, 0o600, true, false),
        ] {
            mode(&file, mode_of_file).unwrap();
            mode(dir.path(), folder).unwrap();
            for (found, is_taken) in [(FileOrigin::Named, named), (FileOrigin::Kept, kept)] {
                let refusal = refusal(&file, found);
                let what = format!("{folder:o} {mode_of_file:o} {found:?}: {refusal:?}");
                assert_eq!(refusal.is_none(), is_taken, "{what}");
                let told =
                    refusal.is_none_or(|it| it.contains("chmod go-w") && it.contains("(mode "));
                assert!(told, "{what}");
            }
        }
    }
}
