//! From the times of frames to the parts of their latency. Pure.

use std::time::{Duration, Instant};

use vision::capture::CaptureClock;
use vision::coded_clock::ClockReadError;

use super::shown::Shown;

/// A frame whose clock was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenFrame {
    /// When what it shows was on the screen.
    pub(super) shown: Shown,
    /// When it was captured, as `clock` has it.
    pub(super) captured: Instant,
    /// When the client had it.
    pub(super) arrived: Instant,
    /// What the time of its capture was read from.
    pub(super) clock: CaptureClock,
}

impl SeenFrame {
    /// When the light left the screen: on average in the middle of the time for which the number was shown.
    fn light(&self) -> Instant {
        let Shown { from, until } = self.shown;
        from + until.saturating_duration_since(from) / 2
    }
}

/// Milliseconds of each frame.
#[derive(Debug, Default)]
pub(super) struct Milliseconds(Vec<f64>);

impl Milliseconds {
    fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The value that this share of all do not exceed; `None` where there are none.
    pub(super) fn at(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last as f64 * share).round() as usize).copied()
    }
}

/// What has been measured.
#[derive(Debug, Default)]
pub(super) struct OpticalMeter {
    /// From the light to the frame.
    pub(super) total: Milliseconds,
    /// From the light to the time stamp of the camera or its driver.
    pub(super) light: Milliseconds,
    /// From there to the frame.
    pub(super) driver: Milliseconds,
    /// From the light to the result of the frame, and the part of that after the frame.
    pub(super) pose: Milliseconds,
    pub(super) result: Milliseconds,
    /// How long each picture was on the screen.
    pub(super) pictures: Milliseconds,
    /// Frames with no square in them.
    pub(super) not_found: u64,
    /// Frames with a square that could not be read for certain.
    pub(super) unclear: u64,
}

impl OpticalMeter {
    /// A frame whose clock could not be read.
    pub(super) fn unread(&mut self, why: &ClockReadError) {
        match why {
            ClockReadError::Unclear | ClockReadError::Damaged => self.unclear += 1,
            ClockReadError::NotFound | ClockReadError::Image(_) => self.not_found += 1,
        }
    }

    /// A frame whose clock was read.
    pub(super) fn frame(&mut self, frame: &SeenFrame) {
        let Shown { from, until } = frame.shown;
        let picture = until.saturating_duration_since(from);
        let middle = frame.light();
        self.pictures.push(milliseconds(picture));
        self.total.push(between(middle, frame.arrived));
        if frame.clock != CaptureClock::Arrival {
            self.light.push(between(middle, frame.captured));
            self.driver.push(between(frame.captured, frame.arrived));
        }
    }

    /// The result of a frame whose clock was read is here.
    pub(super) fn result(&mut self, frame: &SeenFrame, at: Instant) {
        self.pose.push(between(frame.light(), at));
        self.result.push(between(frame.arrived, at));
    }

    /// Frames that were looked at.
    pub(super) fn frames(&self) -> u64 {
        self.total.count() as u64 + self.not_found + self.unclear
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Milliseconds from one moment to the other, less than zero where that is the earlier one.
fn between(from: Instant, to: Instant) -> f64 {
    milliseconds(to.saturating_duration_since(from))
        - milliseconds(from.saturating_duration_since(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of which the light is `latency` ms old when it is here, `driver` of them behind the driver's time stamp.
    fn seen(start: Instant, number: u64, latency: u64, driver: u64) -> SeenFrame {
        let ms = Duration::from_millis;
        let from = start + ms(number * 33);
        let arrived = from + ms(8) + ms(latency);
        SeenFrame {
            shown: Shown {
                from,
                until: from + ms(16),
            },
            captured: arrived - ms(driver),
            arrived,
            clock: CaptureClock::Driver,
        }
    }

    #[test]
    fn light_counts_from_the_middle_of_its_time_on_the_screen() {
        let mut meter = OpticalMeter::default();
        let start = Instant::now();
        for number in 0..100 {
            meter.frame(&seen(start, number, 40 + number % 3, 30));
        }
        let near = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?}");
        };
        near(meter.total.at(0.5), 41.0);
        near(meter.total.at(0.95), 42.0);
        near(meter.light.at(0.5), 11.0);
        near(meter.driver.at(0.5), 30.0);
        near(meter.pictures.at(0.5), 16.0);
        let frame = seen(start, 0, 40, 30);
        meter.result(&frame, frame.arrived + Duration::from_millis(5));
        near(meter.pose.at(0.5), 45.0);
        near(meter.result.at(0.5), 5.0);
    }

    #[test]
    fn without_a_time_stamp_there_is_no_part_of_the_driver() {
        let mut meter = OpticalMeter::default();
        meter.frame(&SeenFrame {
            clock: CaptureClock::Arrival,
            ..seen(Instant::now(), 0, 40, 0)
        });
        assert_eq!((meter.driver.at(0.5), meter.light.count()), (None, 0));
        assert_eq!(meter.total.count(), 1);
    }

    #[test]
    fn a_driver_that_stamps_before_the_light_gives_less_than_zero() {
        let mut meter = OpticalMeter::default();
        meter.frame(&seen(Instant::now() + Duration::from_secs(1), 0, 10, 15));
        assert!((meter.light.at(0.5).unwrap() + 5.0).abs() < 1e-6);
    }

    #[test]
    fn frames_that_cannot_be_read_are_counted_by_the_reason() {
        let mut meter = OpticalMeter::default();
        meter.unread(&ClockReadError::NotFound);
        meter.unread(&ClockReadError::Unclear);
        meter.unread(&ClockReadError::Damaged);
        assert_eq!((meter.not_found, meter.unclear, meter.frames()), (1, 2, 3));
        assert_eq!(meter.total.at(0.5), None);
    }
}
