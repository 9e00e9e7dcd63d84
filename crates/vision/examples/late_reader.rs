//! How old frames of a camera are when a reader gets them that is late now and then.
//!
//! ```text
//! late_reader CAMERA FRAMES PAUSE_MS [every-frame]
//! ```
//! After every tenth frame the reader pauses. One line a frame: its clock, its age at delivery in milliseconds,
//! and whether a pause came before it; then the number of old frames that were left out.

use std::ops::ControlFlow;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use vision::capture::{Capture, Config, FrameSelection, Source, WebcamConfig, camera_number};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, camera, frames, pause, more @ ..] = words.as_slice() else {
        return Err("usage: late_reader CAMERA FRAMES PAUSE_MS [every-frame]".into());
    };
    let pause = Duration::from_millis(pause.parse()?);
    let capture = Capture::open(Config {
        source: Source::Webcam(WebcamConfig {
            index: camera_number(camera)?,
            size: Some((320, 180)),
            every_frame: !more.is_empty(),
            ..WebcamConfig::default()
        }),
        selection: FrameSelection {
            max_frames: Some(frames.parse()?),
            ..FrameSelection::default()
        },
        fps: None,
        real_time: false,
        options: Default::default(),
    })?;
    println!("timing {:?}", capture.timing());
    // No message ever comes: waiting for one is the pause.
    let (_sender, messages) = channel::<()>();
    let mut is_late = false;
    let running = capture.start(move |frame| {
        let age = Instant::now().saturating_duration_since(frame.captured);
        let after = if is_late { "late" } else { "on-time" };
        let line = format!("{} {:.1} {after}", frame.clock, age.as_secs_f64() * 1e3);
        is_late = frame.frame_id % 10 == 9;
        if is_late {
            let _ = messages.recv_timeout(pause);
        }
        println!("{line}");
        ControlFlow::Continue(())
    });
    let summary = running.join()?;
    println!("stale {}", summary.stale);
    Ok(())
}
