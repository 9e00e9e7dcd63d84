//! Reading speed of [`vision::capture`] beside a bare OpenCV loop over the same file.
//!
//! ```text
//! cargo bench -p sleap-stream-vision --bench read
//! ```
//!
//! Needs `ffmpeg`, which makes ten seconds of 1080p H.264 in a temporary folder first.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use opencv::core::Mat;
use opencv::videoio::{CAP_FFMPEG, VideoCapture, VideoCaptureTrait};
use vision::capture::{Capture, Config, FrameSelection, Source};

const FRAMES: u32 = 300;
const ROUNDS: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("1080p.mp4");
    make_video(&path)?;
    let path = path.to_str().ok_or("the temporary folder is not UTF-8")?;
    let (mut best_bare, mut best_ours) = (0.0f64, 0.0f64);
    // Alternating, so that a change of the machine's load affects both; the best of each,
    // because other programs only ever slow a round down.
    for _ in 0..ROUNDS {
        let bare = bare_opencv(path)?;
        let ours = capture(path)?;
        println!("OpenCV alone {bare:6.1} frames/s, capture {ours:6.1} frames/s");
        best_bare = best_bare.max(bare);
        best_ours = best_ours.max(ours);
    }
    let ratio = best_ours / best_bare;
    println!("capture / OpenCV, best of {ROUNDS} rounds each: {ratio:.3}");
    Ok(())
}

fn make_video(path: &Path) -> Result<(), Box<dyn Error>> {
    let source = format!("testsrc2=size=1920x1080:rate=30:duration={}", FRAMES / 30);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source])
        .args([
            "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
        ])
        .arg(path)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("ffmpeg failed".into())
    }
}

fn bare_opencv(path: &str) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut video = VideoCapture::from_file(path, CAP_FFMPEG)?;
    let mut frame = Mat::default();
    let mut frames = 0;
    while video.read(&mut frame)? {
        frames += 1;
    }
    rate(frames, start)
}

fn capture(path: &str) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let config = Config {
        source: Source::File(path.to_owned()),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    };
    let running = Capture::open(config)?.start(|_| ControlFlow::Continue(()));
    rate(running.join()?.frames, start)
}

fn rate(frames: u64, start: Instant) -> Result<f64, Box<dyn Error>> {
    if frames != u64::from(FRAMES) {
        return Err(format!("{frames} frames were read instead of {FRAMES}").into());
    }
    Ok(frames as f64 / start.elapsed().as_secs_f64())
}
