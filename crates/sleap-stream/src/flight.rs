//! Frames on their way and what became of them. Pure: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{Frame, FrameId, Scale, Timing};
use vision::capture::Content;

use crate::latency::{Latency, Moments, Splitter};
use crate::line::Generation;

/// A frame that left the source.
#[derive(Debug)]
struct Departed {
    captured: Instant,
    /// The same moment, microseconds since 1970.
    captured_us: Option<u64>,
    taken: Instant,
    encoded: Option<Instant>,
    handed: Option<Instant>,
    /// From its pixels as sent to those of the source, where they differ.
    scale: Option<Scale>,
    /// The picture itself, where somebody wants to see poses on it.
    picture: Option<Content>,
    /// Its index in the recording.
    recorded: Option<u64>,
    /// What was sent, where it is sent again over the next connection if this one is lost.
    frame: Option<Frame>,
    /// The connection over which it was sent last.
    sent_over: Option<Generation>,
}

impl Departed {
    /// Whether it is to be sent over this connection: never over one that is older than its last.
    fn claim(&mut self, connection: Generation) -> bool {
        let due = self.sent_over < Some(connection);
        if due {
            self.sent_over = Some(connection);
        }
        due
    }
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
    /// When the frame was captured, microseconds since 1970.
    pub(crate) captured_us: Option<u64>,
    /// Its index in the recording, where there is one that has it.
    pub(crate) recorded: Option<u64>,
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
    /// Frames without an answer that are no longer remembered.
    evicted: usize,
    splitter: Splitter,
}

/// The flight that the sending threads and the receiving loop share.
pub(crate) fn lock(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    // Its methods do not panic half-way: a poisoned lock holds a whole state.
    flight.lock().unwrap_or_else(PoisonError::into_inner)
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
            captured_us: None,
            taken,
            encoded: None,
            handed: None,
            scale: None,
            picture,
            recorded: None,
            frame: None,
            sent_over: None,
        };
        self.frames.insert(id, frame);
        self.order.push_back(id);
        if let Some(old) = self.order.iter().rev().nth(PICTURES)
            && let Some(frame) = self.frames.get_mut(old)
        {
            frame.picture = None;
        }
        while self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            let frame = oldest.and_then(|oldest| self.frames.remove(&oldest));
            self.evicted += usize::from(frame.is_some_and(|frame| frame.encoded.is_some()));
        }
    }

    /// What is known of a frame beside its way: when it was captured, microseconds since 1970, and
    /// its index in the recording.
    pub(crate) fn describe(
        &mut self,
        id: FrameId,
        captured_us: Option<u64>,
        recorded: Option<u64>,
    ) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.captured_us = captured_us;
            frame.recorded = recorded;
        }
    }

    /// A frame's bytes are ready for the link.
    pub(crate) fn encoded(&mut self, id: FrameId, scale: Option<Scale>, now: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.encoded = Some(now);
            frame.scale = scale;
        }
    }

    /// Keeps what is to be sent again if the connection is lost before the answer.
    pub(crate) fn keep(&mut self, frame: Frame) {
        if let Some(departed) = self.frames.get_mut(&frame.meta.frame_id) {
            departed.frame = Some(frame);
        }
    }

    /// Whether the frame is to be sent over this connection now: not if it was already, nor if
    /// nobody waits for it any more.
    pub(crate) fn claim(&mut self, id: FrameId, connection: Generation) -> bool {
        let claimed =
            |frame: &mut Departed| frame.sent_over.replace(connection) != Some(connection);
        self.frames.get_mut(&id).is_some_and(claimed)
    }

    /// The first frame that was kept and not sent over this connection yet; claims it.
    pub(crate) fn resend(&mut self, connection: Generation) -> Option<Frame> {
        let frames = &mut self.frames;
        self.order.iter().find_map(|id| {
            let departed = frames.get_mut(id)?;
            let frame = departed.frame.clone()?;
            departed.claim(connection).then_some(frame)
        })
    }

    /// Gives up all frames without an answer; says how many were sent.
    pub(crate) fn forget(&mut self) -> usize {
        let sent = self.remembered();
        self.frames.clear();
        self.order.clear();
        sent
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
            captured_us: frame.captured_us,
            recorded: frame.recorded,
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
        self.evicted + self.remembered()
    }

    fn remembered(&self) -> usize {
        let sent = |frame: &&Departed| frame.encoded.is_some();
        self.frames.values().filter(sent).count()
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
        assert_eq!(flight.frames.len(), REMEMBERED);
        assert_eq!(flight.unanswered(), 10_000, "all the same");
        assert!(flight.arrive(9_999, &Timing::default(), now).is_some());
        assert!(flight.arrive(0, &Timing::default(), now).is_none());
    }

    /// A frame of two bytes in flight, kept to be sent again.
    fn keep(flight: &mut Flight, id: FrameId) {
        let now = Instant::now();
        flight.depart(id, now, now, None);
        flight.encoded(id, None, now);
        flight.keep(Frame {
            meta: protocol::FrameMeta {
                frame_id: id,
                width: 2,
                height: 1,
                channels: 1,
                encoding: protocol::Encoding::U8,
                nbytes: 2,
                captured_us: None,
            },
            data: vec![1, 2].into(),
        });
    }

    fn resent(flight: &mut Flight, connection: Generation) -> Vec<FrameId> {
        std::iter::from_fn(|| flight.resend(connection))
            .map(|frame| frame.meta.frame_id)
            .collect()
    }

    #[test]
    fn what_was_not_answered_is_sent_again_in_order_and_once_a_connection() {
        let mut flight = Flight::default();
        for id in [5, 3, 9, 7] {
            keep(&mut flight, id);
            assert!(flight.claim(id, 0));
            assert!(!flight.claim(id, 0), "sent over this connection already");
        }
        let answer = flight.arrive(3, &Timing::default(), Instant::now());
        assert!(answer.is_some());
        assert!(resent(&mut flight, 0).is_empty());
        assert_eq!(resent(&mut flight, 1), [5, 9, 7]);
        assert!(resent(&mut flight, 1).is_empty());
        // One that waited for the connection finds that it was sent meanwhile.
        assert!(!flight.claim(7, 1));
        assert_eq!(resent(&mut flight, 2), [5, 9, 7]);
        keep(&mut flight, 8);
        assert!(flight.claim(8, 2));
    }

    #[test]
    fn forgotten_frames_are_neither_sent_nor_waited_for() {
        let mut flight = Flight::default();
        keep(&mut flight, 1);
        flight.depart(2, Instant::now(), Instant::now(), None);
        assert_eq!(flight.forget(), 1, "the other is still with the encoder");
        assert_eq!(flight.unanswered(), 0);
        assert!(!flight.claim(1, 1) && !flight.claim(2, 1));
        assert!(resent(&mut flight, 1).is_empty());
    }
}
