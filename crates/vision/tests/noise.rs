//! The native libraries do not write to stderr: a broken file is reported by an error alone.

use std::process::Command;

use vision::capture::{Capture, Config, FrameSelection, OpenError, Source};

const VARIABLE: &str = "NOISE_TEST_CHILD";

fn main() {
    match std::env::var(VARIABLE).as_deref() {
        Ok("silenced") => vision::silence_native_logs(),
        Ok(_) => {}
        Err(_) => return parent(),
    }
    let config = Config {
        source: Source::File(std::env::args().nth(1).unwrap()),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    };
    let error = Capture::open(config).unwrap_err();
    assert!(matches!(error, OpenError::NotAVideo { .. }));
}

fn parent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.mp4");
    // The start of an MP4 whose index never came: FFmpeg complains about it.
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08free\0\0\0\0mdat".to_vec();
    bytes.extend([7; 500]);
    std::fs::write(&path, bytes).unwrap();
    let stderr = |mode| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env_remove("OPENCV_LOG_LEVEL");
        let output = command.arg(&path).env(VARIABLE, mode).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        stderr
    };
    assert_eq!(stderr("as they are"), "");
    assert_eq!(stderr("silenced"), "");
    println!("test native_libraries_write_nothing ... ok");
}
