//! From a driver's time stamp to the age of its frame. Pure: the clocks' readings are an argument.

use std::time::Duration;

use crate::cameras::{StampClock, StampEdge, Stamps};

/// A time stamp may lie this far ahead: a driver that converts the camera's clock estimates.
const MAX_AHEAD: Duration = Duration::from_millis(2);

/// A frame that is older is not believed to be. The longest exposures take a few seconds.
const MAX_AGE: Duration = Duration::from_secs(30);

/// What the clocks of this machine show at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockReadings {
    /// Since the machine was started.
    pub(super) monotonic: Duration,
    /// Since 1970.
    pub(super) realtime: Duration,
}

/// Why a time stamp is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StampFault {
    #[error("its driver gives no time stamps")]
    Missing,
    #[error("its driver's time stamps are of no clock of this machine")]
    Foreign,
    #[error("its driver gave two frames the same time stamp, or the later frame the earlier one")]
    Repeated,
    #[error("its driver's time stamp lies {} ms in the future", .0.as_millis())]
    Ahead(Duration),
    #[error("its driver's time stamp is {} s old", .0.as_secs())]
    Old(Duration),
}

/// Reads the time stamps of a camera's driver.
#[derive(Debug)]
pub(super) struct DriverClock {
    stamps: Stamps,
    last: Duration,
}

impl DriverClock {
    pub(super) fn new(stamps: Stamps) -> DriverClock {
        DriverClock {
            stamps,
            last: Duration::ZERO,
        }
    }

    /// What the time stamps mark.
    pub(super) fn edge(&self) -> Option<StampEdge> {
        self.stamps.edge
    }

    /// How old the frame with this time stamp is at `now`.
    pub(super) fn age(
        &mut self,
        stamp: Duration,
        now: &ClockReadings,
    ) -> Result<Duration, StampFault> {
        if stamp.is_zero() {
            return Err(StampFault::Missing);
        }
        if self.stamps.clock == StampClock::Other {
            return Err(StampFault::Foreign);
        }
        let last = std::mem::replace(&mut self.last, stamp);
        if stamp <= last {
            return Err(StampFault::Repeated);
        }
        // Drivers may be set to the system's clock (`clock` of uvcvideo), and do not say so.
        match (age(stamp, now.monotonic), age(stamp, now.realtime)) {
            (Ok(age), _) | (Err(_), Ok(age)) => Ok(age),
            (Err(fault), Err(_)) => Err(fault),
        }
    }
}

fn age(stamp: Duration, now: Duration) -> Result<Duration, StampFault> {
    match now.checked_sub(stamp) {
        Some(age) if age <= MAX_AGE => Ok(age),
        Some(age) => Err(StampFault::Old(age)),
        None if stamp - now <= MAX_AHEAD => Ok(Duration::ZERO),
        None => Err(StampFault::Ahead(stamp - now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NOW: ClockReadings = ClockReadings {
        monotonic: Duration::from_secs(100_000),
        realtime: Duration::from_secs(1_800_000_000),
    };

    fn age_of(clock: StampClock, stamp: Duration) -> Result<Duration, StampFault> {
        let stamps = Stamps { clock, edge: None };
        DriverClock::new(stamps).age(stamp, &NOW)
    }

    #[test]
    fn a_time_stamp_of_either_clock_gives_the_age() {
        for clock in [StampClock::Monotonic, StampClock::Unknown] {
            assert_eq!(age_of(clock, NOW.monotonic - 40 * MS), Ok(40 * MS));
            assert_eq!(age_of(clock, NOW.realtime - 40 * MS), Ok(40 * MS));
            assert_eq!(age_of(clock, NOW.monotonic + MS), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn a_time_stamp_that_cannot_be_right_is_refused_with_its_reason() {
        let of = |stamp| age_of(StampClock::Monotonic, stamp);
        assert_eq!(of(Duration::ZERO), Err(StampFault::Missing));
        let ahead = of(NOW.monotonic + 1000 * MS);
        assert_eq!(ahead, Err(StampFault::Ahead(1000 * MS)));
        let old = of(NOW.monotonic - 60_000 * MS);
        assert_eq!(old, Err(StampFault::Old(60_000 * MS)));
        assert_eq!(
            age_of(StampClock::Other, NOW.monotonic - MS),
            Err(StampFault::Foreign)
        );
    }

    #[test]
    fn a_time_stamp_that_does_not_go_on_is_refused() {
        let mut clock = DriverClock::new(Stamps::default());
        let first = NOW.monotonic - 100 * MS;
        assert_eq!(clock.age(first, &NOW), Ok(100 * MS));
        assert_eq!(clock.age(first, &NOW), Err(StampFault::Repeated));
        assert_eq!(clock.age(first - MS, &NOW), Err(StampFault::Repeated));
        assert_eq!(clock.age(first + MS, &NOW), Ok(99 * MS));
    }
}
