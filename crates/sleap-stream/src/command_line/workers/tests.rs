use std::fs;
use std::path::Path;

use super::default::default_worker;
use super::list::{as_objects, lines};
use super::pair::{PairOutcome, line, pair};
use super::store::WorkerStore;

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBA";
/// Nothing listens at this port of this machine.
const NOTHING: &str = "ws://127.0.0.1:1";

fn store() -> (tempfile::TempDir, WorkerStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = WorkerStore::at(dir.path().join("workers"));
    (dir, store)
}

/// Stores a link; its name, and what came of it.
fn paired(store: &WorkerStore, text: &str, name: Option<&str>) -> (String, PairOutcome) {
    let (worker, outcome) = pair(store, text, name).expect(text);
    (worker.name, outcome)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_link_is_stored_privately_under_the_workers_name() {
    let (dir, store) = store();
    let link = format!("sleap://10.9.0.7:8080/worker-rig-7f3a#{SECRET}");
    let printed = format!("pair: sleap-stream --worker '{link}'\n");
    let stored = paired(&store, &printed, None);
    assert_eq!(stored, ("rig-7f3a".to_owned(), PairOutcome::Stored));
    let known = paired(&store, &link, None);
    assert_eq!(known, ("rig-7f3a".to_owned(), PairOutcome::Known));
    let found = store.find("rig-7f3a").unwrap();
    assert_eq!(found.link.reveal(), link);
    let file = dir.path().join("workers/rig-7f3a");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{link}\n"));
    #[cfg(unix)]
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    // A worker at its own server has the name of its host.
    for (host, name) in [("10.9.0.1:8080", "10.9.0.1"), ("[fd00::7]:80", "fd00--7")] {
        let link = format!("sleap://{host}/#{SECRET}");
        assert_eq!(paired(&store, &link, None).0, name);
    }
}

#[test]
fn a_new_secret_replaces_the_old_one_and_another_worker_does_not() {
    let (_dir, store) = store();
    let link = |host: &str, secret: &str| format!("sleap://{host}:8080/#{secret}");
    paired(&store, &link("rig", SECRET), Some("left"));
    // The name that it has is found by the address.
    let renewed = paired(&store, &link("rig", OTHER), None);
    assert_eq!(renewed, ("left".to_owned(), PairOutcome::Replaced));
    assert_eq!(
        store.find("left").unwrap().link.reveal(),
        link("rig", OTHER)
    );
    let error = pair(&store, &link("other", SECRET), Some("left")).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("--name") && !error.contains(SECRET),
        "{error}"
    );
    assert_eq!(store.names().unwrap(), ["left"]);
    assert_eq!(store.find("left").unwrap().link.host, "rig:8080");
}

#[test]
fn what_is_no_whole_link_is_refused_and_not_repeated() {
    let (_dir, store) = store();
    for (text, words) in [
        ("hunter2", "sleap://HOST:PORT/#SECRET"),
        ("", "sleap://HOST:PORT/#SECRET"),
        ("sleap://rig:8080/worker-1", "has no secret"),
        ("sleap://rig:8080/#hunter2", "cannot be used"),
        ("sleap://rig/#AAAAAAAAAAAAAAAAAAAAAA", "not of the form"),
    ] {
        let error = format!("{:#}", pair(&store, text, None).unwrap_err());
        assert!(
            error.contains(words) && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(store.names().unwrap().is_empty());
}

#[test]
fn a_link_is_read_from_a_line_of_bounded_length() {
    assert_eq!(line(&b"\n  \nsleap://a\nmore"[..]).unwrap(), "sleap://a\n");
    assert!(line(&b"\n"[..]).is_err() && line(&b""[..]).is_err());
    assert!(line(&b"\xff\n"[..]).is_err());
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    assert_eq!(line(endless).unwrap().len(), 4096);
}

#[test]
fn a_name_that_is_not_stored_is_not_repeated() {
    let (_dir, store) = store();
    let error = |name: &str| format!("{:#}", store.find(name).unwrap_err());
    assert!(error("hunter2").contains("sleap-stream pair"));
    paired(&store, &format!("sleap://rig:8080/#{SECRET}"), None);
    for name in ["hunter2", "../rig", ""] {
        let error = error(name);
        assert!(
            error.contains("stored are: rig") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_stored_link_that_others_wrote_or_that_is_damaged_is_refused() {
    let (dir, store) = store();
    paired(&store, &format!("sleap://rig:8080/#{SECRET}"), None);
    let file = dir.path().join("workers/rig");
    for content in ["hunter2", "sleap://rig:8080/", "\u{1b}[2J"] {
        fs::write(&file, content).unwrap();
        let error = format!("{:#}", store.find("rig").unwrap_err());
        assert!(
            error.contains("store its link again") && !error.contains("hunter2"),
            "{error}"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let error = format!("{:#}", store.find("rig").unwrap_err());
        assert!(error.contains("all users can write it"), "{error}");
    }
}

#[test]
fn lists_have_names_and_addresses_and_no_secrets() {
    let (dir, store) = store();
    for (host, name) in [("a:1/worker-x", "left"), ("b:2/", "longer-name")] {
        paired(&store, &format!("sleap://{host}#{SECRET}"), Some(name));
    }
    fs::write(dir.path().join("workers/.hidden"), "x").unwrap();
    let workers: Vec<_> = store
        .names()
        .unwrap()
        .iter()
        .map(|it| store.find(it).unwrap())
        .collect();
    assert_eq!(
        lines(&workers),
        ["left         worker-x at ws://a:1", "longer-name  ws://b:2"]
    );
    let objects: serde_json::Value = serde_json::from_str(&as_objects(&workers).unwrap()).unwrap();
    assert_eq!(objects[0]["worker_id"], "worker-x");
    assert_eq!(objects[1]["address"], "ws://b:2");
    assert!(!objects.to_string().contains(SECRET));
    assert!(store.remove("left").unwrap());
    assert!(!store.remove("left").unwrap() && !store.remove("../left").unwrap());
    assert_eq!(store.names().unwrap(), ["longer-name"]);
}

#[test]
fn the_only_stored_worker_is_used_where_this_machine_has_none() {
    let (_dir, store) = store();
    assert!(default_worker(&store, NOTHING).unwrap().is_none());
    paired(&store, &format!("sleap://rig:8080/#{SECRET}"), None);
    let worker = default_worker(&store, NOTHING)
        .unwrap()
        .expect("the only one");
    assert_eq!(worker.name, "rig");
    paired(&store, &format!("sleap://other:8080/#{SECRET}"), None);
    let error = default_worker(&store, NOTHING).unwrap_err().to_string();
    assert!(
        error.contains("other, rig") && error.contains("--worker"),
        "{error}"
    );

    // A server on this machine comes first, whatever is stored.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let server = runtime
        .block_on(link::signaling::Server::bind(address))
        .unwrap();
    let here = format!("ws://{}", server.local_addr());
    assert!(default_worker(&store, &here).unwrap().is_none());
}
