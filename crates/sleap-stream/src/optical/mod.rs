//! `latency`: how long light takes to become a frame. A window shows a coded clock, the camera looks at it,
//! and the frames tell when what they show was on the screen.

mod meter;
mod report;
mod shown;
mod watcher;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use cli::ExitStatus;
use tokio::sync::oneshot;
use vision::capture::{self, Capture, FrameSelection, Source, SourceOptions, WebcamConfig};
use vision::coded_clock;
use vision::window::{self, Window, WindowStatus};

use crate::config::Config;
use crate::run;
use crate::send::frame_watcher::FrameWatcher;
use report::OpticalReport;
use watcher::ClockWatcher;

/// From one number to the next: a common screen shows 60 pictures a second.
const PICTURE_INTERVAL: Duration = Duration::from_micros(16_667);

/// Frames of the first second are left out: the window appears, and the camera adapts its exposure. Through a worker
/// the connection is made meanwhile.
const WARM_UP: Duration = Duration::from_secs(1);

/// Side of the picture, pixels.
const SIDE: u32 = 640;

/// What is measured.
#[derive(Debug)]
pub(crate) struct OpticalConfig {
    /// The frames that are looked at.
    pub(crate) frames: MeasuredFrames,
    /// How long.
    pub(crate) duration: Duration,
    /// As an object.
    pub(crate) as_json: bool,
}

/// Which frames are looked at.
#[derive(Debug)]
pub(crate) enum MeasuredFrames {
    /// Those of a camera, as they come.
    Captured(WebcamConfig),
    /// Those of a stream to a worker, and the results that come back.
    Streamed(Box<Config>),
}

/// Measures and prints.
///
/// Must be called on the process's main thread, to which windows belong.
///
/// # Errors
/// There is no screen, no camera or no worker, or the clock could be read in too few frames.
pub(crate) fn run(config: OpticalConfig) -> Result<ExitStatus> {
    window::probe().context("the clock needs a display that the camera sees")?;
    let begins = Instant::now() + WARM_UP;
    let watcher = Arc::new(ClockWatcher::new(begins));
    let end = begins + config.duration;
    match config.frames {
        MeasuredFrames::Captured(webcam) => captured(webcam, &watcher, end)?,
        MeasuredFrames::Streamed(stream) => streamed(*stream, &watcher, end)?,
    }
    let report = OpticalReport::new(&watcher.measured())?;
    report.print(config.as_json)?;
    Ok(ExitStatus::Done)
}

/// Looks at the frames of a camera.
fn captured(webcam: WebcamConfig, watcher: &Arc<ClockWatcher>, end: Instant) -> Result<()> {
    let capture = Capture::open(capture::Config {
        source: Source::Webcam(webcam),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: SourceOptions::default(),
    })?;
    watcher.opened(capture.info(), capture.timing());
    let running = capture.start({
        let watcher = Arc::clone(watcher);
        move |frame| {
            watcher.captured(&frame);
            ControlFlow::Continue(())
        }
    });
    show_clock(watcher, end, || false)?;
    running.stop();
    running.join()?;
    Ok(())
}

/// Looks at the frames of a stream, and at its results.
fn streamed(config: Config, watcher: &Arc<ClockWatcher>, end: Instant) -> Result<()> {
    let (over, ends) = oneshot::channel();
    let shared = Arc::clone(watcher);
    let stream = std::thread::Builder::new()
        .name("stream".into())
        .spawn(move || run::run_watched(config, shared, ends))
        .context("cannot start the stream's thread")?;
    let shown = show_clock(watcher, end, || stream.is_finished());
    drop(over);
    let outcome = stream.join();
    let outcome = outcome.map_err(|_| anyhow!("the stream stopped unexpectedly"))?;
    shown.and(outcome)
}

/// Shows one number after the other until `end`, until the user closes the window, or until `is_over`.
fn show_clock(watcher: &ClockWatcher, end: Instant, is_over: impl Fn() -> bool) -> Result<()> {
    let mut window = Window::open("sleap-stream latency")?;
    let mut due = Instant::now();
    for number in (0..=u16::MAX).cycle() {
        if window.show(&coded_clock::draw(number, SIDE))? == WindowStatus::Closed {
            return Ok(());
        }
        let now = Instant::now();
        watcher.measured().shown.push(number, now);
        if now >= end || is_over() {
            break;
        }
        // A picture that was late does not make the next ones early.
        due = (due + PICTURE_INTERVAL).max(now);
        sleep(due - now);
    }
    Ok(())
}
