//! Frames on their way and what became of them. Pure: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use protocol::FrameId;
use vision::Image;

/// A frame that left the source.
#[derive(Debug)]
pub(crate) struct Departed {
    pub(crate) captured: Instant,
    sent: Option<Instant>,
    /// The picture itself, where somebody wants to see poses on it.
    picture: Option<Image>,
}

/// A frame whose answer is here.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Capture to pose in hand.
    pub(crate) age: Duration,
    /// First byte given to the link to pose in hand.
    pub(crate) round_trip: Duration,
    pub(crate) picture: Option<Image>,
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
}

impl Flight {
    /// A frame is about to be encoded.
    pub(crate) fn depart(&mut self, id: FrameId, captured: Instant, picture: Option<Image>) {
        self.frames.insert(
            id,
            Departed {
                captured,
                sent: None,
                picture,
            },
        );
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

    /// A frame is handed to the link.
    pub(crate) fn sent(&mut self, id: FrameId, now: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.sent = Some(now);
        }
    }

    /// An answer came; `None` for a frame that is not on its way (never sent, or answered before).
    pub(crate) fn arrive(&mut self, id: FrameId, now: Instant) -> Option<Arrived> {
        // A frame that is still with the encoder cannot have an answer.
        self.frames.get(&id)?.sent?;
        let frame = self.frames.remove(&id)?;
        Some(Arrived {
            age: now.saturating_duration_since(frame.captured),
            round_trip: now.saturating_duration_since(frame.sent?),
            picture: frame.picture,
        })
    }

    /// How long the oldest frame without an answer has been on its way.
    pub(crate) fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        let sent = self.frames.values().filter_map(|frame| frame.sent).min()?;
        Some(now.saturating_duration_since(sent))
    }

    /// Frames without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.frames
            .values()
            .filter(|frame| frame.sent.is_some())
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
        let mut flight = Flight::default();
        flight.depart(7, at(0), None);
        assert!(flight.arrive(7, at(1)).is_none(), "not sent yet");
        flight.sent(7, at(2));
        assert_eq!(flight.unanswered(), 1);
        let arrived = flight.arrive(7, at(10)).unwrap();
        assert_eq!(arrived.age, Duration::from_millis(10));
        assert_eq!(arrived.round_trip, Duration::from_millis(8));
        assert!(flight.arrive(7, at(11)).is_none());
        assert!(flight.arrive(8, at(11)).is_none());
        assert_eq!(flight.unanswered(), 0);
        assert_eq!(flight.oldest_wait(at(20)), None);
        flight.depart(8, at(20), None);
        flight.sent(8, at(21));
        assert_eq!(flight.oldest_wait(at(30)), Some(Duration::from_millis(9)));
    }
    #[test]
    fn memory_is_bounded_where_nothing_is_answered() {
        let now = Instant::now();
        let mut flight = Flight::default();
        for id in 0..10_000 {
            flight.depart(id, now, None);
            flight.sent(id, now);
        }
        assert_eq!(flight.unanswered(), REMEMBERED);
        assert!(flight.arrive(9_999, now).is_some());
        assert!(flight.arrive(0, now).is_none());
    }
}
