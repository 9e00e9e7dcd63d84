//! A camera's clock against this machine's. Pure.
//!
//! A time stamp of the camera and the moment of the frame's arrival differ by an offset, which drifts, and by the
//! time that the frame took, which is never negative. The least differences therefore lie on a line, the lower
//! envelope of all (Moon, Skelly, Towsley, "Estimation and Removal of Clock Skew from Network Delay Measurements",
//! INFOCOM 1999): it is the line below all points on which the mean of their times lies lowest. Where the camera's
//! clock could be read at a known moment, the offset itself is known as well, and with it the least time that a
//! frame takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames of so long a time are one point of the envelope.
const POINT: f64 = 1.0;

/// The points that are kept.
const MAX_POINTS: usize = 60;

/// From so many seconds on the drift is fitted; before, it is smaller than what frames differ by.
const LEAST_SPAN: f64 = 5.0;

/// Clocks do not drift by more than this, seconds per second.
const MAX_DRIFT: f64 = 1e-3;

/// A frame that is so much older than the envelope, or so far in the future, is of a clock that was set.
const MAX_AGE: f64 = 10.0;

/// The longest time that a frame takes from the camera's time stamp to this machine.
const MAX_TRANSPORT: f64 = 2.0;

/// A camera's clock that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockReading {
    /// What it showed, nanoseconds.
    pub(super) device: u64,
    /// When it showed that.
    pub(super) host: Instant,
}

/// What is known of a camera's clock.
#[derive(Debug, Default)]
pub(super) struct DeviceClock {
    reading: Option<ClockReading>,
    fit: Option<ClockFit>,
}

impl DeviceClock {
    /// With the camera's clock as it was read before the first frame.
    pub(super) fn new(reading: Option<ClockReading>) -> DeviceClock {
        DeviceClock { reading, fit: None }
    }

    /// How old a frame was when it arrived: one with this time stamp, nanoseconds.
    pub(super) fn age(&mut self, device: u64, arrived: Instant) -> Duration {
        let fit = self
            .fit
            .get_or_insert_with(|| ClockFit::new(device, arrived, self.reading));
        if let Some(age) = fit.age(device, arrived) {
            return age;
        }
        // The clock was set, or the camera was restarted: the fit so far does not apply.
        self.reading = None;
        self.fit = Some(ClockFit::new(device, arrived, None));
        Duration::ZERO
    }
}

/// The envelope of one run of a camera's clock, in seconds since the first frame.
#[derive(Debug)]
struct ClockFit {
    first: (u64, Instant),
    last: u64,
    /// The least difference of each second, and when.
    points: VecDeque<(f64, f64)>,
    /// Difference at time 0, and drift.
    line: (f64, f64),
    /// The offset that was read, as a difference at time 0.
    known: Option<f64>,
    /// The least time that a frame takes, where the offset is known: from the first frames, as later the drift
    /// would be part of it.
    transport: f64,
}

impl ClockFit {
    fn new(device: u64, arrived: Instant, reading: Option<ClockReading>) -> ClockFit {
        // The frame took at least as long as its difference exceeds that of the reading.
        let known = reading.map(|reading| {
            let host = signed(arrived, reading.host);
            -(host - nanoseconds(reading.device, device))
        });
        ClockFit {
            first: (device, arrived),
            last: device,
            points: VecDeque::from([(0.0, 0.0)]),
            line: (0.0, 0.0),
            known: known.filter(|known| (-MAX_TRANSPORT..=0.0).contains(known)),
            transport: 0.0,
        }
    }

    /// `None` where the stamp does not belong to this run.
    fn age(&mut self, device: u64, arrived: Instant) -> Option<Duration> {
        let time = nanoseconds(self.first.0, device);
        let difference = signed(arrived, self.first.1) - time;
        let above = difference - self.at(time);
        if device < self.last || above.abs() > MAX_AGE {
            return None;
        }
        self.last = device;
        self.add(time, difference);
        if let Some(known) = self.known.filter(|_| time < LEAST_SPAN) {
            self.transport = (self.line.0 - known).clamp(0.0, MAX_TRANSPORT);
        }
        let above = (difference - self.at(time)).max(0.0);
        Some(Duration::from_secs_f64(above + self.transport))
    }

    /// The envelope at this time.
    fn at(&self, time: f64) -> f64 {
        self.line.0 + self.line.1 * time
    }

    fn add(&mut self, time: f64, difference: f64) {
        match self.points.back_mut() {
            Some(last) if (time / POINT).floor() <= (last.0 / POINT).floor() => {
                if difference >= last.1 {
                    return;
                }
                *last = (time, difference);
            }
            _ => self.points.push_back((time, difference)),
        }
        if self.points.len() > MAX_POINTS {
            self.points.pop_front();
        }
        self.line = envelope(self.points.make_contiguous());
    }
}

/// The line below all points that lies highest at the mean of their times: value at 0, and slope.
fn envelope(points: &[(f64, f64)]) -> (f64, f64) {
    let least = || points.iter().map(|it| it.1).fold(f64::INFINITY, f64::min);
    let span = match points {
        [first, .., last] => last.0 - first.0,
        _ => 0.0,
    };
    if span < LEAST_SPAN {
        return (least(), 0.0);
    }
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for point in points {
        while let [.., before, last] = hull[..]
            && turns_down(before, last, *point)
        {
            hull.pop();
        }
        hull.push(*point);
    }
    let mean = points.iter().map(|it| it.0).sum::<f64>() / points.len() as f64;
    let edge = hull.windows(2).find(|edge| edge[1].0 >= mean);
    let Some([from, to]) = edge else {
        return (least(), 0.0);
    };
    let slope = (to.1 - from.1) / (to.0 - from.0);
    if slope.abs() > MAX_DRIFT {
        return (least(), 0.0);
    }
    (from.1 - slope * from.0, slope)
}

/// Whether `last` lies on or above the line from `before` to `point`.
fn turns_down(before: (f64, f64), last: (f64, f64), point: (f64, f64)) -> bool {
    let (run, rise) = (point.0 - before.0, point.1 - before.1);
    (last.1 - before.1) * run >= rise * (last.0 - before.0)
}

/// Seconds from one time stamp to another.
fn nanoseconds(from: u64, to: u64) -> f64 {
    let difference = i128::from(to) - i128::from(from);
    difference as f64 / 1e9
}

/// Seconds from `earlier` to `later`.
fn signed(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(time) => time.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
