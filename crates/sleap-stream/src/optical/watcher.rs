//! What the threads of a measurement share: the numbers shown, the frames read, the results that are here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use protocol::FrameId;
use vision::capture::{CapturedFrame, DriverTiming, SourceInfo};
use vision::coded_clock::{self, ClockReadError};

use super::meter::{OpticalMeter, SeenFrame};
use super::shown::ShownNumbers;
use crate::send::frame_watcher::FrameWatcher;

/// Frames whose result may be missing, and results whose frame is still being read, at most.
const MAX_PENDING: usize = 256;

/// Reads the clock in frames, and notes when their results are here.
pub(super) struct ClockWatcher {
    /// Frames of so long after the first one are left out.
    warm_up: Duration,
    /// Frames of so long after these are read.
    duration: Duration,
    /// When the first frame came. How long a camera takes to open, and a worker to be reached, is not known before.
    first: OnceLock<Instant>,
    measured: Mutex<Measured>,
}

/// What is known so far.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) shown: ShownNumbers,
    pub(super) meter: OpticalMeter,
    /// The camera, and what its driver tells of its times.
    pub(super) source: Option<(SourceInfo, DriverTiming)>,
    /// Frames whose clock was read, until their result is here.
    seen: BTreeMap<FrameId, SeenFrame>,
    /// Results that were here before the clock of their frame was read.
    early: BTreeMap<FrameId, Instant>,
}

impl ClockWatcher {
    /// A watcher of the frames that come `warm_up` after the first one, for `duration`.
    pub(super) fn new(warm_up: Duration, duration: Duration) -> Self {
        Self {
            warm_up,
            duration,
            first: OnceLock::new(),
            measured: Mutex::default(),
        }
    }

    /// Whether the frames that were to be read are over.
    pub(super) fn is_done(&self, now: Instant) -> bool {
        let first = self.first.get();
        first.is_some_and(|&first| now >= first + self.warm_up + self.duration)
    }

    /// What is known so far.
    pub(super) fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured {
    fn frame(&mut self, frame: &CapturedFrame, read: Result<u16, ClockReadError>) {
        let number = read.as_ref().ok();
        let shown = number.and_then(|number| self.shown.find(*number, frame.arrived));
        match (shown, read) {
            (Some(shown), _) => {
                let seen = SeenFrame {
                    shown,
                    captured: frame.captured,
                    arrived: frame.arrived,
                    clock: frame.clock,
                };
                self.meter.frame(&seen);
                match self.early.remove(&frame.frame_id) {
                    Some(at) => self.meter.result(&seen, at),
                    None => keep(&mut self.seen, frame.frame_id, seen),
                }
            }
            (None, Err(why)) => self.meter.unread(&why),
            // The number was not shown, or not before the frame.
            (None, Ok(_)) => self.meter.unread(&ClockReadError::Damaged),
        }
    }

    fn result(&mut self, frame_id: FrameId, at: Instant) {
        match self.seen.remove(&frame_id) {
            Some(seen) => self.meter.result(&seen, at),
            None => keep(&mut self.early, frame_id, at),
        }
    }
}

/// Keeps a value, instead of the oldest one where there are too many.
fn keep<T>(pending: &mut BTreeMap<FrameId, T>, frame_id: FrameId, value: T) {
    if pending.len() >= MAX_PENDING {
        pending.pop_first();
    }
    pending.insert(frame_id, value);
}

impl FrameWatcher for ClockWatcher {
    fn opened(&self, info: &SourceInfo, timing: Option<DriverTiming>) {
        self.measured().source = Some((info.clone(), timing.unwrap_or_default()));
    }

    fn captured(&self, frame: &CapturedFrame) {
        if frame.arrived < *self.first.get_or_init(|| frame.arrived) + self.warm_up {
            return;
        }
        let Ok(image) = frame.content.brightness() else {
            // A damaged picture of the camera's own.
            return;
        };
        let read = coded_clock::read(&image);
        self.measured().frame(frame, read);
    }

    fn returned(&self, frame_id: FrameId) {
        self.measured().result(frame_id, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};
    use vision::capture::{CaptureClock, FrameContent};
    use vision::jpeg::{CameraJpeg, JpegEncoder};
    use vision::{ChromaSampling, PlanarImage};

    fn frame(frame_id: FrameId, number: u16, arrived: Instant) -> CapturedFrame {
        CapturedFrame {
            frame_id,
            captured_at: SystemTime::now(),
            captured: arrived,
            arrived,
            clock: CaptureClock::Arrival,
            content: FrameContent::Pixels(coded_clock::draw(number, 320)),
        }
    }

    #[test]
    fn a_result_belongs_to_its_frame_whichever_comes_first() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let watcher = ClockWatcher::new(Duration::ZERO, Duration::from_secs(5));
        for number in 0..20 {
            let at = start + ms(u64::from(number) * 16);
            watcher.measured().shown.push(number, at);
        }
        watcher.captured(&frame(7, 3, start + ms(100)));
        watcher.measured().result(7, start + ms(140));
        watcher.measured().result(8, start + ms(160));
        watcher.captured(&frame(8, 4, start + ms(120)));
        // Of no frame that was read.
        watcher.measured().result(99, start + ms(170));
        let measured = watcher.measured();
        assert_eq!(measured.meter.pose.count(), 2);
        assert!((measured.meter.result.at(0.5).unwrap() - 40.0).abs() < 1e-6);
        assert!((measured.meter.pose.at(0.0).unwrap() - 84.0).abs() < 1e-6);
    }

    #[test]
    fn the_clock_is_read_in_whatever_form_frames_come() {
        let start = Instant::now();
        let watcher = ClockWatcher::new(Duration::ZERO, Duration::from_secs(5));
        for number in 0..8 {
            let at = start + Duration::from_millis(u64::from(number) * 16);
            watcher.measured().shown.push(number, at);
        }
        let clock = coded_clock::draw(5, 320);
        let mut planes = clock.data.to_vec();
        planes.resize(320 * 320 * 3 / 2, 128);
        let planar = PlanarImage::new((320, 320), ChromaSampling::Quarter, planes).unwrap();
        let jpeg = JpegEncoder::new(80).unwrap().encode(&clock).unwrap();
        let contents = [
            FrameContent::Pixels(clock),
            FrameContent::Planar(planar),
            FrameContent::Jpeg(CameraJpeg::from_camera(jpeg).unwrap()),
        ];
        for (id, content) in (0..).zip(contents) {
            watcher.captured(&CapturedFrame {
                content,
                ..frame(id, 5, start + Duration::from_millis(130))
            });
            assert_eq!(watcher.measured().meter.total.count() as u64, id + 1);
        }
    }

    #[test]
    fn the_time_counts_from_the_first_frame_however_late_it_comes() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let watcher = ClockWatcher::new(second, second * 5);
        assert!(!watcher.is_done(start + second * 60));
        let first = start + second * 60;
        for (id, half_seconds) in (0..).zip(0..14) {
            watcher.captured(&frame(id, 3, first + second / 2 * half_seconds));
        }
        assert_eq!(watcher.measured().meter.frames(), 12);
        assert!(!watcher.is_done(first + second * 6 - second / 100));
        assert!(watcher.is_done(first + second * 6));
    }

    #[test]
    fn what_never_comes_is_forgotten() {
        let start = Instant::now();
        let watcher = ClockWatcher::new(Duration::ZERO, Duration::from_secs(5));
        for id in 0..10_000 {
            watcher.measured().result(id, start);
        }
        assert_eq!(watcher.measured().early.len(), MAX_PENDING);
        assert!(watcher.measured().early.contains_key(&9_999));
    }
}
