//! Files that other processes see complete or not at all.
//!
//! A file is written under a temporary name in its own folder ([`draft_beside`]) and gets its name when it is
//! complete ([`save`]). [`write_private`] does both for a file that only its owner may read. A draft that is
//! dropped is removed.
//!
//! Files of users are read by [`open_regular`] and [`read_text`], which never wait; [`text_of`] reads one that is open.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod regular;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

pub use regular::{open_regular, read_text, text_of};

/// The folder of a file; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// An empty file with a temporary name in the folder of `path`, and with the permissions of any new file.
///
/// # Errors
/// The folder does not exist, or no file can be created in it.
pub fn draft_beside(path: &Path) -> io::Result<NamedTempFile> {
    draft_in(folder_of(path))
}

/// As [`draft_beside`], in this folder.
///
/// # Errors
/// The folder does not exist, or no file can be created in it.
pub fn draft_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".new");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As far as the umask allows; a temporary file would be for its owner only.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Gives a complete draft its name. Without `overwrite` a file that has the name already stays.
///
/// # Errors
/// The name is taken (`AlreadyExists`, without `overwrite`), or the system refuses to rename. The error
/// holds the draft.
pub fn save(draft: NamedTempFile, path: &Path, overwrite: bool) -> Result<File, PersistError> {
    match overwrite {
        true => draft.persist(path),
        false => draft.persist_noclobber(path),
    }
}

/// Writes a file that only its owner may read and write, and creates its folder where it is missing, for its
/// owner alone. The content is on the disk when this returns.
///
/// # Errors
/// As of [`save`]; the folder cannot be created or the content not be written. What had the name before is
/// unchanged then.
pub fn write_private(path: &Path, content: &[u8], overwrite: bool) -> io::Result<()> {
    let folder = folder_of(path);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // Temporary files are for their owner only.
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    save(draft, path, overwrite)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_draft_has_no_name_until_it_is_saved_and_leaves_nothing_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        drop(draft_beside(&path).unwrap());
        assert!(names(dir.path()).is_empty());
        let mut draft = draft_beside(&path).unwrap();
        draft.write_all(b"1,2").unwrap();
        assert!(!path.exists());
        save(draft, &path, false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1,2");
        assert_eq!(names(dir.path()), ["a.csv"]);
    }

    #[test]
    fn a_file_is_replaced_only_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let refused = save(draft_beside(&path).unwrap(), &path, false).unwrap_err();
        assert_eq!(refused.error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        save(refused.file, &path, true).unwrap();
        assert!(fs::read(&path).unwrap().is_empty());
    }

    #[test]
    fn a_private_file_is_its_owners_and_its_folder_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder/key");
        write_private(&path, b"one", false).unwrap();
        let taken = write_private(&path, b"two", false).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_private(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder_of(&path)), ["key"], "no draft stays");
        #[cfg(unix)]
        {
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(folder_of(&path)), 0o700);
        }
    }

    /// A new file is readable for the group and all users as far as the umask allows.
    #[cfg(unix)]
    #[test]
    fn a_draft_has_the_permissions_of_any_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, path) = (dir.path().join("plain"), dir.path().join("saved"));
        File::create(&plain).unwrap();
        save(draft_in(dir.path()).unwrap(), &path, false).unwrap();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn a_bare_name_is_in_the_working_directory() {
        assert_eq!(folder_of(Path::new("a.csv")), Path::new("."));
        assert_eq!(folder_of(Path::new("b/a.csv")), Path::new("b"));
        assert_eq!(folder_of(Path::new("/a.csv")), Path::new("/"));
    }
}
