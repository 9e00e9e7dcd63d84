//! Reading speed of [`vision::capture`] beside a bare loop of FFmpeg's calls over the same file.
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

use ffmpeg::codec::{self, threading};
use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg::media::Type;
use ffmpeg::software::scaling::{self, Flags};
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
        let bare = bare_ffmpeg(path)?;
        let ours = capture(path)?;
        println!("FFmpeg alone {bare:6.1} frames/s, capture {ours:6.1} frames/s");
        best_bare = best_bare.max(bare);
        best_ours = best_ours.max(ours);
    }
    let ratio = best_ours / best_bare;
    println!("capture / FFmpeg, best of {ROUNDS} rounds each: {ratio:.3}");
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

/// Decodes with as many threads as the capture does, and converts each frame to BGR.
fn bare_ffmpeg(path: &str) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut input = ffmpeg::format::input(path)?;
    let stream = input.streams().best(Type::Video).ok_or("no video")?;
    let index = stream.index();
    let mut context = codec::Context::from_parameters(stream.parameters())?;
    let mut threads = threading::Config::kind(threading::Type::Frame);
    threads.count = 2;
    context.set_threading(threads);
    let mut decoder = context.decoder().video()?;
    let (mut scaler, mut frames) = (None, 0);
    let mut convert = |decoder: &mut ffmpeg::decoder::Video| -> Result<(), ffmpeg::Error> {
        let (mut frame, mut converted) = (Video::empty(), Video::empty());
        while decoder.receive_frame(&mut frame).is_ok() {
            let (width, height) = (frame.width(), frame.height());
            let scaler = match &mut scaler {
                Some(scaler) => scaler,
                none => none.insert(scaling::Context::get(
                    frame.format(),
                    width,
                    height,
                    Pixel::BGR24,
                    width,
                    height,
                    Flags::BICUBIC,
                )?),
            };
            scaler.run(&frame, &mut converted)?;
            frames += 1;
        }
        Ok(())
    };
    for packet in input.packets() {
        let (stream, packet) = packet?;
        if stream.index() == index {
            decoder.send_packet(&packet)?;
            convert(&mut decoder)?;
        }
    }
    decoder.send_eof()?;
    convert(&mut decoder)?;
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
