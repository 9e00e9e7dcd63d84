//! Estimates of the path to the worker, through it and back, from its results. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::Timing;

/// The medians below are of this many results: one slow call of the model does not move them.
const MEDIAN_OF: usize = 7;

/// Answers over which the rate of delivery is measured.
const RATE_OVER: usize = 32;

/// A shortest time is forgotten after one to two of these, since paths change.
const MIN_WINDOW: Duration = Duration::from_secs(30);

/// Waiting for the model counts as a queue beyond this.
const QUEUE_MARGIN: Duration = Duration::from_millis(1);

/// Estimates of a pipe that frames go through.
#[derive(Debug, Default)]
pub(super) struct PathEstimate {
    /// Round trip less the worker's steps.
    overhead: WindowedMin,
    /// The worker's steps together, without waiting.
    steps: RecentTimes,
    /// Time from one result to the next while the path is full.
    bottleneck: RecentTimes,
    results: VecDeque<Instant>,
}

impl PathEstimate {
    /// A result came at `now`, `round_trip` after its frame had left.
    pub(super) fn returned(&mut self, round_trip: Duration, timing: &Timing, now: Instant) {
        let steps = WorkerSteps::of(timing);
        let known = self.round_trip();
        let queued = match steps.queue {
            Some(queue) => queue > QUEUE_MARGIN + steps.longest / 8,
            None => known.is_some_and(|known| round_trip > known + known / 4 + QUEUE_MARGIN),
        };
        let gap = self
            .results
            .back()
            .map(|last| now.saturating_duration_since(*last));
        let between = match gap {
            // It followed directly on the one before: this is what the path can carry.
            Some(gap) if queued => gap,
            // Without a queue it may be less than it was.
            _ => self.bottleneck.median().unwrap_or_default() * 7 / 8,
        };
        // Steps may overlap from frame to frame, or not: the truth is between the longest and all.
        let most = if steps.all.is_zero() {
            between
        } else {
            steps.all
        };
        self.bottleneck
            .push(between.clamp(steps.longest, most.max(steps.longest)));
        self.overhead.push(
            round_trip.saturating_sub(steps.all + steps.queue.unwrap_or_default()),
            now,
        );
        self.steps.push(steps.all);
        self.results.push_back(now);
        if self.results.len() > RATE_OVER {
            self.results.pop_front();
        }
    }

    /// Departure to result of a frame that waits for no other.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        Some(self.overhead.get()? + self.steps.median()?)
    }

    /// Time that the slowest part of the pipe needs for a frame; zero while unknown.
    pub(super) fn bottleneck(&self) -> Duration {
        self.bottleneck.median().unwrap_or_default()
    }

    /// When the last result came.
    pub(super) fn last_result(&self) -> Option<Instant> {
        self.results.back().copied()
    }

    /// Answers per second of late.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, last) = (self.results.front()?, self.results.back()?);
        let seconds = last.saturating_duration_since(*first).as_secs_f64();
        (seconds > 0.0).then(|| (self.results.len() - 1) as f64 / seconds)
    }
}

/// The worker's steps for one frame.
struct WorkerSteps {
    longest: Duration,
    all: Duration,
    /// Waiting for the model, where the worker reports it.
    queue: Option<Duration>,
}

impl WorkerSteps {
    fn of(timing: &Timing) -> Self {
        let steps = [
            timing.receive_us,
            timing.decode_us,
            timing.preprocess_us,
            timing.inference_us,
            timing.postprocess_us,
        ];
        // A peer may report anything; more than an hour is not believed.
        let believed = |us: u64| Duration::from_micros(us.min(3_600_000_000));
        let known = steps.into_iter().flatten().map(believed);
        Self {
            longest: known.clone().max().unwrap_or_default(),
            all: known.sum(),
            queue: timing.queue_us.map(believed),
        }
    }
}

/// The last few of a series of times.
#[derive(Debug, Default)]
struct RecentTimes(VecDeque<Duration>);

impl RecentTimes {
    fn push(&mut self, value: Duration) {
        self.0.push_back(value);
        if self.0.len() > MEDIAN_OF {
            self.0.pop_front();
        }
    }

    fn median(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// The least of a series of times, over the last [`MIN_WINDOW`] or two.
#[derive(Debug, Default)]
struct WindowedMin {
    current: Option<(Instant, Duration)>,
    before: Option<Duration>,
}

impl WindowedMin {
    fn push(&mut self, value: Duration, now: Instant) {
        self.current = match self.current {
            Some((since, least)) if now.saturating_duration_since(since) < MIN_WINDOW => {
                Some((since, least.min(value)))
            }
            old => {
                self.before = old.map(|(_, least)| least);
                Some((now, value))
            }
        };
    }

    fn get(&self) -> Option<Duration> {
        let (_, current) = self.current?;
        Some(self.before.map_or(current, |before| before.min(current)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn timing(receive: u64, queue: u64, inference: u64) -> Timing {
        Timing {
            receive_us: Some(receive * 1000),
            queue_us: Some(queue * 1000),
            inference_us: Some(inference * 1000),
            ..Timing::default()
        }
    }

    #[test]
    fn waiting_is_not_part_of_the_round_trip() {
        let start = Instant::now();
        let mut path = PathEstimate::default();
        path.returned(117 * MS, &timing(2, 60, 50), start);
        assert_eq!(path.round_trip(), Some(57 * MS));
        path.returned(60 * MS, &timing(2, 0, 50), start + 50 * MS);
        assert_eq!(path.round_trip(), Some(57 * MS));
    }

    #[test]
    fn the_bottleneck_is_the_time_between_results_that_queue() {
        let start = Instant::now();
        let mut path = PathEstimate::default();
        for index in 0..10 {
            // Receiving overlaps with the model: frames leave every 50 ms, not every 60.
            path.returned(120 * MS, &timing(10, 50, 50), start + index * 50 * MS);
        }
        assert_eq!(path.bottleneck(), 50 * MS);
        assert!((path.rate().unwrap() - 20.0).abs() < 1e-6);
    }

    #[test]
    fn one_slow_call_moves_nothing() {
        let start = Instant::now();
        let mut path = PathEstimate::default();
        for index in 0..9 {
            let inference = if index == 4 { 900 } else { 5 };
            let result = timing(1, 0, inference);
            path.returned(
                (inference as u32 + 4) * MS,
                &result,
                start + index * 33 * MS,
            );
        }
        assert_eq!(path.bottleneck(), 5 * MS);
        assert_eq!(path.round_trip(), Some(9 * MS));
    }

    #[test]
    fn a_path_that_became_longer_is_believed_after_a_while() {
        let start = Instant::now();
        let mut path = PathEstimate::default();
        path.returned(10 * MS, &Timing::default(), start);
        path.returned(80 * MS, &Timing::default(), start + MIN_WINDOW);
        assert_eq!(path.round_trip(), Some(10 * MS));
        path.returned(80 * MS, &Timing::default(), start + 3 * MIN_WINDOW);
        assert_eq!(path.round_trip(), Some(80 * MS));
    }

    #[test]
    fn absurd_times_of_a_peer_are_survived() {
        let mut path = PathEstimate::default();
        let absurd = Timing {
            receive_us: Some(u64::MAX),
            queue_us: Some(u64::MAX),
            inference_us: Some(u64::MAX),
            ..Timing::default()
        };
        path.returned(MS, &absurd, Instant::now());
        assert!(path.round_trip().is_some());
    }
}
