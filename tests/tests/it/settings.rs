//! Files, environment and command line of the real binaries, and what they print of themselves.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Client, Worker, binary, demo};
use serde_json::Value;

/// A run in a folder of its own, with a home of its own: exit code, standard output, standard error.
fn run_in(
    dir: &Path,
    program: &str,
    args: &[&str],
    variables: &[(&str, &str)],
) -> (i32, String, String) {
    let output = Command::new(binary(program))
        .args(args)
        .current_dir(dir)
        .env("HOME", dir.join("home"))
        .env_remove("SLEAP_STREAM_NO_CONFIG")
        .env_remove("SLEAP_WORKER_NO_CONFIG")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("it exits");
    (code, text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

#[test]
fn settings_are_shown_with_the_place_of_each() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("home/.sleap-rtc")).unwrap();
    let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
    write(
        "sleap-rtc.toml",
        "[sleap-stream]\nfps = 30\njpeg-quality = 70\n[default]\nx = 1\n",
    );
    write(
        "home/.sleap-rtc/config.toml",
        "[sleap-stream]\nfps = 10\nbatch_size = 4\n[sleap-worker]\nspin = true\n",
    );
    let variables = [
        ("SLEAP_STREAM_JPEG_QUALITY", "60"),
        ("SLEAP_RTC_SIGNALING_WS", "ws://lab:8080"),
        ("SLEAP_STREAM_TURN_PASSWORD", "hunter2"),
        ("SLEAP_STREAM_ICE_SERVERS", "turn:user:hunter2@relay"),
    ];
    let (code, shown, error) = run_in(dir.path(), "sleap-stream", &["config"], &variables);
    assert_eq!((code, error.as_str()), (0, ""));
    let at = |start: &str| {
        let line = shown.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in: {shown}"))
            .to_owned()
    };
    assert_has(&at("fps = 30"), &["./sleap-rtc.toml, line 2"]);
    assert_has(&at("jpeg_quality = 60"), &["SLEAP_STREAM_JPEG_QUALITY"]);
    assert_has(&at("batch_size = 4"), &["~/.sleap-rtc/config.toml, line 3"]);
    assert_has(
        &at("signal = \"ws://lab:8080\""),
        &["SLEAP_RTC_SIGNALING_WS"],
    );
    assert_has(&at("# sample_rate = 1"), &["default"]);
    assert!(!shown.contains("hunter2"), "{shown}");
    let (_, shown, _) = run_in(dir.path(), "sleap-worker", &["config"], &[]);
    assert_has(&shown, &["spin = true"]);
}

#[test]
fn a_file_that_cannot_be_used_is_a_usage_error_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |program: &str, text: &str, words: &[&str]| {
        std::fs::write(dir.path().join("sleap-rtc.toml"), text).unwrap();
        let (code, _, error) = run_in(dir.path(), program, &[], &[]);
        assert_eq!(code, 2, "{error}");
        assert_has(&error, &[&["./sleap-rtc.toml"], words].concat());
        // Completions work all the same.
        let (code, ..) = run_in(dir.path(), program, &["completions", "zsh"], &[]);
        assert_eq!(code, 0);
    };
    refused(
        "sleap-stream",
        "[sleap-stream]\njpeg_qualty = 8",
        &["line 2", "jpeg_quality?"],
    );
    refused(
        "sleap-stream",
        "[sleap-stream]\nfps = 'fast'",
        &["line 2", "'fast'"],
    );
    refused(
        "sleap-worker",
        "[sleap-worker]\n\nmax_batch = 0",
        &["line 3", "--max-batch"],
    );
    refused("sleap-worker", "[sleap-worker", &["line 1"]);
}

#[test]
fn a_file_streams_and_the_command_line_wins() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let file = dir.path().join("rig.toml");
    // Of another source: it gives way to what the command line names.
    let text = format!(
        "[sleap-stream]\nsignal = '{}'\nwebcam = 3\njpeg-quality = 'camera'\noutput = ['-']\nmax_frames = 3\n",
        worker.signal
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let pattern = ["--test_pattern=64x48@30", "--every_frame"];
    let run = Client::run(&[&["--config", file], &pattern[..]].concat()).success();
    assert_eq!(run.predictions().len(), 3);
    let fewer = ["--max_frames", "2"];
    let run = Client::run(&[&["--config", file], &pattern[..], &fewer].concat()).success();
    assert_eq!(run.predictions().len(), 2);
}

#[test]
fn what_programs_say_of_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let says = |program: &str, args: &[&str], words: &[&str]| {
        let (code, text, error) = run_in(dir.path(), program, args, &[]);
        assert_eq!(code, 0, "{program} {args:?}: {error}");
        assert_has(&text, words);
        assert!(!text.contains('\x1b'), "no colours in a pipe: {text}");
        text
    };
    let version = env!("CARGO_PKG_VERSION");
    for program in ["sleap-stream", "sleap-worker"] {
        let long = says(
            program,
            &["--version"],
            &[
                version,
                "build: ",
                "rustc: ",
                "OpenCV: ",
                "FFmpeg: libavformat ",
            ],
        );
        // Alone it is answered without a description of the command line.
        assert_eq!(says(program, &["-v", "--version"], &[]), long);
        let short = says(program, &["-V"], &[version]);
        assert!(short.lines().count() == 1 && long.lines().count() > 3);
        let long = says(
            program,
            &["--help"],
            &["Examples:", "Environment:", "Files:", "Exit codes:"],
        );
        let short = says(program, &["-h"], &["Examples:"]);
        assert!(short.len() < long.len() && !short.contains("Exit codes:"));
        says(
            program,
            &["man"],
            &[".SH NAME", ".SH OPTIONS", ".SH \"EXIT CODES\""],
        );
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            says(program, &["completions", shell], &[program, "ice-server"]);
        }
    }
    says("sleap-worker", &["--version"], &["ONNX Runtime: "]);
}

/// Every line is an object, and the objects tell the run.
#[test]
fn json_tells_the_run_to_programs() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "64x48@30",
        "--max-frames",
        "40",
        "--every-frame",
        "--json",
    ];
    let objects = |text: &str| -> Vec<Value> {
        let object = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        text.lines().map(object).collect()
    };
    let run = Client::run(&args).success();
    let told = objects(&run.stdout);
    assert_eq!(
        (&told[0]["event"], &told[0]["width"]),
        (&"connected".into(), &64.into())
    );
    assert!(
        told.iter().any(|object| object["event"] == "progress"),
        "{told:?}"
    );
    let summary = told.last().unwrap();
    assert_eq!(
        (&summary["event"], &summary["frames"]),
        (&"summary".into(), &40.into())
    );
    assert_eq!(summary["predictions"], 40);
    assert!(summary["age_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert!(
        !run.stderr.contains("age of pose"),
        "the summary is told once"
    );

    // Where standard output is taken, standard error holds objects alone.
    let run = Client::run(&[&args[..], &["-o", "-"]].concat()).success();
    assert_eq!(run.predictions().len(), 40);
    let told = objects(&run.stderr);
    assert!(told.iter().any(|object| object["event"] == "summary"));
    assert!(
        told.iter().any(|object| object["level"] == "INFO"),
        "the log too"
    );

    let run = Client::run(&["--signal", "ws://127.0.0.1:1", "--test-pattern", "--json"]);
    run.failed(1, &["error: "]);
    assert_eq!(objects(&run.stdout)[0]["event"], "error");
}

#[test]
fn json_and_the_summary_say_the_same() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    // Nobody listens there, which is no failure.
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "64x48@200",
        "--max-frames",
        "25",
        "--every-frame",
        "--emit",
        "udp://127.0.0.1:9",
    ];
    let text = Client::run(&args).success().stderr;
    let run = Client::run(&[&args[..], &["--json"]].concat()).success();
    let last = run.stdout.lines().last().unwrap();
    let summary: Value = serde_json::from_str(last).unwrap();
    let row = |name: &str| {
        let row = text.lines().find_map(|line| line.strip_prefix(name));
        let row = row.unwrap_or_else(|| panic!("no {name} in {text}"));
        row.split_whitespace().next().unwrap().to_owned()
    };
    for (name, value) in [
        ("frames ", &summary["frames"]),
        ("predictions ", &summary["predictions"]),
        ("emitted ", &summary["emitted"][0]["poses"]),
    ] {
        assert_eq!(row(name), "25");
        assert_eq!(value, 25, "{name}");
    }
    assert_eq!(summary["emitted"][0]["to"], "udp://127.0.0.1:9");
    assert_eq!(summary["not_recorded"], 0);
    for part in summary["latency_ms"].as_object().unwrap().keys() {
        let known = [
            "capture",
            "encode",
            "send",
            "network",
            "decode",
            "queue",
            "preprocess",
            "inference",
            "postprocess",
            "return",
        ];
        assert!(known.contains(&part.as_str()), "{part}");
    }
}

#[test]
fn the_clients_doctor_says_what_is_missing() {
    let worker = Worker::start(&[]);
    let doctor = |args: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        run_in(
            dir.path(),
            "sleap-stream",
            &[&["doctor"], args].concat(),
            &[],
        )
    };
    let (code, report, error) = doctor(&["--signal", &worker.signal]);
    assert_eq!((code, error.as_str()), (0, ""), "{report}");
    assert_has(
        &report,
        &["OpenCV", "FFmpeg", "JPEG", "registered: worker-"],
    );
    let (code, report, _) = doctor(&["--signal", "ws://127.0.0.1:1"]);
    assert_eq!(code, 1, "{report}");
    assert_has(&report, &["fail  signaling", "start `sleap-worker`"]);
    let (code, report, _) = doctor(&[
        "--signal",
        &worker.signal,
        "--webcam",
        "63",
        "--worker-id",
        "nobody",
    ]);
    assert_eq!(code, 1, "{report}");
    assert_has(&report, &["no camera 63", "nobody is not registered"]);
    // Nobody listens at the first; the second, a socket of this test, does not answer.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = format!("stun:{}", silent.local_addr().unwrap());
    let (code, report, _) = doctor(&["--signal", &worker.signal, "--ice-server", &server]);
    assert_eq!(code, 1, "{report}");
    assert_has(&report, &[&format!("{server}: no answer")]);
    let meeting = e2e::signal_server();
    let (code, report, _) = doctor(&["--signal", &meeting.signal]);
    assert_eq!(code, 0, "{report}");
    assert_has(&report, &["warn    worker", "no worker is registered"]);
}

#[test]
fn cameras_are_a_list_even_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text, _) = run_in(dir.path(), "sleap-stream", &["cameras", "--json"], &[]);
    assert_eq!(code, 0);
    let list: Value = serde_json::from_str(&text).unwrap();
    let count = list.as_array().unwrap().len();
    let (code, text, error) = run_in(dir.path(), "sleap-stream", &["cameras"], &[]);
    assert_eq!(code, 0);
    match count {
        0 => assert_has(&error, &["no camera was found", "--test-pattern"]),
        _ => assert_has(&text, &["sleap-stream --webcam "]),
    }
}

#[test]
fn progress_that_nobody_reads_holds_up_nothing() {
    let worker = Worker::start(&[]);
    // As full as pipes are, and nobody at its end.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'x'; 65_536]).unwrap();
    let mut client = Command::new(binary("sleap-stream"))
        .args(["--signal", &worker.signal, "--test-pattern", "--json"])
        .env("SLEAP_STREAM_NO_CONFIG", "1")
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(client.stderr.take().unwrap());
    let connected = log.lines().map_while(Result::ok);
    assert!(connected.into_iter().any(|line| line.contains("connected")));
    worker.logs("stream starts", 1);
    let pid = client.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(130));
    drop(reader);
}
