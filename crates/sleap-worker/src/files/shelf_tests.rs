use std::io::Write;
use std::path::Path;

use super::*;

/// A SHA-256, as far as names are concerned.
fn key(digit: char) -> String {
    String::from(digit).repeat(64)
}

fn shelf(dir: &Path, file: u64, all: u64, keep: bool) -> Arc<Shelf> {
    let own = Own::within(&dir.join("uploads"));
    Arc::new(Shelf::new(own, Bounds { file, all, keep }))
}

fn names(shelf: &Shelf) -> Vec<String> {
    let entries = fs::read_dir(shelf.own.path())
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

fn whole(shelf: &Arc<Shelf>, digit: char, bytes: usize) {
    let mut half = shelf.begin(&key(digit), bytes as u64, None).unwrap();
    half.file.write_all(&vec![7; bytes]).unwrap();
    half.complete(&key(digit)).unwrap();
}

#[test]
fn what_came_stays_for_those_who_go_on_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 1000, false);
    let mut half = shelf.begin(&key('a'), 50, Some("id")).unwrap();
    half.file.write_all(&[1; 20]).unwrap();
    drop(half);
    assert_eq!(shelf.held(&key('a'), 50), 20);
    assert_eq!(shelf.begin(&key('a'), 50, Some("id")).unwrap().offset, 20);
    // What is longer than the file is another file.
    assert_eq!(shelf.begin(&key('a'), 10, Some("id")).unwrap().offset, 0);
    let mut half = shelf.begin(&key('a'), 50, Some("id")).unwrap();
    half.file.write_all(&[1; 20]).unwrap();
    drop(half);
    assert_eq!(shelf.begin(&key('a'), 50, None).unwrap().offset, 0);
    assert!(names(&shelf).is_empty(), "nothing to go on with");
    let mut nameless = shelf.begin(&stock::new_file().unwrap(), 50, None).unwrap();
    nameless.file.write_all(&[1; 20]).unwrap();
    drop(nameless);
    assert!(names(&shelf).is_empty());
}

#[test]
fn one_at_a_time_writes_a_file_and_knows_who_may_take_over() {
    let dir = tempfile::tempdir().unwrap();
    let (first, other) = (
        shelf(dir.path(), 100, 1000, false),
        shelf(dir.path(), 100, 1000, false),
    );
    let half = first.begin(&key('a'), 50, Some("id")).unwrap();
    for id in [Some("other"), None] {
        let refused = first.begin(&key('a'), 50, id).unwrap_err();
        assert!(matches!(refused, Refusal::InWork), "{refused}");
    }
    let Refusal::Former(former) = first.begin(&key('a'), 50, Some("id")).unwrap_err() else {
        panic!("the same upload");
    };
    former.cancel();
    assert!(half.dismissed.is_cancelled());
    // Another worker on this machine.
    let refused = other.begin(&key('a'), 50, Some("id")).unwrap_err();
    assert!(matches!(refused, Refusal::InWork), "{refused}");
    drop(half);
    other.begin(&key('a'), 50, Some("id")).unwrap();
}

#[test]
fn files_fit_or_are_refused_and_the_oldest_that_nobody_needs_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 250, false);
    for (bytes, words) in [
        (0, "empty"),
        (101, "--max-upload"),
        (u64::MAX, "--max-upload"),
    ] {
        let refused = shelf.begin(&key('f'), bytes, None).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    whole(&shelf, 'a', 100);
    whole(&shelf, 'b', 100);
    let reader = shelf.find(&key('a')).unwrap();
    let _writer = shelf.begin(&key('c'), 60, None).unwrap();
    assert_eq!(names(&shelf).len(), 2, "b made room");
    let refused = shelf.begin(&key('d'), 100, None).unwrap_err();
    assert!(
        matches!(refused, Refusal::Quota { held: 160, .. }),
        "{refused}"
    );
    drop(reader);
    shelf.begin(&key('d'), 100, None).unwrap();
    assert!(shelf.find(&key('a')).is_none());
}

#[test]
fn what_is_refused_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 200, 250, false);
    whole(&shelf, 'a', 100);
    let mut half = shelf.begin(&key('b'), 100, Some("id")).unwrap();
    half.file.write_all(&[1; 80]).unwrap();
    drop(half);
    // Its client may come back: only the whole file would go, and that is not enough.
    let refused = shelf.begin(&key('c'), 200, Some("other")).unwrap_err();
    assert!(matches!(refused, Refusal::Quota { .. }), "{refused}");
    assert!(refused.passes());
    assert_eq!(names(&shelf).len(), 2);
    // A liar about the size, who also names no upload.
    shelf.begin(&key('b'), 201, None).unwrap_err();
    assert_eq!(shelf.held(&key('b'), 100), 80);
    shelf.begin(&key('c'), 100, Some("other")).unwrap();
    assert!(shelf.find(&key('a')).is_none(), "it made room");
    assert_eq!(shelf.held(&key('b'), 100), 80);
}

#[test]
fn a_file_that_another_worker_reads_stays() {
    let dir = tempfile::tempdir().unwrap();
    let here = shelf(dir.path(), 200, 250, false);
    let there = shelf(dir.path(), 200, 250, false);
    whole(&here, 'a', 100);
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
    let shelf = shelf(dir.path(), 100, 1000, false);
    let job = shelf.work_folder().unwrap();
    fs::write(job.path().join("predictions.slp"), [0; 1000]).unwrap();
    shelf.check_results().unwrap();
    fs::write(job.path().join("predictions.slp"), [0; 1001]).unwrap();
    assert!(matches!(shelf.check_results(), Err(Refusal::Quota { .. })));
}

#[test]
fn used_files_go_with_their_last_reader_unless_they_are_kept() {
    for keep in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path(), 100, 150, keep);
        whole(&shelf, 'a', 100);
        let readers = [shelf.find(&key('a')), shelf.find(&key('a'))];
        shelf.used(&key('a'));
        assert_eq!(names(&shelf).len(), 1, "somebody reads it");
        drop(readers);
        assert_eq!(names(&shelf).len(), usize::from(keep));
        let refused = shelf.begin(&key('b'), 100, None);
        assert_eq!(refused.is_err(), keep, "{refused:?}");
    }
}

#[test]
fn what_is_too_old_goes_and_others_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 1000, false);
    whole(&shelf, 'a', 10);
    let mut half = shelf.begin(&key('b'), 50, Some("id")).unwrap();
    half.file.write_all(&[1; 20]).unwrap();
    let job = shelf.work_folder().unwrap();
    // What a killed worker has left.
    let dead = shelf.own.path().join(stock::new_job().unwrap());
    fs::create_dir(&dead).unwrap();
    fs::write(shelf.own.path().join("notes.txt"), "mine").unwrap();
    let hours = |hours: u64| SystemTime::now() + Duration::from_secs(3600 * hours);
    shelf.sweep(hours(0));
    assert_eq!(names(&shelf).len(), 5);
    shelf.sweep(hours(2));
    assert!(shelf.find(&key('a')).is_none());
    shelf.sweep(hours(30));
    assert_eq!(names(&shelf).len(), 3, "half and job are at work");
    assert!(job.path().exists() && !dead.exists());
    drop((half, job));
    shelf.sweep(hours(30));
    assert_eq!(names(&shelf), ["notes.txt"]);
}

/// Things of others, beside the worker's folder and in it, with names much like its own.
fn put_things_of_others(shelf: &Shelf) -> Vec<PathBuf> {
    let own = shelf.own.make().unwrap();
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
    let shelf = shelf(dir.path(), 100, 150, false);
    let things = put_things_of_others(&shelf);
    // Each takes all the room that there is.
    for digit in ['a', 'd', 'e'] {
        whole(&shelf, digit, 100);
        assert_eq!(shelf.held(&key(digit), 100), 0);
    }
    shelf.begin(&key('c'), 100, Some("id")).unwrap();
    shelf.sweep(SystemTime::now() + Duration::from_secs(3600 * 100));
    for digit in ['a', 'b', 'c', 'd', 'e'] {
        shelf.used(&key(digit));
        assert!(shelf.find(&key(digit)).is_none());
    }
    for thing in &things {
        assert_eq!(fs::read(thing).unwrap(), [5; 500], "{}", thing.display());
    }
}

#[test]
fn a_folder_that_became_one_of_others_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 150, false);
    whole(&shelf, 'a', 100);
    let own = shelf.own.path();
    let marker = fs::read_dir(&own).unwrap().map(|it| it.unwrap().path());
    let marker = marker.filter(|it| it.extension().is_some_and(|it| it == "txt"));
    fs::remove_file(marker.last().unwrap()).unwrap();
    let refused = shelf.begin(&key('b'), 100, None).unwrap_err();
    assert!(matches!(refused, Refusal::Folder), "{refused}");
    let folder = own.display().to_string();
    assert!(!refused.to_string().contains(&folder), "{refused}");
    shelf.sweep(SystemTime::now() + Duration::from_secs(3600 * 100));
    shelf.used(&key('a'));
    assert_eq!(names(&shelf).len(), 1);
    assert!(shelf.find(&key('a')).is_none() && shelf.work_folder().is_err());
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_them_and_nothing_leads_elsewhere() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 1000, false);
    whole(&shelf, 'a', 10);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&shelf.own.path()), 0o700);
    assert_eq!(mode(&shelf.path(&key('a'), Kind::Whole)), 0o600);
    let precious = dir.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    symlink(&precious, shelf.path(&key('b'), Kind::Half)).unwrap();
    let refused = shelf.begin(&key('b'), 10, None).unwrap_err();
    assert!(matches!(refused, Refusal::Io(_)), "{refused}");
    // A link in place of a whole file is neither read nor replaced.
    symlink(&precious, shelf.path(&key('c'), Kind::Whole)).unwrap();
    assert!(shelf.find(&key('c')).is_none());
    let mut half = shelf.begin(&key('c'), 10, None).unwrap();
    half.file.write_all(&[7; 10]).unwrap();
    let refused = half.complete(&key('c')).unwrap_err().to_string();
    let place = dir.path().display().to_string();
    assert!(!refused.contains(&place), "a client hears it: {refused}");
    shelf.used(&key('c'));
    assert!(shelf.path(&key('c'), Kind::Whole).is_symlink());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
}
