//! Counts and latencies of a run, and the summary at its end.

mod saved;
mod shards;
mod summary;

use std::time::Instant;

use emit::TargetCounts;
use hdrhistogram::Histogram;
use protocol::CaptureClock;
use vision::cameras::StampEdge;

use crate::report::recent_rates::RecentRates;
use crate::send::adapt::EncodeSetting;
use crate::send::frame_list::FrameList;
use crate::send::in_flight::ReturnedFrame;
use crate::send::latency::{Latency, PARTS, micros};
use crate::send::uplink::SentTotals;

pub(crate) use saved::SavedFile;
pub(crate) use shards::ShardTotals;

/// Latencies from 1 µs to 1 h are counted with 3 digits, in constant memory.
const HIGHEST_US: u64 = 3_600_000_000;

/// Events of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleEvents {
    /// How many there were.
    pub(crate) events: u64,
    /// The file that has them.
    pub(crate) file: Option<String>,
}

/// Counts and latencies of a run.
pub(crate) struct RunReport {
    started: Instant,
    /// What was sent.
    pub(crate) sent: SentTotals,
    /// Frames with a prediction.
    pub(crate) predictions: u64,
    /// Animals in them.
    pub(crate) instances: u64,
    /// Frames that the worker could not use.
    pub(crate) failed: u64,
    /// Frames that the camera has numbered and that did not arrive whole.
    pub(crate) lost_by_camera: u64,
    /// Frames that newer ones replaced before they were sent.
    pub(crate) dropped_at_source: u64,
    /// Frames that were sent in shards of which too many were lost.
    pub(crate) lost_on_the_way: u64,
    /// What went in shards.
    pub(crate) shards: ShardTotals,
    /// Frames that were sent, but are not in the recording.
    pub(crate) not_recorded: u64,
    /// Frames that were sent and have no result.
    pub(crate) unanswered: FrameList,
    /// Messages of the worker that could not be read.
    pub(crate) unreadable: u64,
    /// Why the first of them could not.
    pub(crate) first_unreadable: Option<String>,
    /// Since when frames wait for results and none comes, where that is too long.
    pub(crate) silent_since: Option<Instant>,
    /// Frames of a live source that were given up with a connection.
    pub(crate) lost: u64,
    /// How often the connection was lost and found again.
    pub(crate) reconnections: u64,
    /// Since when the connection is lost, while it is.
    pub(crate) away_since: Option<Instant>,
    /// How frames are encoded at present, where that is adapted to the link.
    pub(crate) setting: Option<EncodeSetting>,
    /// What became of poses for other consumers.
    pub(crate) emitted: Vec<TargetCounts>,
    /// The events of rules; `None` without rules.
    pub(crate) rules: Option<RuleEvents>,
    /// The files that were written.
    pub(crate) saved: Vec<SavedFile>,
    /// Frames with a result, by what the time of their capture was read from, as [`CaptureClock::ALL`] has them.
    pub(crate) clocks: [u64; CaptureClock::ALL.len()],
    /// What a driver's time stamps mark, where the driver tells.
    pub(crate) stamped: Option<StampEdge>,
    /// Of the frame whose result came last.
    pub(crate) last: Option<Latency>,
    /// The last seconds.
    pub(crate) recent: RecentRates,
    parts: [Histogram<u64>; PARTS.len()],
    age: Histogram<u64>,
    round_trip: Histogram<u64>,
}

impl RunReport {
    pub(crate) fn new(started: Instant) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, HIGHEST_US, 3)
                .expect("1 µs to 1 h at 3 digits is a valid range")
        };
        Self {
            started,
            sent: SentTotals::default(),
            predictions: 0,
            instances: 0,
            failed: 0,
            lost_by_camera: 0,
            dropped_at_source: 0,
            lost_on_the_way: 0,
            shards: ShardTotals::default(),
            not_recorded: 0,
            unanswered: FrameList::default(),
            unreadable: 0,
            first_unreadable: None,
            silent_since: None,
            lost: 0,
            reconnections: 0,
            away_since: None,
            setting: None,
            emitted: Vec::new(),
            rules: None,
            saved: Vec::new(),
            clocks: Default::default(),
            stamped: None,
            last: None,
            recent: RecentRates::default(),
            parts: std::array::from_fn(|_| histogram()),
            age: histogram(),
            round_trip: histogram(),
        }
    }

    /// A result came, be it an error.
    pub(crate) fn returned(&mut self, returned: &ReturnedFrame) {
        let latency = returned.latency;
        let clocks = self.clocks.iter_mut().zip(CaptureClock::ALL);
        for (count, clock) in clocks {
            *count += u64::from(clock == returned.clock);
        }
        for (histogram, part) in self.parts.iter_mut().zip(latency.parts()) {
            histogram.saturating_record(part);
        }
        self.age.saturating_record(latency.age());
        self.round_trip
            .saturating_record(micros(returned.round_trip));
        self.last = Some(latency);
        self.recent.returned(latency.age(), Instant::now());
    }

    /// What was sent, and how many frames were dropped, up to now.
    pub(crate) fn update_sent(&mut self, sent: SentTotals, dropped: u64, now: Instant) {
        (self.sent, self.dropped_at_source) = (sent, dropped);
        self.recent.sent(sent, now);
    }

    /// How long the stream has been running; never zero.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64().max(1e-9)
    }

    pub(crate) fn frames_per_second(&self) -> f64 {
        self.sent.frames as f64 / self.seconds()
    }
}

#[cfg(test)]
mod tests;
