//! Names of files, and values on a command line and in settings, that mean harm.

use std::process::Command;

use e2e::{HOSTILE, Place, assert_harmless, assert_shown_harmlessly, binary};
use serde_json::Value;

/// A text as TOML has it, which asks for more escapes than JSON.
fn toml(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[test]
fn names_of_files_and_values_of_options_are_shown_harmlessly() {
    let place = Place::new();
    let path = format!("{}.mp4", HOSTILE.replace('/', "_"));
    let settings = place.write(
        "settings.toml",
        "[sleap-stream]\n\"\u{202e}\u{9b}31m\" = 1\n".as_bytes(),
    );
    let value = place.write(
        "value.toml",
        format!("[sleap-stream]\nfps = {}\n", toml(HOSTILE)).as_bytes(),
    );
    let run = |args: &[&str]| {
        let output = Command::new(binary("sleap-stream"))
            .args(args)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{args:?}");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        text(output.stdout) + &text(output.stderr)
    };
    for args in [
        &["--no-config", "--stream", &path][..],
        &["--no-config", "--test-pattern", "--fps", HOSTILE],
        &[
            "--no-config",
            "--test-pattern",
            "--insecure",
            "--signal",
            HOSTILE,
        ],
        &["--no-config", "--test-pattern", "--jpeg-quality", HOSTILE],
        &["--no-config", HOSTILE],
        &["--no-config", "--send-file", &path],
        &["--config", &path],
        &["--config", &value],
    ] {
        assert_shown_harmlessly(&run(args));
    }
    assert_harmless(&run(&["--config", &settings]));
}
