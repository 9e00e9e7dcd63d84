//! Frames on their way and what became of them. Pure: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use protocol::{FrameId, Timing};
use vision::capture::Content;

use crate::latency::{Latency, Moments, Splitter};
use crate::scale::Scale;

/// A frame that left the source.
#[derive(Debug)]
struct Departed {
    captured: Instant,
    taken: Instant,
    encoded: Option<Instant>,
    handed: Option<Instant>,
    /// From its pixels as sent to those of the source, where they differ.
    scale: Option<Scale>,
    /// The picture itself, where somebody wants to see poses on it.
    picture: Option<Content>,
}

/// A frame whose answer is here.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Where the time went, capture to pose in hand.
    pub(crate) latency: Latency,
    /// First byte given to the link to pose in hand.
    pub(crate) round_trip: Duration,
    /// When the encoder had taken it.
    pub(crate) taken: Instant,
    pub(crate) scale: Option<Scale>,
    pub(crate) picture: Option<Content>,
}

/// Frames that are remembered at most. A worker that answers is never that far behind (its window
/// is smaller); it bounds memory towards one that answers nothing.
const REMEMBERED: usize = 1024;

/// Pictures that are kept at most, for the same reason.
const PICTURES: usize = 32;

/// All frames between source and answer, by id.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    frames: HashMap<FrameId, Departed>,
    /// Ids in order of departure; those answered meanwhile are skipped when their turn comes.
    order: VecDeque<FrameId>,
    splitter: Splitter,
}

impl Flight {
    /// The encoder takes a frame.
    pub(crate) fn depart(
        &mut self,
        id: FrameId,
        captured: Instant,
        taken: Instant,
        picture: Option<Content>,
    ) {
        let frame = Departed {
            captured,
            taken,
            encoded: None,
            handed: None,
            scale: None,
            picture,
        };
        self.frames.insert(id, frame);
        self.order.push_back(id);
        if let Some(old) = self.order.iter().rev().nth(PICTURES)
            && let Some(frame) = self.frames.get_mut(old)
        {
            frame.picture = None;
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.frames.remove(&oldest);
            }
        }
    }

    /// A frame's bytes are ready for the link.
    pub(crate) fn encoded(&mut self, id: FrameId, scale: Option<Scale>, now: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.encoded = Some(now);
            frame.scale = scale;
        }
    }

    /// The link has all of a frame's bytes.
    pub(crate) fn handed(&mut self, id: FrameId, at: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.handed = Some(at);
        }
    }

    /// An answer came; `None` for a frame that is not on its way (never sent, or answered before).
    pub(crate) fn arrive(&mut self, id: FrameId, timing: &Timing, now: Instant) -> Option<Arrived> {
        // A frame that is still with the encoder cannot have an answer.
        let encoded = self.frames.get(&id)?.encoded?;
        let frame = self.frames.remove(&id)?;
        let moments = Moments {
            captured: frame.captured,
            taken: frame.taken,
            encoded,
            handed: frame.handed,
            answered: now,
        };
        Some(Arrived {
            latency: self.splitter.split(&moments, timing),
            round_trip: now.saturating_duration_since(encoded),
            taken: frame.taken,
            scale: frame.scale,
            picture: frame.picture,
        })
    }

    /// How long the oldest frame without an answer has been on its way.
    pub(crate) fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        let sent = self
            .frames
            .values()
            .filter_map(|frame| frame.encoded)
            .min()?;
        Some(now.saturating_duration_since(sent))
    }

    /// Frames without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.frames
            .values()
            .filter(|frame| frame.encoded.is_some())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_matched_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let untimed = Timing::default();
        let mut flight = Flight::default();
        flight.depart(7, at(0), at(1), None);
        assert!(flight.arrive(7, &untimed, at(1)).is_none(), "not sent yet");
        flight.encoded(7, None, at(2));
        assert_eq!(flight.unanswered(), 1);
        let arrived = flight.arrive(7, &untimed, at(10)).unwrap();
        assert_eq!(arrived.latency.age(), 10_000);
        assert_eq!(arrived.round_trip, Duration::from_millis(8));
        assert!(flight.arrive(7, &untimed, at(11)).is_none());
        assert!(flight.arrive(8, &untimed, at(11)).is_none());
        assert_eq!(flight.unanswered(), 0);
        assert_eq!(flight.oldest_wait(at(20)), None);
        flight.depart(8, at(20), at(20), None);
        flight.encoded(8, None, at(21));
        assert_eq!(flight.oldest_wait(at(30)), Some(Duration::from_millis(9)));
    }

    #[test]
    fn memory_is_bounded_where_nothing_is_answered() {
        let now = Instant::now();
        let mut flight = Flight::default();
        for id in 0..10_000 {
            flight.depart(id, now, now, None);
            flight.encoded(id, None, now);
        }
        assert_eq!(flight.unanswered(), REMEMBERED);
        assert!(flight.arrive(9_999, &Timing::default(), now).is_some());
        assert!(flight.arrive(0, &Timing::default(), now).is_none());
    }
}
