//! Programs in the room beside a plain stream: doctor, files, relays.

use super::*;

#[test]
fn the_doctor_looks_into_the_room() {
    let (_server, url) = lab(&[]);
    let doctor = |home: &TempDir, args: &[&str]| {
        let mut command = Command::new(e2e::binary("sleap-stream"));
        command.args(["doctor", "--room", "lab", "--room-server", &url]);
        command.args(args).env("SLEAP_STREAM_NO_CONFIG", "1");
        at_home(&mut command, home.path());
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let says = |home: &TempDir, args: &[&str], words: &[&str]| {
        let (code, text) = doctor(home, args);
        for word in words {
            assert!(text.contains(word), "no {word:?} in: {text}");
        }
        assert!(!text.contains(JWT) && !text.contains(SECRET), "{text}");
        code
    };
    let home = user();
    says(
        &home,
        &[],
        &[
            "with the room's secret",
            "lets into lab",
            "none streams there",
        ],
    );
    let _worker = worker(&home, &url, &["--name", "rig"]);
    let words = [
        "(rig): available",
        "ok      handshake",
        "know the secret",
        "Ready: the worker is free",
    ];
    for args in [&["--worker-id", "rig"][..], &[]] {
        assert_eq!(says(&home, args, &words), Some(0));
    }
    assert_eq!(
        says(&home, &["--worker-id", "rag"], &["rag is not one"]),
        Some(1)
    );
    // {"exp":1700000000}
    let jwt = "e30.eyJleHAiOjE3MDAwMDAwMDB9.x";
    let expired = user_with(&json!({"jwt": jwt, "room_secrets": {"lab": SECRET}}));
    assert_eq!(
        says(&expired, &[], &["has expired", "sleap-rtc login"]),
        Some(1)
    );
    let nobody = user_with(&json!({}));
    let words = ["secret of the room lab", "needs a login"];
    assert_eq!(says(&nobody, &[], &words), Some(1));
}

#[test]
fn a_worker_without_streams_is_found_by_those_who_send_files() {
    let (_server, url) = lab(&[]);
    let home = user();
    let model = demo("model");
    let args = [
        "--room",
        "--room-server",
        &url,
        "--no-stream",
        "--name",
        "rig",
    ];
    let args = [&args[..], &["--model", model.to_str().unwrap()]].concat();
    let _worker = Worker::start_with(&args, |command| {
        at_home(command, home.path());
        command.env("XDG_DATA_HOME", data());
    });
    let words = ["no worker in the room lab streams", "(rig)"];
    stream(&home, &url, &[]).failed(1, &words);
    let (video, output) = (demo("video.mp4"), home.path().join("poses.slp"));
    let (video, output) = (video.to_str().unwrap(), output.to_str().unwrap());
    let send = ["--room", "--room-server", &url, "--send-file", video];
    let args = [&send[..], &["-o", output]].concat();
    let client = Client::start_with(&args, |command| at_home(command, home.path()));
    client.wait().success();
    assert!(Path::new(output).exists());
}

#[test]
fn workers_that_do_not_stream_are_left_alone() {
    let files = r#"lab=for-files={"status":"available","gpu_memory_mb":99999,"worker_name":"gpu"}"#;
    let (mut server, url) = lab(&["--peer", files]);
    let home = user();
    let words = [
        "no worker in the room lab streams",
        "left alone",
        "for-files (gpu)",
    ];
    stream(&home, &url, &[]).failed(1, &words);
    stream(&home, &url, &["--auto-select"]).failed(1, &words);
    let named = stream(&home, &url, &["--worker-id", "gpu"]);
    named.failed(1, &["gpu", "not one that streams"]);
    let events: Vec<_> = (0..3)
        .flat_map(|_| until(&mut server, "left", |_| true))
        .collect();
    assert!(
        events.iter().all(|it| it["event"] != "delivered"),
        "{events:?}"
    );
}

#[test]
fn the_servers_of_the_room_are_used() {
    let relay = r#"[{"urls":["turn:127.0.0.1:9"],"username":"u","credential":"p"}]"#;
    let (_server, url) = lab(&["--ice-servers", relay]);
    let home = user();
    let _worker = worker(&home, &url, &[]);
    let run = stream(&home, &url, &["--relay-only"]);
    run.failed(1, &["turn:127.0.0.1:9"]);
    // The control: without a relay there is none to fail.
    let (_other, url) = lab(&[]);
    let _worker = Worker::start_with(&["--room", "--room-server", &url], |command| {
        at_home(command, home.path());
    });
    let run = stream(&home, &url, &["--relay-only"]);
    run.failed(1, &["there is no TURN server"]);
}

/// Neither of the two may offer anything but relayed addresses, and there is nobody to relay.
#[test]
fn who_may_only_be_relayed_is_told_what_is_missing() {
    const NAME_ONE: &str = "name one (--ice-server turn:HOST:PORT)";
    let stun = r#"[{"urls":["stun:127.0.0.1:9"]}]"#;
    for lent in ["[]", stun] {
        let (_server, url) = lab(&["--ice-servers", lent]);
        let home = user();
        let words = ["--relay-only", "the room lab lends none", NAME_ONE];
        // Also where waiting would bring a worker.
        for args in [&["--relay-only"][..], &["--relay-only", "--wait"]] {
            let run = stream(&home, &url, args);
            run.failed(1, &words);
            assert!(
                !run.stderr.contains("sleap-worker running"),
                "{}",
                run.stderr
            );
        }
        let relayed = worker(&home, &url, &["--relay-only"]);
        relayed.logs("no client can connect", 1);
        assert!(relayed.log().contains(NAME_ONE), "{}", relayed.log());
    }
    // Without a room nobody lends one.
    let pattern = [&PATTERN[..], &["--relay-only"]].concat();
    Client::run(&pattern).failed(2, &["--relay-only", NAME_ONE]);
    let mut alone = Command::new(e2e::binary("sleap-worker"));
    alone.args(["--listen", "127.0.0.1:0", "--relay-only"]);
    let output = alone.env("SLEAP_WORKER_NO_CONFIG", "1").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("--relay-only") && text.contains(NAME_ONE),
        "{text}"
    );
    // The control: a relay that is lent, or named, is not missed.
    let relay = r#"[{"urls":["turn:127.0.0.1:9"],"username":"u","credential":"p"}]"#;
    let (_server, url) = lab(&["--ice-servers", relay]);
    let home = user();
    let relayed = worker(&home, &url, &["--relay-only"]);
    assert!(
        !relayed.log().contains("no client can connect"),
        "{}",
        relayed.log()
    );
    let (_server, url) = lab(&[]);
    let named = ["--relay-only", "--ice-server", "turn:u:p@127.0.0.1:9"];
    stream(&home, &url, &named).failed(1, &["no worker is in the room lab"]);
}
