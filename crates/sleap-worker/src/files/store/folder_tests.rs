#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_is_made_once_and_the_users_own_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o755);
    fs::write(dir.path().join("thesis.part"), "mine").unwrap();
    let own = StoreFolder::within(dir.path());
    assert_eq!(own.find().unwrap(), None);
    let path = own.make().unwrap();
    assert_eq!(path, dir.path().join(NAME));
    assert_eq!((mode(dir.path()), mode(&path)), (0o755, 0o700));
    assert_eq!(mode(&path.join(MARKER)), 0o600);
    assert_eq!(own.make().unwrap(), path);
    assert_eq!(own.find().unwrap(), Some(path));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    // One that is missing is made for this user alone.
    let new = dir.path().join("new/er");
    StoreFolder::within(&new).make().unwrap();
    assert_eq!(mode(&new), 0o700);
}

#[test]
fn workers_that_start_together_make_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let make = || StoreFolder::within(dir.path()).make().unwrap();
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        for start in starts {
            start.join().unwrap();
        }
    });
}

/// Makes something else of the folder's name, and checks that it is refused and stays.
#[track_caller]
fn refused(prepare: impl FnOnce(&Path), words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(NAME);
    prepare(&path);
    let listed = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        (
            names,
            fs::symlink_metadata(path).unwrap().permissions().mode(),
        )
    };
    let before = listed(&path);
    let own = StoreFolder::within(dir.path());
    for error in [own.make().unwrap_err(), own.find().unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains(words) && error.contains(NAME), "{error}");
    }
    assert_eq!(listed(&path), before);
}

fn folder(path: &Path, mode: u32) {
    fs::create_dir(path).unwrap();
    set_mode(path, mode);
}

#[test]
fn a_folder_without_the_marker_belongs_to_others() {
    let words = "not made by sleap-worker";
    refused(|path| folder(path, 0o755), words);
    let with = |name: &'static str, content: &'static str| {
        move |path: &Path| {
            folder(path, 0o700);
            fs::write(path.join(name), content).unwrap();
        }
    };
    refused(with("notes.txt", "mine"), words);
    refused(with(MARKER, ""), words);
    refused(with(MARKER, &WORDS[1..]), words);
    let linked = |path: &Path| {
        folder(path, 0o700);
        let elsewhere = path.with_extension("txt");
        fs::write(&elsewhere, WORDS).unwrap();
        symlink(elsewhere, path.join(MARKER)).unwrap();
    };
    refused(linked, words);
}

#[test]
fn what_is_no_private_folder_is_not_used() {
    let not_own = "not this user's own folder";
    refused(|path| fs::write(path, WORDS).unwrap(), not_own);
    let linked = |path: &Path| {
        let elsewhere = path.parent().unwrap().join("elsewhere");
        fs::rename(
            StoreFolder::within(&elsewhere).make().unwrap(),
            elsewhere.join("it"),
        )
        .unwrap();
        symlink(elsewhere.join("it"), path).unwrap();
    };
    refused(linked, not_own);
    let open = |path: &Path| {
        StoreFolder::within(path.parent().unwrap()).make().unwrap();
        set_mode(path, 0o770);
    };
    refused(open, "mode 0770");
}

#[test]
fn a_folder_whose_making_was_cut_short_is_made_whole() {
    let dir = tempfile::tempdir().unwrap();
    folder(&dir.path().join(NAME), 0o700);
    let own = StoreFolder::within(dir.path());
    assert_eq!(own.find().unwrap(), None);
    let path = own.make().unwrap();
    assert_eq!(own.find().unwrap(), Some(path));
}

#[test]
fn a_fixed_place_that_all_users_share_is_this_users_own() {
    let dir = tempfile::tempdir().unwrap();
    let public = StoreFolder {
        dir: dir.path().join("sleap-stream"),
        is_public: true,
    };
    public.make().unwrap();
    set_mode(&public.dir, 0o755);
    let error = public.make().unwrap_err().to_string();
    assert!(error.contains("mode 0755"), "{error}");
}
