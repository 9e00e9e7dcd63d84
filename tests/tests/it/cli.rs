//! Bad input: a clear word, the right exit code, nothing lost.

use std::path::Path;
use std::process::Command;

use e2e::{Client, Worker, binary, demo};

fn worker_fails(args: &[&str]) -> (i32, String) {
    worker_fails_with(args, |_| {})
}

fn worker_fails_with(args: &[&str], prepare: impl FnOnce(&mut Command)) -> (i32, String) {
    let mut command = Command::new(binary("sleap-worker"));
    command.args(args);
    prepare(&mut command);
    let output = command.output().unwrap();
    (
        output.status.code().expect("it exits"),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[track_caller]
fn assert_says(outcome: &(i32, String), code: i32, words: &[&str]) {
    assert_eq!(outcome.0, code, "{}", outcome.1);
    for word in words {
        assert!(outcome.1.contains(word), "no {word:?} in: {}", outcome.1);
    }
    assert!(!outcome.1.contains("panicked"), "{}", outcome.1);
}

/// An address where nobody listens: the port was free a moment ago and is given back.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

#[test]
fn usage_errors_exit_with_2() {
    for (args, word) in [
        (
            &["--webcam", "0", "--jpeg-quality", "0"][..],
            "jpeg-quality",
        ),
        (&["--webcam", "0", "--jpeg-quality", "101"], "jpeg-quality"),
        (&["--stream", "a.mp4", "--frames", "9-3"], "3-9"),
        (&["--stream", "a.mp4", "-o", "poses.txt"], ".jsonl"),
        (
            &["--stream", "a.mp4", "--webcam", "0"],
            "cannot be used with",
        ),
        (&[], "--webcam"),
    ] {
        Client::run(args).failed(2, &[word]);
    }
    assert_says(&worker_fails(&["--listen", "nowhere"]), 2, &["--listen"]);
    assert_says(&worker_fails(&["--save-every", "0"]), 2, &["--save-every"]);
}

#[test]
fn help_shows_examples_and_exits_with_0() {
    let help = Client::run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for call in [
        "--webcam 0 --jpeg-quality 80",
        "--stream video.mp4 --fps 30",
    ] {
        assert!(help.stdout.contains(call), "{}", help.stdout);
    }
}

#[test]
fn files_that_are_no_video_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let run = |path: &str| Client::run(&["--stream", path]);
    run("missing.mp4").failed(1, &["missing.mp4"]);
    run(&file("empty.mp4", b"")).failed(1, &["empty"]);
    run(&file("text.mp4", b"this is no video\n")).failed(1, &["text.mp4"]);
    let video = std::fs::read(demo("video.mp4")).unwrap();
    // An MP4 without its index, which stands at one of the ends.
    let cut = &video[video.len() / 3..2 * video.len() / 3];
    run(&file("cut.mp4", cut)).failed(1, &["cut.mp4"]);
}

#[test]
fn a_video_that_breaks_off_keeps_what_was_read_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (video, broken) = (dir.path().join("whole.avi"), dir.path().join("broken.avi"));
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-i",
            demo("video.mp4").to_str().unwrap(),
            "-frames:v",
            "60",
            "-c:v",
            "mjpeg",
        ])
        .arg(&video)
        .status()
        .expect("ffmpeg is installed by tests/run.sh");
    assert!(made.success());
    let bytes = std::fs::read(&video).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let run = Client::run(&[
        "--signal",
        &worker.signal,
        "--stream",
        broken.to_str().unwrap(),
        "-o",
        "-",
    ]);
    run.failed(1, &["broken.avi"]);
    let frames = run.predictions().len();
    assert!((10..60).contains(&frames), "{frames} predictions are kept");
}

#[test]
fn ranges_beyond_the_end_are_refused() {
    let video = demo("video.mp4");
    Client::run(&[
        "--stream",
        video.to_str().unwrap(),
        "--frames",
        "100000-100010",
    ])
    .failed(1, &["100000"]);
}

#[test]
fn a_webcam_that_does_not_exist_is_named() {
    Client::run(&["--webcam", "77", "--jpeg-quality", "80"]).failed(1, &["77"]);
}

#[test]
fn an_output_that_exists_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("poses.jsonl");
    std::fs::write(&file, "precious").unwrap();
    let args = [
        "--signal",
        &nobody(),
        "--test-pattern",
        "-o",
        file.to_str().unwrap(),
    ];
    Client::run(&args).failed(1, &["--overwrite"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn outputs_that_cannot_be_written_are_found_before_a_worker_is_looked_for() {
    let url = nobody();
    // A folder of the kernel's, which takes no files.
    for (option, path) in [
        ("-o", "/proc/a.slp"),
        ("-o", "/proc/a.csv"),
        ("--snapshot", "/proc/a.png"),
        ("--record", "/proc/a.mkv"),
    ] {
        let args = ["--signal", &url, "--test-pattern", option, path];
        Client::run(&args).failed(1, &[path, "no file can be created in /proc"]);
    }
}

#[cfg(unix)]
#[test]
fn a_recording_whose_name_labels_cannot_hold_is_refused_at_once() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"v\xff.mkv");
    let client = Client::start_with(&["--signal", &nobody(), "--test-pattern"], |command| {
        command.arg("--record").arg(name);
    });
    client.wait().failed(2, &["--record", "UTF-8"]);
}

#[test]
fn no_signaling_server_and_no_worker_are_told_apart() {
    let url = nobody();
    Client::run(&["--signal", &url, "--test-pattern"])
        .failed(1, &[&url, "sleap-worker --model", "--wait"]);
    let server = e2e::signal_server();
    let start = format!("sleap-worker --model DIR --signal {}", server.signal);
    Client::run(&["--signal", &server.signal, "--test-pattern"])
        .failed(1, &["no worker is registered", &start, "--wait"]);
}

#[test]
fn addresses_may_lack_what_is_usual() {
    // The port is in use: the message names what was added to it.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    for option in ["--listen", "--view", "--metrics"] {
        let args = [&["--listen", "127.0.0.1:0"][..], &[option, &port]].concat();
        let args = if option == "--listen" {
            &args[2..]
        } else {
            &args
        };
        assert_says(&worker_fails(args), 1, &[&address]);
    }
    drop(taken);
    let url = format!("ws://localhost:{port}");
    let run = Client::run(&["--signal", &format!("localhost:{port}"), "--test-pattern"]);
    run.failed(1, &[&url]);
}

#[test]
fn a_variable_with_a_typing_error_is_warned_of() {
    let typo = |command: &mut Command| {
        command.env("SLEAP_STREAM_JPEG_QUALTY", "80");
        command.env("SLEAP_WORKER_MODLE", "x");
    };
    let client = Client::start_with(&["--stream", "none.mp4"], typo).wait();
    let warning = "SLEAP_STREAM_JPEG_QUALTY is ignored";
    client.failed(1, &[warning, "did you mean SLEAP_STREAM_JPEG_QUALITY?"]);
    assert!(!client.stderr.contains("MODLE"), "{}", client.stderr);
    assert!(!client.stderr.contains("NO_CONFIG"), "{}", client.stderr);
    let worker = worker_fails_with(&["--listen", "127.0.0.1:0", "--model", "none"], typo);
    let words = [
        "SLEAP_WORKER_MODLE is ignored",
        "did you mean SLEAP_WORKER_MODEL?",
    ];
    assert_says(&worker, 1, &words);
    assert!(!worker.1.contains("QUALTY"), "{}", worker.1);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_says(
        &worker_fails(&["--listen", &address]),
        1,
        &[&address, "--listen"],
    );
}

#[test]
fn model_directories_that_cannot_be_used_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let model = |name: &str, metadata: Option<&str>, onnx: Option<&[u8]>| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        if let Some(metadata) = metadata {
            std::fs::write(folder.join("export_metadata.json"), metadata).unwrap();
        }
        if let Some(onnx) = onnx {
            std::fs::write(folder.join("model.onnx"), onnx).unwrap();
        }
        folder.to_str().unwrap().to_owned()
    };
    let run = |folder: &str| worker_fails(&["--listen", "127.0.0.1:0", "--model", folder]);
    let metadata = std::fs::read_to_string(demo("model/export_metadata.json")).unwrap();
    let onnx = std::fs::read(demo("model/model.onnx")).unwrap();

    assert_says(&run("no/such/folder"), 1, &["no/such/folder"]);
    assert_says(
        &run(&model("bare", None, Some(&onnx))),
        1,
        &["export_metadata.json", "sleap-nn export"],
    );
    assert_says(
        &run(&model("headless", Some(&metadata), None)),
        1,
        &["model.onnx"],
    );
    assert_says(
        &run(&model("broken", Some(&metadata), Some(&onnx[..1000]))),
        1,
        &["model.onnx"],
    );
    let unknown = metadata.replace("single_instance", "telepathy");
    assert_says(
        &run(&model("unknown", Some(&unknown), Some(&onnx))),
        1,
        &["telepathy"],
    );
    assert_says(
        &run(&model("garbage", Some("{"), Some(&onnx))),
        1,
        &["export_metadata.json"],
    );
}

#[test]
fn a_missing_onnx_runtime_is_explained() {
    let model = demo("model");
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--model",
        model.to_str().unwrap(),
    ];
    let nowhere = |command: &mut Command| {
        command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    };
    assert_says(
        &worker_fails_with(&args, nowhere),
        1,
        &["ONNX Runtime", "/nowhere/libonnxruntime.so"],
    );
}

#[test]
fn a_display_that_is_missing_names_the_headless_way() {
    let headless = |command: &mut Command| {
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    };
    let outcome = worker_fails_with(&["--listen", "127.0.0.1:0", "--display"], headless);
    assert_says(&outcome, 1, &["--save-every"]);
}

#[test]
fn the_model_folder_of_the_demo_is_small() {
    let size = |path: &Path| {
        std::fs::read_dir(path)
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    assert!(size(&demo("model")) < 2_000_000);
}
