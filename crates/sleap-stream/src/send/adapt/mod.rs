//! Keeps the age of poses under a target by sending less: lower JPEG quality, then smaller frames,
//! then fewer. Pure: time is an argument.
//!
//! One number, the share of the bytes that are sent, falls by a factor when poses come late or the
//! link is busy all the time, and rises by a constant while there is room for that. A rise that had
//! to be taken back is tried again later each time.

mod encode_setting;

use std::time::{Duration, Instant};

pub(crate) use encode_setting::EncodeSetting;

/// An adjustment is based on this many results and this time at least, or on any in the longer time.
const MIN_SAMPLES: usize = 8;
const MIN_EPOCH: Duration = Duration::from_millis(400);
const MAX_EPOCH: Duration = Duration::from_secs(1);

/// Poses are late from this share of the target on, and in good time below the other.
const LATE_SHARE: f64 = 0.8;
const IN_TIME: f64 = 0.6;

/// The share of the target that a decrease aims at.
const AIM: f64 = 0.65;

/// Sending less helps only where the link costs this share of the target beyond its best.
const HELPS: f64 = 0.1;

/// A few late poses have to do with the bytes only where frames occupy the link for this share of
/// the time. Otherwise it stands still now and then, after lost packets, and small frames do as well.
const LOADED_SHARE: f64 = 0.35;

/// Share of the time that frames may occupy the link: with more, some would have to be left out,
/// and the rate is the last thing to give up.
const BUSY_SHARE: f64 = 0.85;
const AIM_BUSY: f64 = 0.7;

/// What a rise adds to the share of the bytes.
const RISE: f64 = 0.05;

/// Calm before a rise: at first, and at most.
const MIN_HOLD: Duration = Duration::from_secs(1);
const MAX_HOLD: Duration = Duration::from_secs(32);

/// A decrease so soon after a rise means that the rise was too much.
const TOO_MUCH: Duration = Duration::from_secs(5);

/// What the controller aims at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatencyTarget {
    /// Age that poses should stay under.
    pub(crate) target: Duration,
    /// Time between two frames of the source, where it is known.
    pub(crate) interval: Option<Duration>,
    /// JPEG quality while there is no need to lower it.
    pub(crate) quality: u8,
}

/// What a result shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatencySample {
    /// When its frame was taken to be encoded.
    pub(crate) taken: Instant,
    /// Capture to result.
    pub(crate) age: Duration,
    /// The part of it that the link took.
    pub(crate) link: Duration,
    /// From the frame's first byte at the worker to its last.
    pub(crate) receive: Duration,
}

/// The controller.
#[derive(Debug)]
pub(crate) struct Adapter {
    goal: LatencyTarget,
    budget: f64,
    setting: EncodeSetting,
    samples: Vec<LatencySample>,
    epoch: Option<Instant>,
    /// Least that the link ever took.
    best_link: Option<Duration>,
    /// When the setting last changed.
    changed: Option<Instant>,
    risen: Option<Instant>,
    hold: Duration,
}

impl Adapter {
    pub(crate) fn new(goal: LatencyTarget) -> Self {
        Self {
            goal,
            budget: 1.0,
            setting: EncodeSetting::full(goal.quality),
            samples: Vec::new(),
            epoch: None,
            best_link: None,
            changed: None,
            risen: None,
            hold: MIN_HOLD,
        }
    }

    pub(crate) fn setting(&self) -> EncodeSetting {
        self.setting
    }

    /// Least time between two frames at the present rate.
    pub(crate) fn pause(&self) -> Duration {
        match self.goal.interval {
            Some(interval) if self.setting.rate < 100 => {
                interval.mul_f64(100.0 / f64::from(self.setting.rate.max(1)))
            }
            _ => Duration::ZERO,
        }
    }

    /// A result is here; the new setting where it changes.
    pub(crate) fn returned(
        &mut self,
        sample: LatencySample,
        now: Instant,
    ) -> Option<EncodeSetting> {
        let best = self
            .best_link
            .map_or(sample.link, |best| best.min(sample.link));
        self.best_link = Some(best);
        // Frames that left before a change do not show its effect.
        if self.changed.is_some_and(|changed| sample.taken < changed) {
            return None;
        }
        self.samples.push(sample);
        let began = *self.epoch.get_or_insert(now);
        let lasted = now.saturating_duration_since(began);
        let enough = self.samples.len() >= MIN_SAMPLES && lasted >= MIN_EPOCH;
        if !enough && lasted < MAX_EPOCH {
            return None;
        }
        let verdict = self.judge(best);
        self.samples.clear();
        self.epoch = None;
        self.act(verdict, now)
    }

    fn judge(&self, best_link: Duration) -> Adjustment {
        let target = self.goal.target.as_secs_f64();
        let busy = match self.goal.interval {
            Some(interval) => {
                let spacing = interval.max(self.pause()).as_secs_f64();
                percentile(&self.samples, 0.5, |sample| sample.receive) / spacing
            }
            None => 0.0,
        };
        let share = if busy > LOADED_SHARE { 0.9 } else { 0.5 };
        let late = percentile(&self.samples, share, |sample| sample.age) / target;
        let link = percentile(&self.samples, share, |sample| sample.link) - best_link.as_secs_f64();
        if late > LATE_SHARE && link > HELPS * target {
            let less = (AIM / late).clamp(0.5, 0.85);
            return Adjustment::Less(less.min(AIM_BUSY / busy.max(AIM_BUSY)).max(0.3));
        }
        if busy > BUSY_SHARE {
            return Adjustment::Less((AIM_BUSY / busy).clamp(0.3, 0.9));
        }
        let after_rise = busy * (self.budget + RISE) / self.budget;
        if late < IN_TIME && after_rise < BUSY_SHARE {
            return Adjustment::More;
        }
        Adjustment::Same
    }

    fn act(&mut self, verdict: Adjustment, now: Instant) -> Option<EncodeSetting> {
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        match verdict {
            Adjustment::Less(factor) => {
                if since(self.risen).is_some_and(|ago| ago < TOO_MUCH) {
                    self.hold = (self.hold * 2).min(MAX_HOLD);
                    self.risen = None;
                }
                self.budget = (self.budget * factor).max(EncodeSetting::least(self.goal.quality));
            }
            Adjustment::More if self.budget < 1.0 => {
                if since(self.changed).is_some_and(|ago| ago < self.hold) {
                    return None;
                }
                if since(self.risen).is_some_and(|ago| ago >= TOO_MUCH) {
                    self.hold = (self.hold / 2).max(MIN_HOLD);
                }
                self.budget = (self.budget + RISE).min(1.0);
                self.risen = Some(now);
            }
            Adjustment::More | Adjustment::Same => return None,
        }
        self.changed = Some(now);
        let before = self.setting;
        self.setting = EncodeSetting::within(self.budget, self.goal.quality);
        (self.setting != before).then_some(self.setting)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Adjustment {
    /// Send this share of what is sent now.
    Less(f64),
    Same,
    /// There is room for a little more.
    More,
}

/// Of a time that all samples have, in seconds.
fn percentile(
    samples: &[LatencySample],
    share: f64,
    time: impl Fn(&LatencySample) -> Duration,
) -> f64 {
    let mut times: Vec<Duration> = samples.iter().map(time).collect();
    times.sort_unstable();
    let index = (times.len() as f64 * share) as usize;
    let found = times.get(index.min(times.len().saturating_sub(1)));
    found.copied().unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn adapter(interval: u32) -> Adapter {
        Adapter::new(LatencyTarget {
            target: 200 * MS,
            interval: Some(interval * MS),
            quality: 80,
        })
    }

    /// Results every 33 ms from `from` on, for this many milliseconds.
    fn feed(
        adapter: &mut Adapter,
        from: Instant,
        ms: u32,
        sample: impl Fn(Instant) -> LatencySample,
    ) -> Instant {
        let mut now = from;
        while now < from + ms * MS {
            now += 33 * MS;
            adapter.returned(sample(now), now);
        }
        now
    }

    fn took(age: u32, link: u32, receive: u32) -> impl Fn(Instant) -> LatencySample {
        move |now| LatencySample {
            taken: now - age * MS,
            age: age * MS,
            link: link * MS,
            receive: receive * MS,
        }
    }

    #[test]
    fn poses_in_good_time_change_nothing() {
        let mut adapter = adapter(33);
        feed(
            &mut adapter,
            Instant::now() + MS * 9_000,
            10_000,
            took(60, 20, 5),
        );
        assert_eq!(adapter.setting(), EncodeSetting::full(80));
        assert_eq!(adapter.pause(), Duration::ZERO);
    }

    #[test]
    fn late_poses_lower_the_setting_and_room_raises_it_again() {
        let mut adapter = adapter(33);
        let start = Instant::now() + MS * 9_000;
        let now = feed(&mut adapter, start, 100, took(60, 20, 5));
        let now = feed(&mut adapter, now, 2_000, took(300, 250, 20));
        let low = adapter.setting();
        assert!(low.quality < 60, "{low}");
        let now = feed(&mut adapter, now, 4_000, took(60, 20, 3));
        let higher = adapter.setting();
        assert!(
            higher.size > low.size && higher != EncodeSetting::full(80),
            "{higher}"
        );
        feed(&mut adapter, now, 60_000, took(60, 20, 3));
        assert_eq!(adapter.setting(), EncodeSetting::full(80));
    }

    #[test]
    fn a_slow_model_is_no_reason_to_send_less() {
        let mut adapter = adapter(33);
        feed(
            &mut adapter,
            Instant::now() + MS * 9_000,
            10_000,
            took(400, 20, 5),
        );
        assert_eq!(adapter.setting(), EncodeSetting::full(80));
    }

    #[test]
    fn a_link_that_frames_fill_gets_smaller_ones_before_fewer() {
        let mut adapter = adapter(33);
        feed(
            &mut adapter,
            Instant::now() + MS * 9_000,
            900,
            took(120, 70, 60),
        );
        let setting = adapter.setting();
        assert!(setting.quality < 60 && setting.rate == 100, "{setting}");
    }

    #[test]
    fn a_rise_that_was_too_much_is_tried_less_often() {
        let mut adapter = adapter(33);
        let mut now = Instant::now() + MS * 9_000;
        adapter.best_link = Some(20 * MS);
        // A link with room for half of it, not more.
        let mut changes = Vec::new();
        for _ in 0..3_000 {
            now += 33 * MS;
            let fits = adapter.budget <= 0.5;
            let sample = match fits {
                true => took(60, 20, 3)(now),
                false => took(300, 250, 3)(now),
            };
            let sample = LatencySample {
                taken: now,
                ..sample
            };
            if adapter.returned(sample, now).is_some() {
                changes.push(now);
            }
        }
        let half = now - 50_000 * MS;
        let late = changes.iter().filter(|at| **at > half).count();
        assert!(
            late < changes.len() / 2,
            "{late} of {} changes",
            changes.len()
        );
        assert!(late < 40, "{late} changes in 50 s");
    }

    #[test]
    fn it_never_asks_for_nothing() {
        let mut adapter = adapter(33);
        let mut now = Instant::now() + MS * 9_000;
        for _ in 0..10_000 {
            now += 33 * MS;
            let sample = LatencySample {
                taken: now,
                ..took(5_000, 4_900, 900)(now)
            };
            adapter.returned(sample, now);
            if adapter.best_link.is_some_and(|best| best > MS) {
                adapter.best_link = Some(MS);
            }
        }
        let setting = adapter.setting();
        assert_eq!((setting.quality, setting.size, setting.rate), (30, 40, 10));
        assert_eq!(adapter.pause(), 330 * MS);
    }
}
