//! Both programs in a room of SLEAP-RTC, at a server that takes nothing else, and beside the real
//! programs of SLEAP-RTC.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Client, Finished, Peer, Worker, demo, room_server, sleap_rtc};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// A login that SLEAP-RTC's own client takes for one: it has the form, and no end.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];
const ANSWERED: &str = "frames                6";
/// Variables that would open another room, or name another server.
const VARIABLES: [&str; 8] = [
    "SLEAP_ROOM_SECRET",
    "SLEAP_SECRET_PATH",
    "SLEAP_RTC_ACCOUNT_KEY",
    "SLEAP_RTC_API_KEY",
    "SLEAP_RTC_SIGNALING_WS",
    "SLEAP_RTC_ENV",
    "SLEAP_RTC_DEFAULT_ROOM",
    "SSL_CERT_FILE",
];

/// A user of SLEAP-RTC: a login, an account's key, a default room and its secret.
fn user() -> TempDir {
    let credentials = json!({"jwt": JWT, "account_key": "slp_acct_key", "default_room": "lab",
        "room_secrets": {"lab": SECRET}});
    user_with(&credentials)
}

fn user_with(credentials: &Value) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".sleap-rtc");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("credentials.json");
    std::fs::write(&file, credentials.to_string()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn at_home(command: &mut Command, home: &Path) {
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("HOME", home);
}

/// Where ONNX Runtime is, whoever the user is.
fn data() -> PathBuf {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let home = || path("HOME").map(|home| home.join(".local/share"));
    path("XDG_DATA_HOME").or_else(home).unwrap()
}

fn lab(args: &[&str]) -> (Peer, String) {
    room_server(&[&["--jwt", JWT, "--ping-every", "0.3"], args].concat())
}

fn worker(home: &TempDir, url: &str, args: &[&str]) -> Worker {
    let args = [&["--room", "--room-server", url], args].concat();
    Worker::start_with(&args, |command| at_home(command, home.path()))
}

fn stream(home: &TempDir, url: &str, args: &[&str]) -> Finished {
    let args = [&PATTERN[..], &["--room", "lab", "--room-server", url], args].concat();
    Client::start_with(&args, |command| at_home(command, home.path())).wait()
}

/// A stream that goes on until it is interrupted.
fn endless(home: &TempDir, url: &str, args: &[&str]) -> Client {
    let pattern = [
        "--test-pattern",
        "64x48@100",
        "--room",
        "lab",
        "--room-server",
        url,
    ];
    let args = [&pattern[..], args].concat();
    Client::start_with(&args, |command| at_home(command, home.path()))
}

#[track_caller]
fn answered(run: Finished) -> Finished {
    let run = run.success();
    assert!(run.stderr.contains(ANSWERED), "{}", run.stderr);
    run
}

/// What else the server has said by the time it says `kind` of `peer`; fails at what the form does
/// not have.
#[track_caller]
fn until(server: &mut Peer, kind: &str, holds: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event = server.event().expect("the server goes on");
        assert_ne!(event["event"], "violation", "{event}");
        let found = event["event"] == kind && holds(&event);
        events.push(event);
        if found {
            return events;
        }
    }
}

fn is_worker(event: &Value) -> bool {
    event["role"] == "worker"
}

#[test]
fn worker_and_client_meet_in_the_room_and_its_status_is_true() {
    let (mut server, url) = lab(&[]);
    let home = user();
    let args = ["--room", "--room-server", &url, "--name", "rig one"];
    let worker = Worker::start_with(&args, |command| {
        at_home(command, home.path());
        command.env(
            "RUST_LOG",
            "info,tungstenite=trace,tungstenite::protocol=trace,tokio_tungstenite=trace",
        );
    });
    let registered = until(&mut server, "registered", is_worker).pop().unwrap();
    let id = registered["peer_id"].as_str().unwrap().to_owned();
    let metadata = &registered["metadata"];
    assert_eq!(metadata["tags"], json!(["streaming-worker"]));
    let properties = &metadata["properties"];
    for (key, value) in [
        ("streaming", json!(true)),
        ("status", json!("available")),
        ("worker_name", json!("rig one")),
        ("gpu_memory_mb", json!(0)),
        ("streaming_gpu_memory_mb", json!(0)),
        ("is_admin", json!(false)),
        ("gpu_model", json!("CPU")),
        ("sleap_stream_version", json!(env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(properties[key], value, "{key}");
    }
    assert!(properties["hostname"].is_string() && properties["supported_models"].is_array());

    let client = endless(&home, &url, &["-vv"]);
    let mut events = until(&mut server, "metadata", |it| it["status"] == "busy");
    client.interrupt();
    let run = client.wait();
    events.extend(until(&mut server, "metadata", |it| {
        it["status"] == "available"
    }));
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130));
    for text in [&run.stderr, &log] {
        for secret in [JWT, "slp_acct_key", SECRET] {
            assert!(!text.contains(secret), "a credential in a log");
        }
    }
    assert!(log.contains("know the secret"), "{log}");

    until(&mut server, "left", |event| event["peer_id"] == id.as_str());
    let looked: Vec<_> = events
        .iter()
        .filter(|it| it["event"] == "discover")
        .collect();
    let only = json!({"role": "worker", "properties": {"streaming": true}});
    assert_eq!(looked.len(), 1);
    assert_eq!(looked[0]["filters"], only);
    let told = events.iter().filter(|it| it["event"] == "metadata");
    let told: Vec<_> = told.map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(told, ["busy", "available"]);
}

#[test]
fn the_connection_to_the_server_is_encrypted_by_an_authority_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, url) = lab(&["--tls", folder.path().to_str().unwrap()]);
    assert!(url.starts_with("wss://"));
    let home = user();
    let authority = folder.path().join("ca.pem");
    let args = ["--room", "--room-server", &url];
    let _worker = Worker::start_with(&args, |command| {
        at_home(command, home.path());
        command.env("SSL_CERT_FILE", &authority);
    });
    // The server as SLEAP-RTC's own file names it.
    let config = home.path().join("server.toml");
    let text = format!("[environments.production]\nsignaling_websocket = \"{url}\"\n");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let args = [&PATTERN[..], &["--room", "--config", config]].concat();
    let run = |trusts: bool| {
        let client = Client::start_with(&args, |command| {
            at_home(command, home.path());
            command.env_remove("SLEAP_STREAM_NO_CONFIG");
            if trusts {
                command.env("SSL_CERT_FILE", &authority);
            }
        });
        client.wait()
    };
    answered(run(true));
    run(false).failed(1, &["no encrypted connection", "SSL_CERT_FILE"]);
    until(&mut server, "left", |_| true);
}

#[test]
fn what_does_not_open_the_room_is_told_apart() {
    let (_server, url) = lab(&[]);
    let expired = user_with(&json!({"jwt": "old", "room_secrets": {"lab": SECRET}}));
    stream(&expired, &url, &[]).failed(1, &["Token has expired", "lab"]);
    // Waiting does not make a login valid.
    stream(&expired, &url, &["--wait"]).failed(1, &["Token has expired"]);
    let nobody = user_with(&json!({}));
    stream(&nobody, &url, &[]).failed(2, &["sleap-rtc login"]);
    let secretless = user_with(&json!({"jwt": JWT}));
    let run = stream(&secretless, &url, &[]);
    run.failed(2, &["secret of the room lab", "--insecure"]);
    stream(&user(), &url, &[]).failed(1, &["no worker is in the room lab"]);

    // The variable comes before the file.
    let at_default = user();
    let args = [&PATTERN[..], &["--room"]].concat();
    let elsewhere = Client::start_with(&args, |command| {
        at_home(command, at_default.path());
        command.env("SLEAP_RTC_DEFAULT_ROOM", "attic");
    });
    elsewhere.wait().failed(2, &["the room attic"]);
    // Wherever the address stands, no credential goes out in the clear.
    let args = [&PATTERN[..], &["--room", "lab"]].concat();
    let plain = Client::start_with(&args, |command| {
        at_home(command, at_default.path());
        command.env("SLEAP_RTC_SIGNALING_WS", "ws://192.0.2.1:8080");
    });
    plain
        .wait()
        .failed(2, &["192.0.2.1:8080 has no encryption"]);

    let refused = |home: &TempDir, args: &[&str], key: &str| {
        let args = [&["--room-server", &url], args].concat();
        let mut command = Command::new(e2e::binary("sleap-worker"));
        command.args(args).env("SLEAP_WORKER_NO_CONFIG", "1");
        at_home(&mut command, home.path());
        if !key.is_empty() {
            command.env("SLEAP_RTC_API_KEY", key);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text)
    };
    for (home, args, key, code, words) in [
        (
            &user(),
            &["--room"][..],
            "slp_wrong",
            1,
            "Invalid or revoked API key",
        ),
        (
            &user(),
            &["--room", "--signal", "ws://x"],
            "",
            2,
            "two rendezvous",
        ),
        (&nobody, &["--room"], "slp_key", 2, "default_room"),
        (&nobody, &["--room", "lab"], "", 2, "--api-key-file FILE"),
        (
            &nobody,
            &["--room", "lab"],
            "hunter2",
            2,
            "begins with slp_",
        ),
        (
            &nobody,
            &["--room", "lab"],
            "slp_key",
            2,
            "secret of the room lab",
        ),
        (
            &user_with(&json!({"room_secrets": {"other": SECRET}})),
            &["--room", "other"],
            "slp_key",
            1,
            "belongs to the room lab",
        ),
        (
            &user_with(&json!({"account_key": "slp_acct_key", "room_secrets": {"other": SECRET}})),
            &["--room", "other"],
            "",
            1,
            "there is no room other",
        ),
    ] {
        let (status, text) = refused(home, args, key);
        assert_eq!(status, Some(code), "{words}: {text}");
        assert!(text.contains(words), "no {words:?} in: {text}");
        assert!(
            !text.contains("hunter2") && !text.contains("slp_wrong"),
            "{text}"
        );
    }
}

#[test]
fn who_has_another_secret_of_the_room_stays_out() {
    let (_server, url) = lab(&[]);
    let worker = worker(&user(), &url, &[]);
    let other = user_with(&json!({"jwt": JWT, "room_secrets": {"lab": OTHER}}));
    stream(&other, &url, &[]).failed(1, &["does not accept the secret"]);
    let run = stream(&other, &url, &["--insecure"]);
    run.failed(1, &["asks for a secret"]);
    worker.logs("not let in", 1);
}

#[test]
fn insecure_in_the_users_file_is_no_match_for_the_rooms_secret() {
    let home = user();
    let config = "[sleap-stream]\ninsecure = true\n[sleap-worker]\ninsecure = true\n";
    std::fs::write(home.path().join(".sleap-rtc/config.toml"), config).unwrap();
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(e2e::binary(program));
        command.args(["--room", "lab", "--room-server", "ws://127.0.0.1:1"]);
        command.args(args).current_dir(home.path());
        at_home(&mut command, home.path());
        command.env_remove("SLEAP_STREAM_NO_CONFIG");
        command.env_remove("SLEAP_WORKER_NO_CONFIG");
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    for (program, args) in [("sleap-stream", &PATTERN[..]), ("sleap-worker", &[])] {
        let (code, error) = run(program, args);
        assert_eq!(code, Some(2), "{error}");
        for word in ["insecure (~/", "the room lab in ", "credentials.json"] {
            assert!(error.contains(word), "no {word:?} in {error}");
        }
        // The control: nobody is there, with or without the secret.
        for switch in ["--insecure", "--insecure=false"] {
            let (code, error) = run(program, &[args, &[switch]].concat());
            assert_eq!(code, Some(1), "{switch}: {error}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

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

/// Its worker does not answer, and two others are there that nobody has chosen between.
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

/// The control: at first there is a choice to make, and it is nobody's.
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
