//! Which worker of a room a client takes.

use super::*;

#[test]
fn of_several_workers_one_has_to_be_chosen() {
    let busy = r#"lab=busy-one={"streaming":true,"status":"busy","gpu_memory_mb":80000}"#;
    let gone = r#"lab=gone-one={"streaming":true,"gpu_memory_mb":8,"worker_name":"gone\u001b"}"#;
    let files = r#"lab=for-files={"status":"available","gpu_memory_mb":99999}"#;
    let (mut server, url) = lab(&["--peer", busy, "--peer", gone, "--peer", files]);
    let home = user();
    let _worker = worker(&home, &url, &["--name", "rig"]);
    let several = stream(&home, &url, &[]);
    several.failed(
        1,
        &[
            "3 workers",
            "busy-one: busy, ",
            "(gone\\u{1b})",
            "(rig)",
            "--auto-select",
        ],
    );
    assert!(!several.stderr.contains("for-files"), "{}", several.stderr);
    answered(stream(&home, &url, &["--worker-id", "rig"]));
    let small = stream(&home, &url, &["--min-gpu-memory", "80001"]);
    small.failed(1, &["80001 MB", "--min-gpu-memory", "busy-one"]);
    let unknown = stream(&home, &url, &["--worker-id", "rag"]);
    unknown.failed(1, &["no worker in the room lab is called rag", "(rig)"]);
    let other = stream(&home, &url, &["--worker-id", "for-files"]);
    other.failed(1, &["for-files", "not one that streams"]);

    // More memory than the one that is there, and never an answer.
    let args = [
        "--auto-select",
        "--test-pattern",
        "--room",
        "--room-server",
        &url,
    ];
    let chosen = Client::start_with(&args, |command| at_home(command, home.path()));
    let delivered = until(&mut server, "delivered", |event| event["to"] == "gone-one");
    drop(chosen);
    let wrong = ["busy-one", "for-files"];
    let offered = |id: &&str| delivered.iter().any(|it| it["to"] == **id);
    assert!(!wrong.iter().any(offered), "{delivered:?}");
}

#[test]
fn a_worker_that_is_listed_and_has_gone_gives_way_to_another() {
    let ghost = r#"lab=ghost={"streaming":true,"streaming_gpu_memory_mb":80000}"#;
    let (mut server, url) = lab(&["--peer", ghost, "--absent"]);
    let home = user();
    let _worker = worker(&home, &url, &[]);
    let gone = stream(&home, &url, &["--auto-select"]);
    gone.failed(1, &["`ghost` left"]);
    until(&mut server, "absent", |_| true);
    answered(stream(&home, &url, &["--auto-select", "--wait"]));
    until(&mut server, "absent", |_| true);
}

#[test]
fn a_busy_worker_gives_way_to_another_whatever_the_server_says() {
    let (mut server, url) = lab(&["--stale-status"]);
    let home = user();
    let _workers = [worker(&home, &url, &[]), worker(&home, &url, &[])];
    let mut ids: Vec<_> = (0..2)
        .map(|_| until(&mut server, "registered", is_worker).pop().unwrap())
        .map(|it| it["peer_id"].as_str().unwrap().to_owned())
        .collect();
    // The one that is taken first.
    ids.sort();
    let first = endless(&home, &url, &["--worker-id", &ids[0]]);
    until(&mut server, "metadata", |it| {
        it["peer_id"] == ids[0].as_str()
    });
    let second = answered(stream(&home, &url, &["--auto-select"]));
    assert!(
        second.stderr.contains("looking for another"),
        "{}",
        second.stderr
    );
    first.interrupt();
    first.wait();
}

/// The server says that it cannot deliver, or nothing at all; the worker is there all the same.
#[test]
fn an_offer_that_a_room_loses_is_made_again() {
    for (option, said) in [("--lose-offer", "absent"), ("--swallow-offer", "swallowed")] {
        let (mut server, url) = lab(&[option, "1"]);
        let home = user();
        let _worker = worker(&home, &url, &[]);
        answered(stream(&home, &url, &[]));
        let events = until(&mut server, "delivered", |it| it["kind"] == "offer");
        assert!(events.iter().any(|it| it["event"] == said), "{events:?}");
    }
}

/// Its worker does not answer, and two others are there between which no choice was made.
#[test]
fn a_stream_goes_back_to_its_own_worker_whoever_else_has_come() {
    let (mut server, url) = lab(&["--lose-offer", "2"]);
    let home = user();
    let own = worker(&home, &url, &[]);
    let id = until(&mut server, "registered", is_worker).pop().unwrap()["peer_id"].clone();
    let client = endless(&home, &url, &[]);
    until(&mut server, "metadata", |it| it["status"] == "busy");
    let _others = [worker(&home, &url, &[]), worker(&home, &url, &[])];
    own.freeze();
    let events = until(&mut server, "absent", |it| it["peer_id"] == id);
    assert!(events.iter().filter(|it| is_worker(it)).count() == 2);
    own.thaw();
    client.logs("connected again", 1);
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    own.logs("connected", 2);
}

/// The control: at first there is a choice to make, and nothing makes it.
#[test]
fn a_stream_whose_worker_is_gone_waits_for_it_among_several_others() {
    let (mut server, url) = lab(&[]);
    let home = user();
    let own = worker(&home, &url, &[]);
    let client = endless(&home, &url, &["--reconnect-timeout", "3"]);
    until(&mut server, "metadata", |it| it["status"] == "busy");
    let others = [worker(&home, &url, &[]), worker(&home, &url, &[])];
    own.kill();
    until(&mut server, "left", |_| true);
    until(&mut server, "discover", |_| true);
    let run = client.wait();
    run.failed(1, &["2 workers are in the room lab", "not connected again"]);
    for other in &others {
        assert!(!other.log().contains("connected"), "{}", other.log());
    }
    stream(&home, &url, &["--wait"]).failed(1, &["2 workers", "--auto-select"]);
}

#[test]
fn the_login_is_read_again_and_one_that_is_refused_ends_the_search() {
    let (mut server, url) = lab(&[]);
    let home = user();
    let worker = worker(&home, &url, &[]);
    let client = endless(&home, &url, &["--reconnect-timeout", "600"]);
    until(&mut server, "metadata", |it| it["status"] == "busy");
    // Before the worker's answer a client that loses it ends.
    client.logs("the worker has no model", 1);
    let file = home.path().join(".sleap-rtc/credentials.json");
    let old = json!({"jwt": "old", "room_secrets": {"lab": SECRET}});
    std::fs::write(file, old.to_string()).unwrap();
    worker.kill();
    client
        .wait()
        .failed(1, &["Token has expired", "sleap-rtc login"]);
}
