//! A worker whose uploads are to be in a folder that has other files: what it has not made stays as it is.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use e2e::{Client, Place, Worker, binary, demo, reference_uploader, text, uploads_in};

const OWN: &str = "sleap-stream-uploads";

/// Files and folders with their content, their mode and their age.
fn listed(dir: &Path) -> Vec<(PathBuf, Option<Vec<u8>>, u32, SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == OWN) {
            continue;
        }
        let there = fs::symlink_metadata(&path).unwrap();
        let content = fs::read(&path).ok();
        all.push((
            path.clone(),
            content,
            there.permissions().mode(),
            there.modified().unwrap(),
        ));
        if there.is_dir() {
            all.extend(listed(&path));
        }
    }
    all.sort();
    all
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A folder of three days ago, in which others keep files whose names are much like a worker's.
fn folder_of_others(dir: &Path) {
    let old = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    fs::create_dir_all(dir.join("job-1234")).unwrap();
    let whole = format!("{}.file", "ab".repeat(32));
    for name in ["job-1234/results.txt", "thesis.iso.part", &whole] {
        fs::write(dir.join(name), name.repeat(50_000)).unwrap();
        let file = File::options().write(true).open(dir.join(name)).unwrap();
        file.set_modified(old).unwrap();
    }
    for folder in [dir.join("job-1234"), dir.to_owned()] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        File::open(&folder).unwrap().set_modified(old).unwrap();
    }
}

#[test]
fn what_others_keep_in_the_folder_of_uploads_stays_and_takes_no_room() {
    let place = Place::new();
    let dir = place.path("uploads");
    folder_of_others(&dir);
    let before = listed(&dir);
    let video = text(&demo("video.mp4"));
    let mut longer = fs::read(&video).unwrap();
    longer.extend(b"\0\0\0\x08free");
    // Room for one of both.
    let quota = (longer.len() + 1000).to_string();
    let worker = place.worker(&["--upload-quota", &quota]);
    let (said, code) = reference_uploader(&worker.signal, &["--upload", &video]).rest();
    assert_eq!(code, Some(0), "{said:?}");
    let stored = uploads_in(&dir);
    assert_eq!(stored.len(), 1, "{stored:?}");
    let longer = place.write("longer.mp4", &longer);
    let args = [&*longer, "-o", &place.text("a.slp")];
    Client::send_file(&worker.signal, &args).wait().success();
    worker.logs("its room is needed", 1);
    worker.logs("file removed", 1);
    assert_eq!(uploads_in(&dir), []);
    assert_eq!(listed(&dir), before);
    assert_eq!((mode(&dir), mode(&dir.join(OWN))), (0o755, 0o700));
}

/// A worker that is not to start; what it says.
fn refuses(prepare: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let mut command = Command::new(binary("sleap-worker"));
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("SLEAP_WORKER_NO_CONFIG", "1");
    let output = prepare(&mut command).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty(), "it is not ready: {stderr}");
    stderr
}

#[test]
fn a_folder_of_others_with_the_workers_name_is_an_error_at_the_start_and_stays() {
    let place = Place::new();
    let dir = place.path("uploads");
    let own = dir.join(OWN);
    folder_of_others(&own);
    let before = listed(&own);
    let named = refuses(|command| command.arg("--upload-dir").arg(&dir));
    // Where nothing is said it is in the user's cache.
    let cache = place.path("cache");
    fs::create_dir_all(cache.join("sleap-stream")).unwrap();
    fs::rename(&own, cache.join("sleap-stream").join(OWN)).unwrap();
    let usual = refuses(|command| command.env("XDG_CACHE_HOME", &cache));
    for stderr in [named, usual] {
        let words = [
            "error: ",
            OWN,
            "was not made by sleap-worker",
            "--upload-dir",
        ];
        for word in words {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
    }
    fs::rename(cache.join("sleap-stream").join(OWN), &own).unwrap();
    assert_eq!(listed(&own), before);
    assert_eq!(mode(&own), 0o755);
    // One that takes no files needs no folder.
    Worker::start(&["--upload-dir", &text(&dir), "--max-upload", "0"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_at_the_start() {
    let place = Place::new();
    let file = place.write("a file", b"");
    let stderr = refuses(|command| command.args(["--upload-dir", &file]));
    assert!(stderr.contains("cannot keep files in"), "{stderr}");
}

#[test]
fn what_a_former_layout_left_in_the_users_cache_stays() {
    let place = Place::new();
    let cache = place.path("cache");
    let former = cache.join("sleap-stream/uploads");
    folder_of_others(&former);
    let before = listed(&former);
    let model = text(&demo("model"));
    let worker = Worker::start_with(&["--model", &model, "--listen", "127.0.0.1:0"], |command| {
        command.env("XDG_CACHE_HOME", &cache);
    });
    let own = cache.join("sleap-stream").join(OWN);
    assert!(!own.exists(), "no client has sent a file");
    let video = text(&demo("video.mp4"));
    let (said, code) = reference_uploader(&worker.signal, &["--upload", &video]).rest();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(uploads_in(&cache.join("sleap-stream")).len(), 1);
    assert_eq!(mode(&own), 0o700);
    assert_eq!(listed(&former), before);
}
