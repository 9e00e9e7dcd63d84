//! Texts of peers, servers, models, files and command lines that mean harm: none of them steers the
//! terminal or forges a line, and programs get the true text.

mod client;
mod command_line;
mod model;
mod server;
mod worker;

use std::process::Command;

use e2e::{assert_harmless, binary};
use serde_json::Value;

const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "4"];

fn lines_of_json(said: &str) -> Vec<Value> {
    assert_harmless(said);
    let value = |line| serde_json::from_str(line).expect("JSON lines");
    said.lines().map(value).collect()
}

/// What `doctor` says, and what it logs.
fn doctor(program: &str, args: &[&str]) -> String {
    let output = Command::new(binary(program))
        .arg("doctor")
        .args(args)
        .env("SLEAP_STREAM_NO_CONFIG", "1")
        .env("SLEAP_WORKER_NO_CONFIG", "1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    text(output.stdout) + &text(output.stderr)
}

/// What is printed elsewhere than in `cli::terminal` is not cleaned.
#[test]
fn every_crate_refuses_to_print() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let file = entry.unwrap().path().join("src/lib.rs");
        let text = std::fs::read_to_string(&file).unwrap();
        let refuses = text.contains("#![warn(clippy::print_stdout, clippy::print_stderr");
        assert!(refuses, "{} lets code print", file.display());
    }
    let methods = std::fs::read_to_string(root.join(".clippy.toml")).unwrap();
    for method in ["std::io::stdout", "std::io::stderr", "anstream::stdout"] {
        assert!(methods.contains(method), "{method} may be called anywhere");
    }
}
