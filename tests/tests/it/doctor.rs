//! `sleap-worker doctor`: what it finds, what it says to do, and its exit code.

use std::process::Command;

use e2e::{binary, demo};

fn doctor(args: &[&str], prepare: impl FnOnce(&mut Command)) -> (Option<i32>, String) {
    let mut command = Command::new(binary("sleap-worker"));
    command.arg("doctor").args(args);
    prepare(&mut command);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "", "a report stands alone");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// The check of this subject: its verdict and all that is said, in one line.
#[track_caller]
fn check(report: &str, subject: &str) -> (String, String) {
    let mut lines = report
        .lines()
        .skip_while(|line| line.get(6..).is_none_or(|rest| !rest.starts_with(subject)));
    let Some(first) = lines.next() else {
        panic!("nothing about {subject:?} in: {report}");
    };
    let more = lines.take_while(|line| line.starts_with("      "));
    let text: Vec<_> = std::iter::once(&first[6..]).chain(more).collect();
    (first[..6].trim().to_owned(), text.join(" "))
}

#[track_caller]
fn assert_found(report: &str, subject: &str, verdict: &str, words: &[&str]) {
    let (found, text) = check(report, subject);
    assert_eq!(found, verdict, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

fn on_the_cpu(model: &str) -> Vec<&str> {
    vec!["--device", "cpu", "--model", model]
}

#[test]
fn a_model_that_runs_is_shown_with_its_speed() {
    let model = demo("model");
    let args = [
        &on_the_cpu(model.to_str().unwrap())[..],
        &["--max-batch", "2"],
    ]
    .concat();
    let (code, report) = doctor(&args, |_| {});
    assert_eq!(code, Some(0), "{report}");
    assert_found(&report, "sleap-worker", "ok", &[env!("CARGO_PKG_VERSION")]);
    assert_found(&report, "system", "ok", &["CPU core"]);
    assert_found(&report, "ONNX Runtime", "ok", &["libonnxruntime"]);
    assert_found(&report, "  compiled with", "ok", &["CPUExecutionProvider"]);
    let (words, size) = (["single_instance", "gray"], "256x192");
    assert_found(&report, "model", "ok", &[&words[..], &[size]].concat());
    assert_found(&report, "  skeleton", "ok", &["5 (nose, ", "nose-head"]);
    assert_found(&report, "  runs on", "ok", &["cpu: cpu ", " nodes"]);
    for batch in ["  batch of 1", "  batch of 2"] {
        assert_found(&report, batch, "ok", &["frames/s", "ms a call"]);
    }
    let (end, rate) = ("\n\nReady: CPU only, about ", " frames/s with this model\n");
    assert!(report.contains(end) && report.ends_with(rate), "{report}");
    assert!(!report.contains("looked for in"), "only with -v: {report}");
    assert!(!report.contains('\x1b'), "no colours in a pipe: {report:?}");
}

#[test]
fn without_onnx_runtime_it_fails_and_says_how_to_get_it() {
    let model = demo("model");
    let nowhere = |command: &mut Command| {
        command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    };
    let (code, report) = doctor(&on_the_cpu(model.to_str().unwrap()), nowhere);
    assert_eq!(code, Some(1), "{report}");
    let words = ["/nowhere/libonnxruntime.so", "pip install"];
    assert_found(&report, "ONNX Runtime", "fail", &words);
    assert!(
        report.ends_with("\n\nNot ready: ONNX Runtime\n"),
        "{report}"
    );
}

#[test]
fn the_folders_that_are_searched_are_a_detail() {
    let (code, report) = doctor(&["--device", "cpu"], |_| {});
    assert_eq!(code, Some(0), "{report}");
    assert!(!report.contains("looked for in"), "{report}");
    let mut command = Command::new(binary("sleap-worker"));
    let output = command.args(["doctor", "-v", "--device", "cpu"]).output();
    let report = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_found(&report, "  looked for in", "ok", &[]);
}

#[test]
fn a_broken_model_fails_and_everything_else_is_still_checked() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let metadata = std::fs::read(demo("model/export_metadata.json")).unwrap();
    std::fs::write(dir.path().join("export_metadata.json"), metadata).unwrap();
    std::fs::write(dir.path().join("model.onnx"), "no graph").unwrap();
    let (code, report) = doctor(&on_the_cpu(folder), |_| {});
    assert_eq!(code, Some(1), "{report}");
    assert_found(&report, "ONNX Runtime", "ok", &[]);
    assert_found(&report, "model", "fail", &["model.onnx", folder]);
}

#[test]
fn no_model_and_no_display_are_no_failure() {
    let headless = |command: &mut Command| {
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    };
    let (code, report) = doctor(&["--device", "cpu"], headless);
    assert_eq!(code, Some(0), "{report}");
    assert_found(&report, "display", "-", &["--save-every"]);
    assert_found(&report, "model", "-", &["--model DIR"]);
    assert!(
        report.ends_with("\n\nReady: CPU only, no model was tried\n"),
        "{report}"
    );
}

#[test]
fn a_gpu_that_is_asked_for_and_not_there_is_a_failure() {
    let model = demo("model");
    let model = model.to_str().unwrap();
    for device in ["cuda:63", "tensorrt:63"] {
        let (code, report) = doctor(&["--device", device, "--model", model], |_| {});
        assert_eq!(code, Some(1), "{report}");
        assert_found(&report, "model", "fail", &[device]);
    }
}

#[test]
fn sixteen_bit_floats_without_tensorrt_are_a_usage_error() {
    for args in [&["doctor", "--fp16"][..], &["--fp16", "--device", "cuda"]] {
        let output = Command::new(binary("sleap-worker"))
            .args(args)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--device tensorrt"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn it_says_who_could_come_and_where_the_secret_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let name = file.to_str().unwrap();
    let doctor = |args: &[&str]| {
        let prepare = |command: &mut Command| {
            command.env_remove("SLEAP_ROOM_SECRET");
            command.env("XDG_DATA_HOME", folder.path());
        };
        doctor(&[&["--device", "cpu"], args].concat(), prepare).1
    };
    let report = doctor(&[]);
    assert_found(&report, "secret", "-", &["none"]);
    assert_found(&report, "clients", "ok", &["this machine alone"]);
    let report = doctor(&["--signal", "ws://127.0.0.1:9"]);
    assert_found(
        &report,
        "clients",
        "ok",
        &["every client that reaches ws://127.0.0.1:9", "one is made"],
    );
    let report = doctor(&["--listen", "0.0.0.0:8080", "--insecure"]);
    assert_found(&report, "clients", "warn", &["no secret is needed"]);
    for (mode, verdict) in [(0o600, "ok"), (0o644, "warn")] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let report = doctor(&["--listen", "0.0.0.0:8080", "--secret-file", name]);
        assert_found(&report, "secret", verdict, &["--secret-file", name]);
        assert_found(&report, "clients", "ok", &["knows the secret"]);
    }
}
