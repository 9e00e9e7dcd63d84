//! Files that appear complete, and replace another only where that is allowed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use atomic_file::{draft_beside, folder_of, save};

use crate::error::CreateError;
use crate::format::LabelsFormat;

/// Checks that a file can be written later, before the run begins. Nothing is changed or left
/// behind. `-` is standard output. Something other than a regular file, such as `/dev/null` or a
/// pipe, takes text formats only.
pub fn check_free(path: &Path, overwrite: bool) -> Result<(), CreateError> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    let is_text = || {
        matches!(
            LabelsFormat::of(path),
            Some(LabelsFormat::JsonLines | LabelsFormat::Csv)
        )
    };
    match path.metadata() {
        Ok(there) if there.is_dir() || !(there.is_file() || is_text()) => {
            Err(CreateError::NoFile(path.to_owned()))
        }
        Ok(_) if !overwrite => Err(CreateError::Exists(path.to_owned())),
        // Opening a pipe would wait for its reader.
        Ok(there) if !there.is_file() => Ok(()),
        Ok(_) => check_replaceable(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_new(path, overwrite),
        Err(error) => Err(refused(path, error)),
    }
}

/// Checks that a file that is there can be written.
fn check_replaceable(path: &Path) -> Result<(), CreateError> {
    let opened = File::options().append(true).open(path);
    opened.map_err(|error| refused(path, error))?;
    match is_replaced(path) {
        true => check_folder(path),
        false => Ok(()),
    }
}

/// Checks that a file that is not there can be created.
fn check_new(path: &Path, overwrite: bool) -> Result<(), CreateError> {
    // A link that leads nowhere is in the way of a new file, and no file that could be replaced.
    if path.is_symlink() {
        return Err(match overwrite {
            true => CreateError::NoFile(path.to_owned()),
            false => CreateError::Exists(path.to_owned()),
        });
    }
    let folder = folder_of(path).to_owned();
    match folder.is_dir() {
        true => check_folder(path),
        false => Err(CreateError::NoFolder {
            path: path.to_owned(),
            folder,
        }),
    }
}

/// Whether an existing file is replaced by a new one, which needs a writable folder; other formats are
/// written to the existing file.
fn is_replaced(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|it| it.eq_ignore_ascii_case("slp") || it.eq_ignore_ascii_case("png"))
}

/// Checks that files can be created in the folder of this one.
fn check_folder(path: &Path) -> Result<(), CreateError> {
    let folder = folder_of(path).to_owned();
    match tempfile::tempfile_in(&folder) {
        Ok(_unlinked) => Ok(()),
        Err(error) => Err(CreateError::ReadOnlyFolder {
            path: path.to_owned(),
            folder,
            reason: error.kind(),
        }),
    }
}

/// [`check_free`] for all files of a run, which must be different files, however they are spelled.
pub fn check_all_free<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    overwrite: bool,
) -> Result<(), CreateError> {
    let mut seen = HashSet::new();
    for path in paths {
        check_free(path, overwrite)?;
        if !seen.insert(canonical(path)) {
            return Err(CreateError::Twice(path.clone()));
        }
    }
    Ok(())
}

/// The same path for all spellings of a file, whether it exists or not.
fn canonical(path: &Path) -> PathBuf {
    let beside = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    match path.canonicalize() {
        Ok(whole) => whole,
        Err(_) => beside().unwrap_or_else(|| path.to_owned()),
    }
}

/// A file that this run has created, also in place of another. Only this very file is removed again,
/// not a later one of the same name.
#[derive(Debug)]
pub(crate) struct CreatedFile {
    path: PathBuf,
    file: File,
    /// There was none of this name before.
    is_new: bool,
}

impl CreatedFile {
    fn of(path: &Path, file: &File, is_new: bool) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: file.try_clone()?,
            is_new,
        })
    }

    /// Removes the file, which is empty, if there was none before.
    pub(crate) fn remove(&self) {
        if self.is_new && self.is_still_there() {
            // It stays empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Whether it is a file, and no pipe or device.
    pub(crate) fn is_file(&self) -> bool {
        self.file.metadata().is_ok_and(|it| it.is_file())
    }

    /// The path of the file itself, behind links; `None` where the name leads to another file by now.
    pub(crate) fn target(&self) -> Option<PathBuf> {
        let path = self.path.canonicalize().ok()?;
        self.is_at(&path).then_some(path)
    }

    /// Removes the file, which is empty, whatever was there before. Returns its path.
    pub(crate) fn remove_empty(&self) -> Option<PathBuf> {
        // This run has not created a pipe or a device.
        let is_gone =
            self.is_file() && self.is_still_there() && std::fs::remove_file(&self.path).is_ok();
        is_gone.then(|| self.path.clone())
    }

    fn is_still_there(&self) -> bool {
        self.is_at(&self.path)
    }

    /// Whether this very file has a path.
    #[cfg(unix)]
    fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let there = std::fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()));
        let made = self.file.metadata().map(|it| (it.dev(), it.ino()));
        matches!((there, made), (Ok(there), Ok(made)) if there == made)
    }

    #[cfg(not(unix))]
    fn is_at(&self, _path: &Path) -> bool {
        true
    }
}

/// Creates a file that did not exist before, or replaces it with `overwrite`.
pub(crate) fn create(path: &Path, overwrite: bool) -> Result<(File, CreatedFile), CreateError> {
    let created = || -> io::Result<(File, CreatedFile)> {
        let (file, is_new) = match File::create_new(path) {
            Ok(file) => (file, true),
            Err(error) if overwrite && error.kind() == io::ErrorKind::AlreadyExists => {
                let replaced = File::options().write(true).truncate(true).open(path);
                (replaced?, false)
            }
            Err(error) => return Err(error),
        };
        let made = CreatedFile::of(path, &file, is_new)?;
        Ok((file, made))
    };
    created().map_err(|error| refused(path, error))
}

/// Creates a file with this content; other processes see it complete or not at all.
pub(crate) fn create_whole(
    path: &Path,
    content: &[u8],
    overwrite: bool,
) -> Result<CreatedFile, CreateError> {
    let written = || -> io::Result<CreatedFile> {
        let mut draft = draft_beside(path)?;
        draft.write_all(content)?;
        match save(draft, path, false) {
            Ok(file) => CreatedFile::of(path, &file, true),
            Err(there) if overwrite && there.error.kind() == io::ErrorKind::AlreadyExists => {
                let file = save(there.file, path, true)?;
                CreatedFile::of(path, &file, false)
            }
            Err(failed) => Err(failed.error),
        }
    };
    written().map_err(|error| refused(path, error))
}

fn refused(path: &Path, error: io::Error) -> CreateError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => CreateError::Exists(path.to_owned()),
        _ => CreateError::Refused {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("poses.slp");
        std::fs::write(&path, "precious").unwrap();
        for refused in [
            check_free(&path, false).unwrap_err(),
            create(&path, false).unwrap_err(),
            create_whole(&path, b"new", false).unwrap_err(),
        ] {
            assert!(refused.to_string().contains("--overwrite"), "{refused}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        create_whole(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        create(&path, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn one_file_is_one_however_it_is_spelled() {
        let dir = tempfile::tempdir().unwrap();
        let spelled = |name: &str| dir.path().join(name);
        let check = |names: [&str; 2]| check_all_free(&names.map(spelled), true);
        std::fs::create_dir(spelled("b")).unwrap();
        for there in [false, true] {
            check(["a.slp", "b/a.slp"]).unwrap();
            let error = check(["a.slp", "b/../a.slp"]).unwrap_err();
            assert!(matches!(error, CreateError::Twice(_)), "{error} {there}");
            std::fs::write(spelled("a.slp"), "").unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_what_was_made_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let made = || create(&path, true).unwrap().1;
        made().remove();
        assert!(!path.exists());
        let first = made();
        made().remove();
        assert!(path.exists(), "it was there before");
        std::fs::rename(&path, dir.path().join("b.csv")).unwrap();
        std::fs::write(&path, "precious").unwrap();
        first.remove();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        assert!(first.remove_empty().is_none());
        let whole = create_whole(&path, b"new", true).unwrap();
        whole.remove();
        assert_eq!(whole.remove_empty(), Some(path.clone()));
        create_whole(&path, b"new", true).unwrap().remove();
        assert!(!path.exists());
        // A link to nothing is no free name, and stays.
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        for error in [
            create(&path, false).unwrap_err(),
            create_whole(&path, b"new", false).unwrap_err(),
        ] {
            assert!(matches!(error, CreateError::Exists(_)), "{error}");
        }
        assert!(path.is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_takes_texts_only() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("a.slp", false), ("a.csv", true), ("a.jsonl", true)] {
            let path = dir.path().join(name);
            std::os::unix::fs::symlink("/dev/null", &path).unwrap();
            assert_eq!(check_free(&path, true).is_ok(), text, "{name}");
        }
        let folder = dir.path().join("b.csv");
        std::fs::create_dir(&folder).unwrap();
        let error = check_free(&folder, true).unwrap_err();
        assert!(matches!(error, CreateError::NoFile(_)), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_written_is_found_out_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| {
            let error = check_free(path, true).unwrap_err();
            assert!(matches!(error, CreateError::Refused { .. }), "{error}");
        };
        // A program that runs cannot be written, nor can a folder of the kernel's.
        refused(&std::env::current_exe().unwrap());
        let error = check_free(Path::new("/proc/poses.csv"), false).unwrap_err();
        assert!(
            matches!(error, CreateError::ReadOnlyFolder { .. }),
            "{error}"
        );
        refused(&dir.path().join("x".repeat(300)));
        std::fs::write(dir.path().join("file"), "").unwrap();
        refused(&dir.path().join("file/poses.csv"));
        check_free(&dir.path().join("poses.csv"), false).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("poses.csv");
        std::os::unix::fs::symlink(dir.path().join("none.csv"), &path).unwrap();
        let error = check_free(&path, false).unwrap_err();
        assert!(matches!(error, CreateError::Exists(_)), "{error}");
        let error = check_free(&path, true).unwrap_err();
        assert!(matches!(error, CreateError::NoFile(_)), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_free(&dir.path().join("no/poses.csv"), false).unwrap_err();
        assert!(matches!(error, CreateError::NoFolder { .. }), "{error}");
        assert!(check_free(Path::new("-"), false).is_ok());
    }
}
