//! Facts about the build, for `--version`. A source archive without git builds as well.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let version = env("CARGO_PKG_VERSION");
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    let rustc = run(&env("RUSTC"), &["--version"]).unwrap_or_else(|| "unknown".into());
    let rustc = rustc.strip_prefix("rustc ").unwrap_or(&rustc);
    set("VERSION", &version);
    set("PROFILE", &env("PROFILE"));
    set("TARGET", &env("TARGET"));
    set("RUSTC", rustc);
}

/// The commit of a release build. Others do without, so as not to be built again at each commit.
fn commit() -> Option<String> {
    // A repository around an unpacked archive is another project's.
    let root = Path::new(&env("CARGO_MANIFEST_DIR")).join("../..");
    if env("PROFILE") != "release" || !root.join(".git").exists() {
        return None;
    }
    let moves = [
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ];
    let log = run("git", &moves).filter(|path| Path::new(path).exists());
    if let Some(path) = log {
        println!("cargo:rerun-if-changed={path}");
    }
    run("git", &["rev-parse", "--short=10", "HEAD"])
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn set(name: &str, value: &str) {
    println!("cargo:rustc-env=SLEAP_STREAM_BUILD_{name}={value}");
}
