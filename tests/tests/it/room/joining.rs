//! How worker and client come into the room, and who does not.

use super::*;

#[test]
fn worker_and_client_meet_in_the_room_and_its_status_is_true() {
    let (mut server, url) = lab(&[]);
    let home = user();
    let room = ["--room", "--room-server", &url, "--name", "rig one"];
    let args = [&room[..], &["--max-streams", "1"]].concat();
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
