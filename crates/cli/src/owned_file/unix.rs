//! Who can have written a file, by owners and modes.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::{Gid, Uid, geteuid};
use uzers::os::unix::GroupExt;
use uzers::{get_group_by_gid, get_user_by_uid};

use super::{Cause, Exposure, Writers};

/// Most symbolic links on the way to a file, as on Linux.
const MAX_LINKS: usize = 40;

pub(super) fn others_may_read(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o077 != 0
}

/// The first thing on the way to a file that others can write: the file that was opened, of which the
/// metadata are, then the folder of `path`, then that of each further link. Who can write a folder can
/// put another file in the place of one.
pub(super) fn exposure(path: &Path, opened: &Metadata) -> io::Result<Option<Exposure>> {
    if !opened.is_file() {
        // A pipe of this process's parent is in no folder whose mode could be checked.
        return Ok(None);
    }
    let found = |path: &Path, is_folder, cause| {
        Ok(Some(Exposure {
            path: path.to_owned(),
            is_folder,
            cause,
        }))
    };
    if let Some(cause) = cause(path, opened) {
        return found(path, false, cause);
    }
    let mut place = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if let Some(cause) = cause(folder, &fs::metadata(folder)?) {
            return found(&fs::canonicalize(folder)?, true, cause);
        }
        let there = fs::symlink_metadata(&place)?;
        if !there.is_symlink() {
            return match (there.dev(), there.ino()) == (opened.dev(), opened.ino()) {
                true => Ok(None),
                false => Err(io::Error::other("it was replaced while it was read")),
            };
        }
        place = folder.join(fs::read_link(&place)?);
    }
    Err(io::Error::other(
        "there are too many links on the way to it",
    ))
}

/// What lets others write a file or folder.
fn cause(path: &Path, metadata: &Metadata) -> Option<Cause> {
    let owner = Uid::from_raw(metadata.uid());
    let own = geteuid();
    if owner != own && !owner.is_root() {
        return Some(Cause::Owner {
            owner: user_name(owner),
            own: user_name(own),
        });
    }
    let mode = metadata.mode() & 0o7777;
    let group = Gid::from_raw(metadata.gid());
    let is_private = || {
        let is_of = |user| is_private_group(user, group);
        (is_of(owner) || is_of(own)) && !has_access_list(path)
    };
    let by = match mode {
        mode if mode & 0o002 != 0 => Writers::All,
        mode if mode & 0o020 != 0 && !is_private() => Writers::Group(group_name(group)),
        _ => return None,
    };
    // As Kubernetes mounts its secrets: with all rights, and read-only.
    let is_read_only =
        statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
    (!is_read_only).then_some(Cause::Writable { by, mode })
}

/// A group that has a user's name and no other member: many systems make one for each user, and let it
/// write what the user makes.
fn is_private_group(user: Uid, group: Gid) -> bool {
    let (user, group) = (
        get_user_by_uid(user.as_raw()),
        get_group_by_gid(group.as_raw()),
    );
    let (Some(user), Some(group)) = (user, group) else {
        return false;
    };
    let is_alone = group.members().iter().all(|member| member == user.name());
    user.primary_group_id() == group.gid() && user.name() == group.name() && is_alone
}

/// With an access list the group's rights in the mode are the most that any of its users and groups has.
fn has_access_list(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        let mut none: [u8; 0] = [];
        rustix::fs::getxattr(path, "system.posix_acl_access", &mut none).is_ok_and(|size| size > 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

fn user_name(user: Uid) -> String {
    match get_user_by_uid(user.as_raw()) {
        Some(found) => format!("{}, uid {user}", found.name().display()),
        None => format!("uid {user}"),
    }
}

fn group_name(group: Gid) -> String {
    match get_group_by_gid(group.as_raw()) {
        Some(found) => found.name().display().to_string(),
        None => group.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::PathBuf;

    use super::super::{Kind, read};
    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn folder(modes: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "text").unwrap();
        mode(&file, 0o644);
        mode(dir.path(), modes);
        (dir, file)
    }

    #[track_caller]
    fn reason(path: &Path) -> String {
        let exposure = read(path, Kind::File).unwrap().exposure;
        exposure.map(|it| it.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_others_can_write_is_told_with_its_mode() {
        let (dir, file) = folder(0o700);
        assert_eq!(reason(&file), "");
        mode(&file, 0o666);
        assert_eq!(reason(&file), "all users can write it (mode 666)");
        mode(&file, 0o600);
        for bad in [0o777, 0o1777] {
            mode(dir.path(), bad);
            let told = reason(&file);
            assert!(
                told.starts_with("all users can write its folder /")
                    && told.ends_with(&format!("(mode {bad:o})")),
                "{told}"
            );
        }
        mode(dir.path(), 0o755);
        assert_eq!(reason(&file), "");
    }

    #[test]
    fn each_link_on_the_way_has_a_folder_that_counts() {
        let (open, target) = folder(0o777);
        let (middle, _) = folder(0o700);
        let (dir, _) = folder(0o700);
        let (second, first) = (middle.path().join("second"), dir.path().join("first"));
        symlink(&target, &second).unwrap();
        symlink(&second, &first).unwrap();
        assert!(reason(&first).contains("(mode 777)"), "{}", reason(&first));
        mode(open.path(), 0o700);
        assert_eq!(reason(&first), "");
        mode(middle.path(), 0o1777);
        assert!(reason(&first).contains("(mode 1777)"));
        mode(middle.path(), 0o700);
        mode(dir.path(), 0o1777);
        assert!(reason(&first).contains("(mode 1777)"));
        // Relative ones too.
        mode(dir.path(), 0o700);
        symlink("first", dir.path().join("again")).unwrap();
        assert_eq!(reason(&dir.path().join("again")), "");
    }

    #[test]
    fn what_belongs_to_another_user_or_group_is_told() {
        let (dir, file) = folder(0o700);
        if !geteuid().is_root() {
            return eprintln!("SKIPPED: only root can give files away");
        }
        chown(&file, Some(65_534), None).unwrap();
        let told = reason(&file);
        assert!(
            told.contains("uid 65534") && told.contains("nor to root"),
            "{told}"
        );
        chown(&file, Some(0), Some(65_534)).unwrap();
        assert_eq!(reason(&file), "");
        mode(&file, 0o664);
        assert!(reason(&file).contains("the group "), "{}", reason(&file));
        // The group of root alone.
        chown(&file, Some(0), Some(0)).unwrap();
        if is_private_group(geteuid(), Gid::ROOT) {
            assert_eq!(reason(&file), "");
        }
        chown(dir.path(), Some(65_534), None).unwrap();
        let told = reason(&file);
        assert!(
            told.contains("its folder") && told.contains("uid 65534"),
            "{told}"
        );
    }

    #[test]
    fn what_is_no_file_or_too_long_is_refused_at_once() {
        let (dir, file) = folder(0o700);
        let error = |path: &Path| read(path, Kind::File).unwrap_err().to_string();
        assert!(error(dir.path()).contains("not a regular file"));
        let pipe = dir.path().join("pipe");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
        assert!(error(&pipe).contains("not a regular file"));
        assert!(error(Path::new("/dev/zero")).contains("not a regular file"));
        let endless = read(Path::new("/dev/zero"), Kind::Any).unwrap_err();
        assert!(endless.to_string().contains("1 MiB"), "{endless}");
        fs::write(&file, vec![b'#'; (1 << 20) + 1]).unwrap();
        assert!(error(&file).contains("1 MiB"));
        fs::write(&file, b"\xff").unwrap();
        assert!(error(&file).contains("UTF-8"));
    }
}
