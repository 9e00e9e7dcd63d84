//! Connections to the room's server that are lost.

use super::*;

/// A worker whose server does `what` at its first stream joins again, while the stream goes on.
#[track_caller]
fn is_joined_again_in_mid_stream(option: &str, what: &str) {
    let (mut server, url) = lab(&[option]);
    let home = user();
    let worker = worker(&home, &url, &[]);
    let client = endless(&home, &url, &[]);
    let again = until_registered_again(&mut server);
    assert!(again.iter().any(|event| event["event"] == what));
    let metadata = &again.last().unwrap()["metadata"];
    assert_eq!(metadata["properties"]["status"], "busy");
    worker.logs("registered again", 1);
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(!run.stderr.contains("lost"), "{}", run.stderr);
    until(&mut server, "metadata", |it| it["status"] == "available");
    answered(stream(&home, &url, &[]));
}

#[test]
fn a_server_that_drops_the_worker_is_joined_again_and_the_stream_goes_on() {
    is_joined_again_in_mid_stream("--drop-busy", "dropped");
}

#[test]
fn a_server_that_has_forgotten_the_worker_is_joined_again() {
    is_joined_again_in_mid_stream("--expel-busy", "expelled");
}

#[test]
fn a_worker_that_ends_leaves_the_room_before_its_last_stream_does() {
    let (mut server, url) = lab(&[]);
    let home = user();
    let worker = worker(&home, &url, &[]);
    let client = endless(&home, &url, &[]);
    until(&mut server, "metadata", |it| it["status"] == "busy");
    worker.terminate();
    until(&mut server, "left", |event| {
        let id = event["peer_id"].as_str().unwrap();
        id.starts_with("worker")
    });
    stream(&home, &url, &[]).failed(1, &["no worker is in the room lab"]);
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    worker.wait();
}

#[test]
fn a_server_that_has_gone_silent_is_joined_again() {
    let (mut server, url) = lab(&["--mute-after", "1"]);
    let home = user();
    let worker = worker(&home, &url, &["--room-silence", "5"]);
    let again = until_registered_again(&mut server);
    // It was asked first.
    assert!(again.iter().any(|event| event["event"] == "ping"));
    assert!(again.iter().all(|event| event["event"] != "dropped"));
    worker.logs("registered again", 1);
    assert!(worker.log().contains("was silent"));
    answered(stream(&home, &url, &[]));
}

#[test]
fn a_server_that_does_not_ping_is_asked() {
    let (mut server, url) = room_server(&["--jwt", JWT]);
    let home = user();
    let worker = worker(&home, &url, &["--room-silence", "5"]);
    for _ in 0..2 {
        until(&mut server, "ping", |_| true);
    }
    let (_, log) = worker.interrupt();
    assert!(!log.contains("lost the signaling server"), "{log}");
}

#[track_caller]
fn until_registered_again(server: &mut Peer) -> Vec<Value> {
    let mut first = until(server, "registered", is_worker);
    first.extend(until(server, "registered", is_worker));
    first
}

#[test]
fn the_real_worker_is_unharmed_and_its_client_is_not_led_to_ours() {
    // One of ours as it is on a large GPU, and one of this machine, are there before it.
    let big = r#"lab=worker_stream-big={"streaming":true,"is_admin":false,"status":"available",
        "gpu_memory_mb":0,"streaming_gpu_memory_mb":80000}"#;
    let (mut server, url) = lab(&["--peer", big]);
    let home = user();
    let early = worker(&home, &url, &["--name", "early"]);
    until(&mut server, "registered", is_worker);
    let at = |command: &mut Command| {
        at_home(command, home.path());
        command.env("SLEAP_RTC_SIGNALING_WS", &url);
        command.current_dir(home.path());
    };
    let mut python = sleap_rtc(&["worker", "slp_acct_key", "lab"], at);
    if python.event().expect("it says what it is")["event"] == "absent" {
        return eprintln!("SKIPPED: the package sleap-rtc is not installed");
    }
    let registered = until(&mut server, "registered", is_worker).pop().unwrap();
    let id = registered["peer_id"].as_str().unwrap().to_owned();
    assert!(
        registered["metadata"]["properties"]
            .get("streaming")
            .is_none()
    );
    // It coordinates itself, whatever our GPU is.
    python.logs("Admin worker: waiting");
    stream(&home, &url, &["--worker-id", &id]).failed(1, &["left alone"]);
    answered(stream(&home, &url, &["--worker-id", "early"]));
    // Another one that comes and the first that goes change nothing.
    let _late = worker(&home, &url, &["--name", "late"]);
    early.interrupt();
    answered(stream(&home, &url, &["--worker-id", "late"]));
    // SLEAP-RTC's own client is shown the one that does its jobs, and none of ours.
    let (seen, code) = sleap_rtc(&["workers", "lab"], at).rest();
    assert_eq!(code, Some(0));
    let ids: Vec<_> = seen.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id.as_str()]);
    assert_eq!(seen[0]["status"], "available");
    let events = until(&mut server, "left", |event| {
        event["peer_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("api-client"))
    });
    let harmed = |it: &&Value| it["to"] == id.as_str() || it["peer_id"] == id.as_str();
    let harm: Vec<_> = events.iter().filter(harmed).collect();
    assert!(harm.is_empty(), "{harm:?}");
    let led = |it: &Value| {
        let kind = it["kind"].as_str().unwrap_or_default();
        kind.starts_with("mesh") || it["to"] == "worker_stream-big"
    };
    assert!(!events.iter().any(led), "{events:?}");
}
