//! `latency`: how long light takes to become a frame. A window shows a coded clock, the camera looks at it,
//! and the frames tell when what they show was on the screen.

mod meter;
mod page;
mod report;
mod shown;
mod watcher;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use cli::{ExitStatus, terminal};
use tokio::sync::oneshot;
use vision::capture::{self, Capture, FrameSelection, Source, SourceOptions, WebcamConfig};
use vision::coded_clock;
use vision::window::{self, Window, WindowStatus};

use crate::config::Config;
use crate::run;
use crate::send::frame_watcher::FrameWatcher;
use page::ClockPage;
use report::OpticalReport;
use watcher::ClockWatcher;

/// From one number to the next: a common screen shows 60 pictures a second.
const PICTURE_INTERVAL: Duration = Duration::from_micros(16_667);

/// Frames of the first second are left out: the window appears, and the camera adapts its exposure.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long a browser may take to show the page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(120);

/// Side of the picture, pixels.
const SIDE: u32 = 640;

/// What is measured.
#[derive(Debug)]
pub(crate) struct OpticalConfig {
    /// The frames that are looked at.
    pub(crate) frames: MeasuredFrames,
    /// Where a page shows the clock, instead of a window here.
    pub(crate) page: Option<SocketAddr>,
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
    let screen = match config.page {
        Some(address) => ClockScreen::Page(open_page(address)?),
        None => {
            window::probe().context("the clock needs a display that the camera sees, or --page")?;
            ClockScreen::Window
        }
    };
    let watcher = Arc::new(ClockWatcher::new(WARM_UP, config.duration));
    match config.frames {
        MeasuredFrames::Captured(webcam) => captured(webcam, &screen, &watcher)?,
        MeasuredFrames::Streamed(stream) => streamed(*stream, &screen, &watcher)?,
    }
    let report = OpticalReport::new(&watcher.measured(), screen.step())?;
    report.print(config.as_json)?;
    Ok(ExitStatus::Done)
}

/// Looks at the frames of a camera.
fn captured(webcam: WebcamConfig, screen: &ClockScreen, watcher: &Arc<ClockWatcher>) -> Result<()> {
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
    screen.show_clock(watcher, || running.is_finished())?;
    running.stop();
    running.join()?;
    Ok(())
}

/// Looks at the frames of a stream, and at its results.
fn streamed(config: Config, screen: &ClockScreen, watcher: &Arc<ClockWatcher>) -> Result<()> {
    let (over, ends) = oneshot::channel();
    let shared = Arc::clone(watcher);
    let stream = std::thread::Builder::new()
        .name("stream".into())
        .spawn(move || run::run_watched(config, shared, ends))
        .context("cannot start the stream's thread")?;
    let shown = screen.show_clock(watcher, || stream.is_finished());
    drop(over);
    let outcome = stream.join();
    let outcome = outcome.map_err(|_| anyhow!("the stream stopped unexpectedly"))?;
    shown.and(outcome)
}

/// Serves the page, says where it is, and waits until a browser shows it.
fn open_page(address: SocketAddr) -> Result<ClockPage> {
    let page = ClockPage::serve(address)?;
    let port = page.address().port();
    terminal::say(&match page.address().ip() {
        ip if ip.is_unspecified() => {
            format!(
                "open http://ADDRESS-OF-THIS-MACHINE:{port}/ in a browser, and point the camera at it"
            )
        }
        _ => format!(
            "open http://{}/ in a browser, and point the camera at it",
            page.address()
        ),
    });
    let end = Instant::now() + PAGE_TIMEOUT;
    while page.exchange().is_none() {
        if Instant::now() >= end {
            bail!(
                "no browser has opened the page within {} s",
                PAGE_TIMEOUT.as_secs()
            );
        }
        sleep(PICTURE_INTERVAL);
    }
    Ok(page)
}

/// What shows the clock.
enum ClockScreen {
    Window,
    Page(ClockPage),
}

impl ClockScreen {
    /// How far the moment at which a number is shown may be off beside the time for which it is shown.
    fn step(&self) -> Duration {
        match self {
            ClockScreen::Window => Duration::ZERO,
            // A page draws with the screen's next refresh, and its clock is off by half an exchange.
            ClockScreen::Page(page) => {
                PICTURE_INTERVAL / 2 + page.exchange().unwrap_or_default() / 2
            }
        }
    }

    /// Shows the clock until everything is measured, or until no frame comes any more.
    fn show_clock(&self, watcher: &ClockWatcher, has_ended: impl Fn() -> bool) -> Result<()> {
        let is_over = || watcher.is_done(Instant::now()) || has_ended();
        match self {
            ClockScreen::Window => show_in_window(watcher, is_over),
            ClockScreen::Page(page) => {
                follow_page(page, watcher, is_over);
                Ok(())
            }
        }
    }
}

/// Notes which number a page shows, until `is_over`.
fn follow_page(page: &ClockPage, watcher: &ClockWatcher, is_over: impl Fn() -> bool) {
    for count in 0.. {
        let due = page.due(count);
        if is_over() {
            return;
        }
        sleep(due.saturating_duration_since(Instant::now()));
        watcher.measured().shown.push(count as u16, due);
    }
}

/// Shows one number after the other until the user closes the window, or until `is_over`.
fn show_in_window(watcher: &ClockWatcher, is_over: impl Fn() -> bool) -> Result<()> {
    let mut window = Window::open("sleap-stream latency")?;
    let mut due = Instant::now();
    for number in (0..=u16::MAX).cycle() {
        if window.show(&coded_clock::draw(number, SIDE))? == WindowStatus::Closed {
            return Ok(());
        }
        let now = Instant::now();
        watcher.measured().shown.push(number, now);
        if is_over() {
            break;
        }
        // A picture that was late does not make the next ones early.
        due = (due + PICTURE_INTERVAL).max(now);
        sleep(due - now);
    }
    Ok(())
}
