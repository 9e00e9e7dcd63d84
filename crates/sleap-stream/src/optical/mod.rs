//! `latency`: how long light takes to become a frame. A window shows a coded clock, the camera looks at it,
//! and the frames tell when what they show was on the screen.

mod meter;
mod report;
mod shown;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cli::ExitStatus;
use vision::capture::{
    Capture, CapturedFrame, Config, FrameSelection, Source, SourceOptions, WebcamConfig,
};
use vision::coded_clock;
use vision::window::{self, Window, WindowStatus};

use meter::{OpticalMeter, SeenFrame};
use report::OpticalReport;
use shown::ShownNumbers;

/// From one number to the next: a common screen shows 60 pictures a second.
const PICTURE_INTERVAL: Duration = Duration::from_micros(16_667);

/// Frames of the first second are left out: the window appears, and the camera adapts its exposure.
const WARM_UP: Duration = Duration::from_secs(1);

/// Side of the picture, pixels.
const SIDE: u32 = 640;

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct OpticalConfig {
    /// The camera that looks at the screen.
    pub(crate) webcam: WebcamConfig,
    /// How long.
    pub(crate) duration: Duration,
    /// As an object.
    pub(crate) as_json: bool,
}

/// What the two threads share.
#[derive(Default)]
struct Shared {
    shown: ShownNumbers,
    meter: OpticalMeter,
}

/// Measures and prints.
///
/// Must be called on the process's main thread, to which windows belong.
///
/// # Errors
/// There is no screen or no camera, or the clock could be read in too few frames.
pub(crate) fn run(config: OpticalConfig) -> Result<ExitStatus> {
    window::probe().context("the clock needs a display that the camera sees")?;
    let capture = Capture::open(Config {
        source: Source::Webcam(config.webcam),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: SourceOptions::default(),
    })?;
    let (info, timing) = (capture.info().clone(), capture.timing());
    let shared = Arc::new(Mutex::new(Shared::default()));
    let begins = Instant::now() + WARM_UP;
    let running = capture.start({
        let shared = Arc::clone(&shared);
        move |frame| {
            if frame.arrived >= begins {
                look(&frame, &shared);
            }
            ControlFlow::Continue(())
        }
    });
    show_clock(&shared, begins + config.duration)?;
    running.stop();
    running.join()?;
    let report = OpticalReport::new(&lock(&shared).meter, &info, timing)?;
    report.print(config.as_json)?;
    Ok(ExitStatus::Done)
}

/// Shows one number after the other until `end`, or until the user closes the window.
fn show_clock(shared: &Mutex<Shared>, end: Instant) -> Result<()> {
    let mut window = Window::open("sleap-stream latency")?;
    let mut due = Instant::now();
    for number in (0..=u16::MAX).cycle() {
        if window.show(&coded_clock::draw(number, SIDE))? == WindowStatus::Closed {
            return Ok(());
        }
        let now = Instant::now();
        lock(shared).shown.push(number, now);
        if now >= end {
            break;
        }
        // A picture that was late does not make the next ones early.
        due = (due + PICTURE_INTERVAL).max(now);
        sleep(due - now);
    }
    Ok(())
}

/// Reads the clock in a frame.
fn look(frame: &CapturedFrame, shared: &Mutex<Shared>) {
    let Some(image) = frame.pixels() else { return };
    let read = coded_clock::read(image);
    let mut shared = lock(shared);
    let Shared { shown, meter } = &mut *shared;
    let number = read.as_ref().ok();
    let seen = number.and_then(|number| shown.find(*number, frame.arrived));
    match (seen, read) {
        (Some(shown), _) => meter.frame(&SeenFrame {
            shown,
            captured: frame.captured,
            arrived: frame.arrived,
            clock: frame.clock,
        }),
        (None, Err(why)) => meter.unread(&why),
        // The number was not shown, or not before the frame.
        (None, Ok(_)) => meter.unread(&coded_clock::ClockReadError::Damaged),
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
