//! A test pattern as a camera with a clock delivers it.
//!
//! All such patterns of a process share a clock, and show the same animal at the same time. The times of capture are exact,
//! however late a frame is made: what belongs together is known.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::CaptureClock;

use crate::capture::FrameContent;
use crate::capture::reader::{FrameReader, Grab, GrabbedFrame, ReadFault};
use crate::capture::stop::StopSignal;
use crate::capture::time::CaptureTime;
use crate::synthetic;

/// The same moment by both clocks of this machine, for all patterns of the process.
static ANCHOR: OnceLock<(Instant, SystemTime)> = OnceLock::new();

/// When frames are captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticks {
    interval: Duration,
    phase: Duration,
}

/// The times of a pattern; `None` where its rate is unusable.
pub(super) fn ticks(config: &synthetic::Config, phase: Duration) -> Option<Ticks> {
    let rate = Some(config.fps).filter(|fps| fps.is_finite() && *fps > 0.0)?;
    let interval = Duration::try_from_secs_f64(1.0 / rate).ok()?;
    (!interval.is_zero()).then_some(Ticks { interval, phase })
}

impl Ticks {
    /// How long after the clock's zero a frame is captured.
    fn at(self, number: u64) -> Duration {
        let nanos = self.interval.as_nanos() * u128::from(number) + self.phase.as_nanos();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The number of the first frame that is captured after this time.
    fn after(self, time: Duration) -> u64 {
        let since = time.saturating_sub(self.phase).as_nanos();
        let number = since / self.interval.as_nanos() + 1;
        u64::try_from(number).unwrap_or(u64::MAX)
    }
}

/// A pattern with a clock.
pub(super) struct ClockedPattern {
    renderer: synthetic::Renderer,
    ticks: Ticks,
    stop: Arc<StopSignal>,
    /// The number of the frame that was captured last.
    number: u64,
    /// When that was, since the clock's zero.
    captured: Duration,
}

impl ClockedPattern {
    pub(super) fn new(renderer: synthetic::Renderer, ticks: Ticks, stop: &Arc<StopSignal>) -> Self {
        Self {
            renderer,
            ticks,
            stop: Arc::clone(stop),
            number: 0,
            captured: Duration::ZERO,
        }
    }
}

fn anchor() -> (Instant, SystemTime) {
    *ANCHOR.get_or_init(|| (Instant::now(), SystemTime::now()))
}

/// The time since 1970 by the clock of all patterns.
fn now() -> Duration {
    let (instant, date) = anchor();
    let began = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    began + instant.elapsed()
}

impl FrameReader for ClockedPattern {
    /// Waits for the next frame. Those that were missed meanwhile are left out, as a camera does.
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        let now = now();
        self.number = self.ticks.after(now);
        self.captured = self.ticks.at(self.number);
        let due = Instant::now() + self.captured.saturating_sub(now);
        self.stop.wait_until(due);
        Ok(Grab::Frame(GrabbedFrame::default()))
    }

    fn capture_time(&mut self) -> CaptureTime {
        let (instant, date) = anchor();
        let began = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        let instant = instant + self.captured.saturating_sub(began);
        CaptureTime {
            date: UNIX_EPOCH + self.captured,
            instant,
            arrived: Instant::now().max(instant),
            clock: CaptureClock::Device,
        }
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        // Counted from the first frame of the process, so that walks begin where they begin; for all phases from the
        // same, whichever of them comes first after the clock's zero.
        let (_, date) = anchor();
        let began = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        let phase = Duration::ZERO;
        let first = Ticks {
            phase,
            ..self.ticks
        }
        .after(began);
        let (image, _) = self.renderer.frame(self.number.saturating_sub(first));
        Ok(FrameContent::Pixels(image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(fps: f64, phase: Duration) -> ClockedPattern {
        let config = synthetic::Config {
            fps,
            ..synthetic::Config::default()
        };
        let ticks = ticks(&config, phase).unwrap();
        let stop = Arc::new(StopSignal::default());
        ClockedPattern::new(synthetic::Renderer::new(&config), ticks, &stop)
    }

    #[test]
    fn frames_are_captured_at_whole_intervals_and_a_phase() {
        let phase = Duration::from_millis(3);
        let mut pattern = pattern(200.0, phase);
        let mut last = None;
        for _ in 0..5 {
            pattern.grab().unwrap();
            let time = pattern.capture_time();
            let date = time.date.duration_since(UNIX_EPOCH).unwrap();
            assert_eq!((date - phase).as_nanos() % 5_000_000, 0);
            assert!(last < Some(date) && time.instant <= time.arrived);
            last = Some(date);
        }
    }

    #[test]
    fn patterns_show_the_same_at_the_same_time() {
        let (mut one, mut other) = (
            pattern(50.0, Duration::ZERO),
            pattern(50.0, Duration::from_millis(5)),
        );
        one.grab().unwrap();
        (other.number, other.captured) = (one.number, other.ticks.at(one.number));
        let apart = other.capture_time().instant - one.capture_time().instant;
        assert_eq!(apart, Duration::from_millis(5));
        assert_eq!(one.retrieve().unwrap(), other.retrieve().unwrap());
    }

    #[test]
    fn a_wait_ends_with_the_stop() {
        let mut slow = pattern(0.001, Duration::ZERO);
        slow.stop.set();
        slow.grab().unwrap();
    }
}
