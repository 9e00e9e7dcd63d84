//! When a frame was captured, and which clock that was read from.

use std::time::{Duration, Instant, SystemTime};

use protocol::CaptureClock;

use crate::cameras::StampEdge;

/// What a camera's driver tells of its frames' times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DriverTiming {
    /// What its time stamps mark, where it tells.
    pub edge: Option<StampEdge>,
    /// The exposure time, where it tells.
    pub exposure: Option<Duration>,
}

/// The moment of a frame's capture by both clocks of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaptureTime {
    /// By the system's clock.
    pub(super) date: SystemTime,
    /// By the monotonic clock.
    pub(super) instant: Instant,
    /// When the frame was here; never before `instant`.
    pub(super) arrived: Instant,
    /// What the moment was read from.
    pub(super) clock: CaptureClock,
}

impl CaptureTime {
    /// A frame that is here now, and whose source gives no time.
    pub(super) fn now() -> CaptureTime {
        CaptureTime::before_now(Duration::ZERO, CaptureClock::Arrival)
    }

    /// A frame that arrived, or was due from a file, at a moment which has just passed.
    pub(super) fn due_at(instant: Instant) -> CaptureTime {
        let now = CaptureTime::now();
        let age = now.arrived.saturating_duration_since(instant);
        CaptureTime {
            date: now.date.checked_sub(age).unwrap_or(now.date),
            instant,
            arrived: instant,
            clock: CaptureClock::Arrival,
        }
    }

    /// A frame that is here now and was captured `age` ago, as `clock` has it.
    pub(super) fn before_now(age: Duration, clock: CaptureClock) -> CaptureTime {
        let (date, arrived) = (SystemTime::now(), Instant::now());
        CaptureTime {
            date: date.checked_sub(age).unwrap_or(date),
            instant: arrived.checked_sub(age).unwrap_or(arrived),
            arrived,
            clock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_lies_before_the_arrival_by_both_clocks() {
        let age = Duration::from_millis(40);
        let time = CaptureTime::before_now(age, CaptureClock::Device);
        assert_eq!(time.arrived - time.instant, age);
        assert!(time.date <= SystemTime::now() - age);
        assert_eq!(time.clock, CaptureClock::Device);
        let now = CaptureTime::now();
        assert_eq!(
            (now.instant, now.clock),
            (now.arrived, CaptureClock::Arrival)
        );
    }
}
