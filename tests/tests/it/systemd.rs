//! The service's unit, as systemd reads it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::binary;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/service")
}

/// The unit with a program that is there; systemd looks for it.
fn unit(dir: &Path) -> PathBuf {
    let text = std::fs::read_to_string(folder().join("sleap-worker.service")).unwrap();
    let program = "/usr/local/bin/sleap-worker";
    assert!(text.contains(program));
    let here = binary("sleap-worker");
    let path = dir.join("sleap-worker.service");
    std::fs::write(&path, text.replace(program, here.to_str().unwrap())).unwrap();
    path
}

/// `None` where this machine has no systemd.
fn analyze(args: &[&str], unit: &Path) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    match command.args(args).arg(unit).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: systemd-analyze cannot be run here ({error})");
            None
        }
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let Some(output) = analyze(&["verify", "--man=no"], &unit(dir.path())) else {
        return;
    };
    let words = words(&output);
    // Of other units on the machine it speaks, too.
    let about_ours: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("sleap-worker"))
        .collect();
    assert!(about_ours.is_empty(), "{words}");
}

#[test]
fn the_service_is_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["security", "--offline=true", "--threshold=25"];
    let Some(output) = analyze(&args, &unit(dir.path())) else {
        return;
    };
    let words = words(&output);
    if words.contains("unrecognized option") {
        eprintln!("skipped: this systemd is older than 250");
        return;
    }
    assert!(output.status.success(), "{words}");
}

#[test]
fn the_readmes_settings_are_known() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<<'TOML'\n").expect("settings");
    let (settings, _) = rest.split_once("TOML\n").expect("their end");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(binary("sleap-worker"))
        .arg("config")
        .arg("--config")
        .arg(&file)
        .output()
        .unwrap();
    let words = words(&output);
    assert!(output.status.success(), "{words}");
    for setting in ["metrics = \"127.0.0.1:9464\"", "log_format = \"json\""] {
        assert!(
            words.replace('-', "_").contains(&setting.replace('-', "_")),
            "{words}"
        );
    }
}
