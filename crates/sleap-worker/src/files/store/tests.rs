use std::fs;
use std::io::Write;
use std::path::Path;

use super::*;

/// A SHA-256, as far as names are concerned.
fn key(digit: char) -> String {
    String::from(digit).repeat(64)
}

fn store(dir: &Path, file: u64, all: u64, keep: bool) -> Arc<FileStore> {
    let own = StoreFolder::within(&dir.join("uploads"));
    Arc::new(FileStore::new(own, StoreLimits { file, all, keep }))
}

fn names(store: &FileStore) -> Vec<String> {
    let entries = fs::read_dir(store.folder.path())
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.contains("SLEAP-WORKER"))
        .collect();
    names.sort();
    names
}

fn complete(store: &Arc<FileStore>, digit: char, bytes: usize) {
    let mut partial = store.begin(&key(digit), bytes as u64, None).unwrap();
    partial.file.write_all(&vec![7; bytes]).unwrap();
    partial.complete(&key(digit)).unwrap();
}

#[test]
fn what_was_written_stays_for_an_upload_that_goes_on_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 1000, false);
    let mut partial = store.begin(&key('a'), 50, Some("id")).unwrap();
    partial.file.write_all(&[1; 20]).unwrap();
    drop(partial);
    assert_eq!(store.held(&key('a'), 50), 20);
    assert_eq!(store.begin(&key('a'), 50, Some("id")).unwrap().offset, 20);
    // What is longer than the file is another file.
    assert_eq!(store.begin(&key('a'), 10, Some("id")).unwrap().offset, 0);
    let mut partial = store.begin(&key('a'), 50, Some("id")).unwrap();
    partial.file.write_all(&[1; 20]).unwrap();
    drop(partial);
    assert_eq!(store.begin(&key('a'), 50, None).unwrap().offset, 0);
    assert!(names(&store).is_empty(), "nothing to go on with");
    let mut nameless = store
        .begin(&listing::new_file().unwrap(), 50, None)
        .unwrap();
    nameless.file.write_all(&[1; 20]).unwrap();
    drop(nameless);
    assert!(names(&store).is_empty());
}

#[test]
fn one_upload_at_a_time_writes_a_file_and_its_own_client_may_take_over() {
    let dir = tempfile::tempdir().unwrap();
    let (first, other) = (
        store(dir.path(), 100, 1000, false),
        store(dir.path(), 100, 1000, false),
    );
    let partial = first.begin(&key('a'), 50, Some("id")).unwrap();
    for id in [Some("other"), None] {
        let refused = first.begin(&key('a'), 50, id).unwrap_err();
        assert!(matches!(refused, StoreRefusal::InWork), "{refused}");
    }
    let StoreRefusal::Former(former) = first.begin(&key('a'), 50, Some("id")).unwrap_err() else {
        panic!("the same upload");
    };
    former.cancel();
    assert!(partial.taken_over.is_cancelled());
    // Another worker on this machine.
    let refused = other.begin(&key('a'), 50, Some("id")).unwrap_err();
    assert!(matches!(refused, StoreRefusal::InWork), "{refused}");
    drop(partial);
    other.begin(&key('a'), 50, Some("id")).unwrap();
}

#[test]
fn files_fit_or_are_refused_and_the_oldest_that_is_not_needed_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 250, false);
    for (bytes, words) in [
        (0, "empty"),
        (101, "--max-upload"),
        (u64::MAX, "--max-upload"),
    ] {
        let refused = store.begin(&key('f'), bytes, None).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    complete(&store, 'a', 100);
    complete(&store, 'b', 100);
    let reader = store.find(&key('a')).unwrap();
    let _writer = store.begin(&key('c'), 60, None).unwrap();
    assert_eq!(names(&store).len(), 2, "b made room");
    let refused = store.begin(&key('d'), 100, None).unwrap_err();
    assert!(
        matches!(refused, StoreRefusal::Quota { held: 160, .. }),
        "{refused}"
    );
    drop(reader);
    store.begin(&key('d'), 100, None).unwrap();
    assert!(store.find(&key('a')).is_none());
}

#[test]
fn what_is_refused_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 200, 250, false);
    complete(&store, 'a', 100);
    let mut partial = store.begin(&key('b'), 100, Some("id")).unwrap();
    partial.file.write_all(&[1; 80]).unwrap();
    drop(partial);
    // Its client may come back: only the complete file would go, and that is not enough.
    let refused = store.begin(&key('c'), 200, Some("other")).unwrap_err();
    assert!(matches!(refused, StoreRefusal::Quota { .. }), "{refused}");
    assert!(refused.passes());
    assert_eq!(names(&store).len(), 2);
    // A wrong size, without an upload id.
    store.begin(&key('b'), 201, None).unwrap_err();
    assert_eq!(store.held(&key('b'), 100), 80);
    store.begin(&key('c'), 100, Some("other")).unwrap();
    assert!(store.find(&key('a')).is_none(), "it made room");
    assert_eq!(store.held(&key('b'), 100), 80);
}

#[test]
fn a_file_that_another_worker_reads_stays() {
    let dir = tempfile::tempdir().unwrap();
    let here = store(dir.path(), 200, 250, false);
    let there = store(dir.path(), 200, 250, false);
    complete(&here, 'a', 100);
    let reader = there.find(&key('a')).unwrap();
    here.used(&key('a'));
    here.begin(&key('b'), 200, None).unwrap_err();
    here.sweep(SystemTime::now() + Duration::from_secs(7200));
    assert_eq!(names(&here).len(), 1);
    drop(reader);
    here.used(&key('a'));
    assert!(names(&here).is_empty());
}

#[test]
fn results_have_a_bound_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 1000, false);
    let job = store.job_folder().unwrap();
    fs::write(job.path().join("predictions.slp"), [0; 1000]).unwrap();
    store.check_results().unwrap();
    fs::write(job.path().join("predictions.slp"), [0; 1001]).unwrap();
    assert!(matches!(
        store.check_results(),
        Err(StoreRefusal::Quota { .. })
    ));
}

#[test]
fn used_files_go_with_their_last_reader_unless_they_are_kept() {
    for keep in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 100, 150, keep);
        complete(&store, 'a', 100);
        let readers = [store.find(&key('a')), store.find(&key('a'))];
        store.used(&key('a'));
        assert_eq!(names(&store).len(), 1, "it is read");
        drop(readers);
        assert_eq!(names(&store).len(), usize::from(keep));
        let refused = store.begin(&key('b'), 100, None);
        assert_eq!(refused.is_err(), keep, "{refused:?}");
    }
}

#[test]
fn what_is_too_old_goes_and_others_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 1000, false);
    complete(&store, 'a', 10);
    let mut partial = store.begin(&key('b'), 50, Some("id")).unwrap();
    partial.file.write_all(&[1; 20]).unwrap();
    let job = store.job_folder().unwrap();
    // What a killed worker has left.
    let dead = store.folder.path().join(listing::new_job().unwrap());
    fs::create_dir(&dead).unwrap();
    fs::write(store.folder.path().join("notes.txt"), "mine").unwrap();
    let hours = |hours: u64| SystemTime::now() + Duration::from_secs(3600 * hours);
    store.sweep(hours(0));
    assert_eq!(names(&store).len(), 5);
    store.sweep(hours(2));
    assert!(store.find(&key('a')).is_none());
    store.sweep(hours(30));
    assert_eq!(names(&store).len(), 3, "upload and job still run");
    assert!(job.path().exists() && !dead.exists());
    drop((partial, job));
    store.sweep(hours(30));
    assert_eq!(names(&store), ["notes.txt"]);
}

/// Things of others, beside the worker's folder and in it, with names much like its own.
fn put_things_of_others(store: &FileStore) -> Vec<PathBuf> {
    let own = store.folder.make().unwrap();
    let mut things = Vec::new();
    for dir in [own.parent().unwrap(), &own] {
        for name in ["thesis.iso.part", "notes.file", &key('A')[..]] {
            things.push(dir.join(name));
        }
        fs::create_dir(dir.join("job-1234")).unwrap();
        things.push(dir.join("job-1234/results.txt"));
        // A folder with a file's name, and beside the worker's folder even a file.
        fs::create_dir(dir.join(format!("{}.file", key('b')))).unwrap();
        things.push(dir.join(format!("{}.file/results.txt", key('b'))));
    }
    things.push(own.parent().unwrap().join(format!("{}.part", key('c'))));
    for thing in &things {
        fs::write(thing, [5; 500]).unwrap();
    }
    things
}

#[test]
fn things_of_others_neither_go_nor_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 150, false);
    let things = put_things_of_others(&store);
    // Each takes all the room that there is.
    for digit in ['a', 'd', 'e'] {
        complete(&store, digit, 100);
        assert_eq!(store.held(&key(digit), 100), 0);
    }
    store.begin(&key('c'), 100, Some("id")).unwrap();
    store.sweep(SystemTime::now() + Duration::from_secs(3600 * 100));
    for digit in ['a', 'b', 'c', 'd', 'e'] {
        store.used(&key(digit));
        assert!(store.find(&key(digit)).is_none());
    }
    for thing in &things {
        assert_eq!(fs::read(thing).unwrap(), [5; 500], "{}", thing.display());
    }
}

#[test]
fn a_folder_that_became_one_of_others_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 150, false);
    complete(&store, 'a', 100);
    let own = store.folder.path();
    let marker = fs::read_dir(&own).unwrap().map(|it| it.unwrap().path());
    let marker = marker.filter(|it| it.extension().is_some_and(|it| it == "txt"));
    fs::remove_file(marker.last().unwrap()).unwrap();
    let refused = store.begin(&key('b'), 100, None).unwrap_err();
    assert!(matches!(refused, StoreRefusal::Folder), "{refused}");
    let folder = own.display().to_string();
    assert!(!refused.to_string().contains(&folder), "{refused}");
    store.sweep(SystemTime::now() + Duration::from_secs(3600 * 100));
    store.used(&key('a'));
    assert_eq!(names(&store).len(), 1);
    assert!(store.find(&key('a')).is_none() && store.job_folder().is_err());
}

#[cfg(unix)]
#[test]
fn no_other_user_reads_them_and_nothing_leads_elsewhere() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 100, 1000, false);
    complete(&store, 'a', 10);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.folder.path()), 0o700);
    assert_eq!(mode(&store.path(&key('a'), EntryKind::Complete)), 0o600);
    let precious = dir.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    symlink(&precious, store.path(&key('b'), EntryKind::Partial)).unwrap();
    let refused = store.begin(&key('b'), 10, None).unwrap_err();
    assert!(matches!(refused, StoreRefusal::Io(_)), "{refused}");
    // A link in place of a complete file is neither read nor replaced.
    symlink(&precious, store.path(&key('c'), EntryKind::Complete)).unwrap();
    assert!(store.find(&key('c')).is_none());
    let mut partial = store.begin(&key('c'), 10, None).unwrap();
    partial.file.write_all(&[7; 10]).unwrap();
    let refused = partial.complete(&key('c')).unwrap_err().to_string();
    let place = dir.path().display().to_string();
    assert!(!refused.contains(&place), "a client receives it: {refused}");
    store.used(&key('c'));
    assert!(store.path(&key('c'), EntryKind::Complete).is_symlink());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
}
