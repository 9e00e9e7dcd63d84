//! Which of the frames that a camera's driver has kept is delivered. Pure.
//!
//! A driver fills its buffers and then keeps those frames, however old they become: what comes after them is
//! lost until a buffer is free. So after a pause of the reader all that wait are old, the newest of them too.

use std::time::{Duration, Instant};

/// Most frames that are left out in a row: no driver has more buffers.
const MAX_LEFT_OUT: u32 = 32;

/// A frame that was just taken from the driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct TakenFrame {
    /// The driver had none: the reader waited for this one.
    pub(super) waited: bool,
    /// The driver has a further one.
    pub(super) has_next: bool,
    /// When it was captured, where the driver tells.
    pub(super) captured: Option<Instant>,
    /// When it was taken.
    pub(super) taken: Instant,
}

impl TakenFrame {
    fn age(&self) -> Option<Duration> {
        Some(self.taken.saturating_duration_since(self.captured?))
    }
}

/// Decides which frames are left out because they are old.
#[derive(Debug, Default)]
pub(super) struct NewestFrame {
    /// How old the last frame was that the reader waited for: exposure and transfer.
    fresh_age: Duration,
    /// When that was captured.
    last: Option<Instant>,
    /// From frame to frame.
    interval: Option<Duration>,
    /// Left out since the last one that was delivered.
    left_out: u32,
}

impl NewestFrame {
    /// Whether a frame is left out, and the next one taken.
    pub(super) fn is_stale(&mut self, frame: &TakenFrame) -> bool {
        self.learn(frame);
        let is_stale =
            self.left_out < MAX_LEFT_OUT && !frame.waited && (frame.has_next || self.is_old(frame));
        self.left_out = if is_stale { self.left_out + 1 } else { 0 };
        is_stale
    }

    /// The exposure may change meanwhile, and the rate with it.
    fn learn(&mut self, frame: &TakenFrame) {
        let last = self.last.take();
        if !frame.waited {
            return;
        }
        self.fresh_age = frame.age().unwrap_or_default();
        self.last = frame.captured;
        if let (Some(captured), Some(last)) = (frame.captured, last) {
            self.interval = Some(captured.saturating_duration_since(last));
        }
    }

    /// Whether a frame that waited in the driver is older than the one before the newest would be.
    fn is_old(&self, frame: &TakenFrame) -> bool {
        match (frame.age(), self.interval) {
            (Some(age), Some(interval)) => age > self.fresh_age + interval.mul_f64(1.5),
            // Nothing is known of its age: where several waited, it may have been there for long.
            _ => self.left_out >= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const INTERVAL: Duration = Duration::from_millis(40);
    /// Exposure and transfer.
    const FRESH: Duration = Duration::from_millis(12);

    /// A driver with four buffers, and a reader, in virtual time.
    struct Scene {
        start: Instant,
        now: Duration,
        /// The next frame of the camera.
        next: u32,
        /// Captured so long after the start.
        waiting: VecDeque<Duration>,
        newest: NewestFrame,
        has_stamps: bool,
    }

    impl Scene {
        fn new(has_stamps: bool) -> Scene {
            Scene {
                start: Instant::now(),
                now: Duration::ZERO,
                next: 0,
                waiting: VecDeque::new(),
                newest: NewestFrame::default(),
                has_stamps,
            }
        }

        fn arrival(&self) -> Duration {
            self.next * INTERVAL + FRESH
        }

        /// Time passes; what comes while all buffers are full is lost.
        fn pass(&mut self, until: Duration) {
            while self.arrival() <= until {
                if self.waiting.len() < 4 {
                    self.waiting.push_back(self.next * INTERVAL);
                }
                self.next += 1;
            }
            self.now = until.max(self.now);
        }

        fn take(&mut self) -> (TakenFrame, Duration) {
            let waited = self.waiting.is_empty();
            if waited {
                self.pass(self.arrival());
            }
            let captured = self.waiting.pop_front().expect("it was waited for");
            let frame = TakenFrame {
                waited,
                has_next: !self.waiting.is_empty(),
                captured: self.has_stamps.then_some(self.start + captured),
                taken: self.start + self.now,
            };
            (frame, self.now - captured)
        }

        /// The age of the frame that is delivered, and how many were left out before it.
        fn deliver(&mut self) -> (Duration, u32) {
            let mut left_out = 0;
            loop {
                let (frame, age) = self.take();
                if !self.newest.is_stale(&frame) {
                    return (age, left_out);
                }
                left_out += 1;
            }
        }
    }

    #[test]
    fn a_reader_that_keeps_up_gets_every_frame() {
        let mut scene = Scene::new(true);
        for number in 0..20 {
            assert_eq!(scene.deliver(), (FRESH, 0));
            assert_eq!(scene.next, number + 1);
            // Sometimes it takes nearly as long as a frame.
            scene.pass(scene.now + 39 * MS * (number % 2));
        }
    }

    #[test]
    fn a_frame_that_is_a_little_late_is_kept() {
        let mut scene = Scene::new(true);
        (0..3).for_each(|_| assert_eq!(scene.deliver().1, 0));
        scene.pass(scene.now + 70 * MS);
        assert_eq!(scene.deliver(), (FRESH + 30 * MS, 0));
    }

    #[test]
    fn after_a_pause_of_any_length_no_frame_is_older_than_the_one_before_the_newest() {
        for pause in 0..1000 {
            let mut scene = Scene::new(true);
            for _ in 0..3 {
                assert_eq!(scene.deliver().1, 0);
            }
            scene.pass(scene.now + pause * MS);
            let (age, _) = scene.deliver();
            assert!(age <= FRESH + INTERVAL.mul_f64(1.5), "{pause}: {age:?}");
        }
    }

    #[test]
    fn without_time_stamps_full_buffers_are_left_out() {
        let mut scene = Scene::new(false);
        (0..3).for_each(|_| assert_eq!(scene.deliver().1, 0));
        scene.pass(scene.now + 700 * MS);
        assert_eq!(scene.deliver(), (FRESH, 4));
        assert_eq!(scene.deliver(), (FRESH, 0));
    }

    #[test]
    fn a_longer_exposure_does_not_make_frames_stale() {
        let mut newest = NewestFrame::default();
        let start = Instant::now();
        for number in 0..10 {
            let captured = start + number * INTERVAL;
            let frame = TakenFrame {
                waited: true,
                has_next: false,
                captured: Some(captured),
                taken: captured + if number < 5 { 1 } else { 30 } * INTERVAL,
            };
            assert!(!newest.is_stale(&frame));
        }
    }

    #[test]
    fn a_reader_that_is_always_late_still_gets_frames() {
        let mut newest = NewestFrame::default();
        let start = Instant::now();
        let frame = TakenFrame {
            waited: false,
            has_next: true,
            captured: Some(start),
            taken: start + INTERVAL,
        };
        let delivered = (0..330).filter(|_| !newest.is_stale(&frame)).count();
        assert_eq!(delivered, 10);
    }
}
