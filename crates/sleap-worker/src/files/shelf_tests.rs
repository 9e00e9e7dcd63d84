use std::io::Write;
use std::path::Path;

use super::*;

/// A SHA-256, as far as names are concerned.
fn key(digit: char) -> String {
    String::from(digit).repeat(CHECKSUM)
}

fn shelf(dir: &Path, file: u64, all: u64, keep: bool) -> Arc<Shelf> {
    let dir = dir.join("uploads");
    Arc::new(Shelf::new(dir, Bounds { file, all, keep }))
}

fn names(shelf: &Shelf) -> Vec<String> {
    let entries = fs::read_dir(&shelf.dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
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
    let mut nameless = shelf.begin("new-1", 50, None).unwrap();
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
fn what_is_too_old_goes_and_strangers_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 1000, false);
    whole(&shelf, 'a', 10);
    let mut half = shelf.begin(&key('b'), 50, Some("id")).unwrap();
    half.file.write_all(&[1; 20]).unwrap();
    let job = shelf.work_folder().unwrap();
    // What a killed worker has left.
    let dead = shelf.dir.join("job-dead");
    fs::create_dir(&dead).unwrap();
    fs::write(shelf.dir.join("notes.txt"), "mine").unwrap();
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

#[cfg(unix)]
#[test]
fn nobody_else_reads_them_and_nothing_leads_elsewhere() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path(), 100, 1000, false);
    fs::create_dir(&shelf.dir).unwrap();
    fs::set_permissions(&shelf.dir, fs::Permissions::from_mode(0o777)).unwrap();
    whole(&shelf, 'a', 10);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&shelf.dir), 0o700);
    assert_eq!(mode(&shelf.path(&key('a'), Kind::Whole)), 0o600);
    let precious = dir.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    symlink(&precious, shelf.path(&key('b'), Kind::Half)).unwrap();
    let refused = shelf.begin(&key('b'), 10, None).unwrap_err();
    assert!(matches!(refused, Refusal::Io(_)), "{refused}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    // A link in place of the folder itself.
    let elsewhere = Arc::new(Shelf::new(
        dir.path().join("link"),
        Bounds {
            file: 100,
            all: 100,
            keep: false,
        },
    ));
    symlink(dir.path(), dir.path().join("link")).unwrap();
    elsewhere.begin(&key('a'), 10, None).unwrap_err();
}
