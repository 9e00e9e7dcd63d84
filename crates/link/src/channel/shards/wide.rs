//! Shards of many packets, where nothing is lost. Pure: time is an argument.
//!
//! A unit without parity is lost with any of its packets, however it is cut. As few messages as possible then cost least:
//! each wakes a lane's connection at both ends, and the packets of one message leave together. A lane's
//! congestion window has to hold such a message, or its last packets wait for round trips; and a window grows only while
//! something waits. So lanes are first given something that no unit waits for.

use std::time::{Duration, Instant};

use protocol::coded::SHARD_MESSAGE_BYTES;

/// Nothing has to be lost for so long, beyond the time for which a loss counts.
const CLEAN_FOR: Duration = Duration::from_secs(2);

/// One window grows at a time, and the next one so much later: what makes it grow takes its share of the way.
const BETWEEN_GROWTHS: Duration = Duration::from_secs(1);

/// What makes a window grow goes in messages of so many bytes at most, which every peer takes.
pub(super) const GROWTH_MESSAGE_BYTES: usize = 16 << 10;

/// The window of a new lane, and of one that has lost something.
const FIRST_BYTES: usize = 3 * SHARD_MESSAGE_BYTES;

/// For how long a link has been clean, and when windows grow.
#[derive(Debug, Default)]
pub(super) struct CleanLink {
    since: Option<Instant>,
    grown: Option<Instant>,
}

impl CleanLink {
    /// A unit comes, which needs no parity (`is_clean`) or some. Whether it may go in wide shards.
    pub(super) fn unit(&mut self, is_clean: bool, now: Instant) -> bool {
        if !is_clean {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= CLEAN_FOR
    }

    /// Whether another window may grow now; if so, it does.
    pub(super) fn grows(&mut self, now: Instant) -> bool {
        let is_due = |grown| now.saturating_duration_since(grown) >= BETWEEN_GROWTHS;
        let grows = self.grown.is_none_or(is_due);
        if grows {
            self.grown = Some(now);
        }
        grows
    }
}

/// What is known of a lane's congestion window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneWindow {
    /// Bytes that may be under way without a wait.
    bytes: usize,
    /// Bytes that it will have, once all that is under way has arrived.
    growing_to: Option<usize>,
}

impl Default for LaneWindow {
    fn default() -> Self {
        Self {
            bytes: FIRST_BYTES,
            growing_to: None,
        }
    }
}

impl LaneWindow {
    /// Whether `bytes` more leave at once.
    fn holds(&self, outstanding: usize, bytes: usize) -> bool {
        self.growing_to.is_none() && outstanding + bytes <= self.bytes
    }

    pub(super) fn is_growing(&self) -> bool {
        self.growing_to.is_some()
    }

    /// Whether messages of `bytes` need a larger one.
    pub(super) fn is_too_small(&self, bytes: usize) -> bool {
        self.bytes < bytes
    }

    /// Bytes to send so that it holds messages of `bytes`, and somewhat larger ones: SCTP adds what is acknowledged while
    /// something waits, so that the window ends at half of this and of what it was.
    pub(super) fn grow(&mut self, bytes: usize) -> usize {
        let bytes = bytes + bytes / 8;
        self.growing_to = Some(bytes);
        (2 * bytes).saturating_sub(self.bytes)
    }

    /// All that was under way has arrived.
    pub(super) fn arrived(&mut self) {
        if let Some(bytes) = self.growing_to.take() {
            self.bytes = bytes;
        }
    }
}

/// The lanes for `shards` messages of `bytes` each, the first ones that have room: few lanes in use are seldom woken.
/// `lanes`: the window of each and what is under way in it. `None`: there are not that many.
pub(super) fn first_with_room(
    lanes: impl Iterator<Item = (LaneWindow, usize)>,
    shards: usize,
    bytes: usize,
) -> Option<Vec<usize>> {
    let mut chosen = Vec::with_capacity(shards);
    for (at, (window, mut outstanding)) in lanes.enumerate() {
        while chosen.len() < shards && window.holds(outstanding, bytes) {
            chosen.push(at);
            outstanding += bytes;
        }
    }
    (chosen.len() == shards).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        *BEGIN + Duration::from_millis(millis)
    }

    #[test]
    fn a_link_is_clean_after_a_while_without_losses() {
        let mut link = CleanLink::default();
        assert!(!link.unit(true, at(0)));
        assert!(!link.unit(true, at(1999)));
        assert!(link.unit(true, at(2000)));
        assert!(!link.unit(false, at(2033)));
        assert!(!link.unit(true, at(2066)));
        assert!(link.unit(true, at(4066)));
    }

    #[test]
    fn windows_grow_one_after_the_other() {
        let mut link = CleanLink::default();
        let grown: Vec<_> = (0..100).filter(|&it| link.grows(at(it * 33))).collect();
        assert_eq!(grown, [0, 31, 62, 93]);

        let mut window = LaneWindow::default();
        assert!(window.is_too_small(20_000) && !window.is_too_small(3_000));
        assert_eq!(window.grow(20_000), 45_000 - FIRST_BYTES);
        assert!(window.is_growing() && !window.holds(0, 100));
        window.arrived();
        assert!(window.holds(0, 22_500) && !window.holds(0, 22_501));
        assert_eq!(window.grow(40_000), 90_000 - 22_500);
    }

    #[test]
    fn shards_go_where_windows_hold_them() {
        let of = |bytes| LaneWindow {
            bytes,
            growing_to: None,
        };
        let growing = LaneWindow {
            growing_to: Some(30_000),
            ..of(16_000)
        };
        let lanes = [
            (LaneWindow::default(), 0),
            (of(16_000), 9_000),
            (growing, 0),
            (of(16_000), 0),
            (of(15_000), 0),
        ];
        let chosen = |shards, bytes| first_with_room(lanes.into_iter(), shards, bytes);
        assert_eq!(chosen(1, 500), Some(vec![0]));
        assert_eq!(chosen(8, 500), Some(vec![0, 0, 0, 0, 0, 0, 1, 1]));
        assert_eq!(chosen(2, 11_000), Some(vec![3, 4]));
        assert_eq!(chosen(3, 11_000), None, "one is under way");
        assert_eq!(chosen(5, 7_000), Some(vec![1, 3, 3, 4, 4]));
        assert_eq!(chosen(1, 16_000), Some(vec![3]));
    }
}
