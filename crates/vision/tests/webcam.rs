//! A camera, as far as one can be had without hardware: PipeWire provides it and its V4L2
//! layer puts it before the capture's V4L2 calls as device 0.
//!
//! Needs `pipewire`, `wireplumber`, `pw-v4l2`, `pw-dump`, `dbus-run-session` and GStreamer;
//! where one of them is missing, a note is printed and only what needs no camera is tested.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use vision::capture::{
    Capture, CaptureEnd, CaptureSummary, CapturedFrame, Config, FrameSelection, OpenError,
    ReadError, Source, WebcamConfig,
};

/// Set in the process that sits inside the D-Bus session; holds the PipeWire folder.
const SESSION: &str = "WEBCAM_TEST_SESSION";
/// Set in the process that has the camera, to what it has to check.
const SCENE: &str = "WEBCAM_TEST_SCENE";
const TOOLS: [&str; 6] = [
    "pipewire",
    "wireplumber",
    "pw-v4l2",
    "pw-dump",
    "dbus-run-session",
    "gst-launch-1.0",
];

const RAW: &str = "video/x-raw,format=YUY2,width=320,height=240,framerate=30/1";

fn main() {
    let variable = |name| std::env::var(name).ok();
    if let Some(scene) = variable(SCENE) {
        return match scene.as_str() {
            "jpeg" | "raw" => frames_come_in_order(),
            "thinned" => a_lower_rate_thins(),
            _ => an_unplugged_camera_is_lost(),
        };
    }
    if let Some(folder) = variable(SESSION) {
        return session(Path::new(&folder));
    }
    a_missing_camera_is_named();
    if let Some(tool) = TOOLS.iter().find(|tool| !is_installed(tool)) {
        return println!("test webcam ... skipped: {tool} is not installed");
    }
    let endless = format!("videotestsrc is-live=true ! {RAW}");
    let ending = format!("videotestsrc is-live=true num-buffers=60 ! {RAW}");
    let scenes = [
        ("jpeg", format!("{endless} ! videoconvert ! jpegenc")),
        ("raw", endless.clone()),
        ("thinned", endless),
        ("unplugged", ending),
    ];
    for (scene, source) in scenes {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("dbus-run-session")
            .arg("--")
            .arg(std::env::current_exe().unwrap())
            .args([scene, &source])
            .env(SESSION, folder.path())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{scene}");
        println!("test webcam {scene} ... ok");
    }
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).exists())
}

/// A process of the session, ended with it.
struct Service(Child);

impl Service {
    fn start(folder: &Path, words: &[&str]) -> Service {
        let log = File::create(folder.join(format!("{}.log", words[0]))).unwrap();
        let mut command = in_session(folder, words);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Service(command.spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn in_session(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("XDG_RUNTIME_DIR", folder);
    command.env("PIPEWIRE_RUNTIME_DIR", folder);
    command
}

/// Starts PipeWire and the camera, then the scene before it.
fn session(folder: &Path) {
    let arguments: Vec<String> = std::env::args().collect();
    let (scene, source) = (&arguments[1], &arguments[2]);
    let _pipewire = Service::start(folder, &["pipewire"]);
    wait_until(|| folder.join("pipewire-0").exists());
    let _wireplumber = Service::start(folder, &["wireplumber"]);
    wait_until(|| dump(folder).contains("WirePlumber"));
    let camera = "props,media.class=Video/Source,node.description=testcamera";
    let properties = format!("stream-properties={camera}");
    let mut words = vec!["gst-launch-1.0", "-q"];
    words.extend(source.split(' '));
    words.extend(["!", "pipewiresink", "mode=provide", &properties]);
    let _camera = Service::start(folder, &words);
    wait_until(|| dump(folder).contains("testcamera"));
    let this = std::env::current_exe().unwrap();
    let this = this.to_str().unwrap();
    let status = in_session(folder, &["pw-v4l2", this])
        .env(SCENE, scene)
        .status();
    assert!(status.unwrap().success());
}

fn dump(folder: &Path) -> String {
    let output = in_session(folder, &["pw-dump"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks until the answer is yes; a service that never comes up ends in the runner's limit.
fn wait_until(is_ready: impl Fn() -> bool) {
    while !is_ready() {
        std::thread::yield_now();
    }
}

fn camera(max_frames: Option<u64>, fps: Option<f64>) -> Config {
    Config {
        source: Source::Webcam(WebcamConfig {
            size: Some((320, 240)),
            ..WebcamConfig::default()
        }),
        selection: FrameSelection {
            max_frames,
            ..FrameSelection::default()
        },
        fps,
        real_time: false,
        options: Default::default(),
    }
}

fn read(config: Config) -> (Vec<CapturedFrame>, Result<CaptureSummary, ReadError>) {
    let capture = Capture::open(config).unwrap();
    let info = capture.info();
    assert!(info.is_live && info.total_frames.is_none());
    assert_eq!((info.width, info.height, info.channels), (320, 240, 3));
    let frames = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&frames);
    let running = capture.start(move |frame| {
        sink.lock().unwrap().push(frame);
        ControlFlow::Continue(())
    });
    let result = running.join();
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, (0..ids.len() as u64).collect::<Vec<_>>());
    (frames, result)
}

fn frames_come_in_order() {
    let (frames, summary) = read(camera(Some(10), None));
    let summary = summary.unwrap();
    assert_eq!((summary.frames, summary.end), (10, CaptureEnd::Selected));
    for pair in frames.windows(2) {
        assert!(pair[0].captured_at <= pair[1].captured_at);
        assert_eq!(pair[1].pixels().unwrap().data.len(), 320 * 240 * 3);
    }
    // The test picture's colour bars: white at the left, another colour beside it.
    let image = frames[0].pixels().unwrap();
    let row = &image.data[image.row_bytes() * 60..];
    assert!(
        row[30..33].iter().all(|&value| value > 150),
        "{:?}",
        &row[30..33]
    );
    assert_ne!(row[30..33], row[210..213]);
}

fn a_lower_rate_thins() {
    let (_, summary) = read(camera(Some(5), Some(5.0)));
    let summary = summary.unwrap();
    assert_eq!(summary.frames, 5);
    // Of 30 frames a second, five a second are taken: six are read for each.
    assert!(summary.read > 15, "{summary:?}");
}

fn an_unplugged_camera_is_lost() {
    let (frames, result) = read(camera(None, None));
    let delivered = frames.len() as u64;
    assert!(delivered > 0);
    match result {
        Err(ReadError::CameraLost { frames, .. }) => assert_eq!(frames, delivered),
        other => panic!("{other:?}"),
    }
}

fn a_missing_camera_is_named() {
    // Elsewhere the system has no device files that show which numbers exist.
    let numbers: &[u32] = if cfg!(target_os = "linux") {
        &[4000, u32::MAX]
    } else {
        &[u32::MAX]
    };
    for &index in numbers {
        let mut config = camera(None, None);
        config.source = Source::Webcam(WebcamConfig {
            index,
            ..WebcamConfig::default()
        });
        let error = Capture::open(config).unwrap_err();
        assert!(matches!(error, OpenError::NoSuchWebcam { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("webcam {index}")));
    }
    println!("test a_missing_camera_is_named ... ok");
}
