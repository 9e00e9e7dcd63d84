//! Viewers' places: whose turn it is, and who has to leave for another.

use std::time::{Duration, Instant};

use net::{AdmissionOutcome, ConnectionLimit, Idle};
use protocol::{FrameId, ViewRequest};
use tokio::sync::mpsc;

use super::picture::{Picture, Wish};

/// Viewers at a time.
pub(super) const MAX_VIEWERS: usize = 4;
/// Pictures per second that a viewer gets at most; slower than the least, it wants none.
const MAX_FPS: f64 = 30.0;
const MIN_FPS: f64 = 0.01;
/// Of the time between two pictures: a viewer whose turn comes so soon takes the one that is made
/// now, so that viewers with the same wishes share it.
const EARLY: u32 = 4;

/// The viewers that have a place.
pub(super) struct Seats {
    sitters: ConnectionLimit<Sitter>,
    next_id: u64,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            sitters: ConnectionLimit::new(MAX_VIEWERS, MAX_VIEWERS),
            next_id: 0,
        }
    }
}

/// One of them.
pub(super) struct Sitter {
    id: u64,
    wish: Wish,
    /// Between two pictures; `None`: none is wanted.
    interval: Option<Duration>,
    /// When its first picture may come.
    joined: Instant,
    /// When the last picture was due: a bit after it came where it came early.
    last: Option<Instant>,
    /// Since when it says that it wants none.
    idle_since: Option<Instant>,
    /// The picture that it has not seen yet.
    outstanding: Option<FrameId>,
    pictures: mpsc::Sender<Picture>,
}

impl Seats {
    /// A place for one more: its number, and where its pictures come. Without a free one, whoever
    /// has wanted no pictures for longest leaves: its pictures end.
    pub(super) fn join(&mut self, now: Instant) -> Option<(u64, mpsc::Receiver<Picture>)> {
        let (to_viewer, pictures) = mpsc::channel(1);
        let id = self.next_id;
        let sitter = Sitter {
            id,
            wish: Wish::default(),
            interval: None,
            joined: now,
            last: None,
            idle_since: None,
            outstanding: None,
            pictures: to_viewer,
        };
        match self.sitters.admit(sitter, None, now) {
            // The pictures of a former one end with it.
            AdmissionOutcome::Free | AdmissionOutcome::InPlaceOf(_) => {}
            AdmissionOutcome::Refused(_) => return None,
        }
        self.next_id += 1;
        Some((id, pictures))
    }

    /// Does nothing for one that has left.
    pub(super) fn leave(&mut self, id: u64) {
        self.sitters.retain(|it| it.id != id);
    }

    pub(super) fn len(&self) -> usize {
        self.sitters.len()
    }

    /// The one of this number, unless it has left.
    pub(super) fn sitter(&mut self, id: u64) -> Option<&mut Sitter> {
        self.sitters.iter_mut().find(|it| it.id == id)
    }

    /// When somebody wants the next picture.
    pub(super) fn next(&self) -> Option<Instant> {
        self.sitters.iter().filter_map(Sitter::next).min()
    }

    /// What those wish who take a picture now, each wish once.
    pub(super) fn wishes(&self, now: Instant) -> Vec<Wish> {
        let mut wishes: Vec<Wish> = Vec::new();
        for sitter in self.sitters.iter().filter(|it| it.takes_one(now)) {
            if !wishes.contains(&sitter.wish) {
                wishes.push(sitter.wish);
            }
        }
        wishes
    }

    /// Gives the picture to those who wished for it and take one now.
    pub(super) fn deliver(&mut self, wish: Wish, picture: &Picture, now: Instant) {
        for sitter in self.sitters.iter_mut().filter(|it| it.wish == wish) {
            if sitter.takes_one(now) {
                sitter.take(picture.clone(), now);
            }
        }
    }
}

impl Idle for Sitter {
    fn idle_since(&self, _now: Instant) -> Option<Instant> {
        self.idle_since
    }
}

impl Sitter {
    /// What it wants from now on. The time since its last picture counts, whatever it wanted then.
    pub(super) fn wants(&mut self, view: &ViewRequest, now: Instant) {
        self.wish = Wish::of(view);
        let interval = interval(view.fps);
        if self.interval != interval {
            self.interval = interval;
            // Of a long interval, much may have been left when the last one came early.
            let soon = now + Duration::from_secs_f64(1.0 / MAX_FPS) / EARLY;
            self.last = self.last.map(|last| last.min(soon));
        }
        self.idle_since = match interval {
            None => self.idle_since.or(Some(now)),
            Some(_) => None,
        };
    }

    /// It has seen this picture; it may lie, but no earlier than it is asked.
    pub(super) fn has_seen(&mut self, frame_id: FrameId) {
        self.outstanding.take_if(|waiting| *waiting == frame_id);
    }

    /// When it takes the next picture, if it waits for one.
    fn next(&self) -> Option<Instant> {
        match (self.outstanding, self.last) {
            (Some(_), _) => None,
            (None, None) => self.interval.map(|_| self.joined),
            (None, Some(last)) => last.checked_add(self.interval?),
        }
    }

    fn takes_one(&self, now: Instant) -> bool {
        let early = self.interval.unwrap_or_default() / EARLY;
        self.next().is_some_and(|next| next <= now + early)
    }

    fn take(&mut self, picture: Picture, now: Instant) {
        let (Some(due), Some(interval)) = (self.next(), self.interval) else {
            return;
        };
        // The rate is kept, but what was missed is not made up for.
        self.last = Some(now.checked_sub(interval).map_or(due, |past| past.max(due)));
        let frame_id = picture.frame.meta.frame_id;
        // It has seen all before, so there is room; one that has just left needs none.
        self.outstanding = self.pictures.try_send(picture).is_ok().then_some(frame_id);
    }
}

/// The time between two pictures, for a rate that a viewer may have made up.
fn interval(fps: f64) -> Option<Duration> {
    let is_wanted = fps.is_finite() && fps >= MIN_FPS;
    is_wanted.then(|| Duration::from_secs_f64(1.0 / fps.min(MAX_FPS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::picture::example_frame;

    const SECOND: Duration = Duration::from_secs(1);

    fn view(fps: f64) -> ViewRequest {
        ViewRequest {
            fps,
            ..ViewRequest::default()
        }
    }

    fn picture(frame_id: FrameId) -> Picture {
        let mut frame = example_frame(2, 1);
        frame.meta.frame_id = frame_id;
        Picture {
            frame,
            answer: protocol::Message::KeepAlive,
        }
    }

    fn deliver(seats: &mut Seats, frame_id: FrameId, now: Instant) {
        for wish in seats.wishes(now) {
            seats.deliver(wish, &picture(frame_id), now);
        }
    }

    #[test]
    fn rates_that_make_no_sense_want_nothing() {
        let now = Instant::now();
        let mut seats = Seats::default();
        let (id, _pictures) = seats.join(now).unwrap();
        let rates = [
            0.0,
            -1.0,
            1e-19,
            f64::MIN_POSITIVE,
            0.009,
            f64::NAN,
            f64::INFINITY,
        ];
        for fps in rates {
            seats.sitter(id).unwrap().wants(&view(fps), now);
            assert_eq!(seats.next(), None, "{fps}");
        }
        for fps in [0.01, 1.0, 30.0, f64::MAX] {
            seats.sitter(id).unwrap().wants(&view(fps), now);
            deliver(&mut seats, 1, now + 1000 * SECOND);
            seats.sitter(id).unwrap().has_seen(1);
            assert!(seats.next().is_some(), "{fps}");
        }
    }

    #[test]
    fn only_the_picture_that_is_outstanding_can_be_seen() {
        let now = Instant::now();
        let mut seats = Seats::default();
        let (id, mut pictures) = seats.join(now).unwrap();
        seats.sitter(id).unwrap().wants(&view(30.0), now);
        deliver(&mut seats, 7, now);
        assert!(pictures.try_recv().is_ok());
        seats.sitter(id).unwrap().has_seen(6);
        assert_eq!(seats.next(), None);
        seats.sitter(id).unwrap().has_seen(7);
        assert!(seats.next().is_some());
    }

    /// Pictures that come to a viewer who sees each at once, one look a millisecond; before each
    /// look it asks for the rate that `rate` makes of its number.
    fn pictures_in_ten_seconds(rate: impl Fn(u64) -> f64) -> usize {
        let begin = Instant::now();
        let mut seats = Seats::default();
        let (id, mut pictures) = seats.join(begin).unwrap();
        let mut count = 0;
        for ms in 0..10_000 {
            let now = begin + Duration::from_millis(ms);
            let sitter = seats.sitter(id).unwrap();
            sitter.wants(&view(rate(ms)), now);
            deliver(&mut seats, ms, now);
            if pictures.try_recv().is_ok() {
                count += 1;
                seats.sitter(id).unwrap().has_seen(ms);
            }
        }
        count
    }

    #[test]
    fn a_rate_is_kept_and_none_is_above_the_most() {
        let ten = pictures_in_ten_seconds(|_| 10.0);
        assert!((100..=101).contains(&ten), "{ten}");
        let most = pictures_in_ten_seconds(|_| 1e9);
        assert!((299..=301).contains(&most), "{most}");
        let alternating = pictures_in_ten_seconds(|look| [30.0, 29.0, 0.0, 0.1][look as usize % 4]);
        assert!((200..=301).contains(&alternating), "{alternating}");
    }

    #[test]
    fn one_that_was_slow_and_wants_more_does_not_wait_for_its_old_turn() {
        let begin = Instant::now();
        let mut seats = Seats::default();
        let (id, _pictures) = seats.join(begin).unwrap();
        seats.sitter(id).unwrap().wants(&view(0.01), begin);
        deliver(&mut seats, 1, begin);
        seats.sitter(id).unwrap().has_seen(1);
        let early = begin + 80 * SECOND;
        deliver(&mut seats, 2, early);
        seats.sitter(id).unwrap().has_seen(2);
        seats.sitter(id).unwrap().wants(&view(30.0), early);
        assert!(seats.next().unwrap() < early + SECOND);
    }

    #[test]
    fn a_newcomer_gets_the_place_that_has_been_idle_for_longest() {
        let begin = Instant::now();
        let mut seats = Seats::default();
        let mut taken: Vec<_> = (0..MAX_VIEWERS)
            .map(|_| seats.join(begin).unwrap())
            .collect();
        assert!(
            seats.join(begin).is_none(),
            "who has said nothing yet stays"
        );
        let ids: Vec<u64> = taken.iter().map(|(id, _)| *id).collect();
        for (id, fps, after) in [
            (0, 10.0, 0),
            (1, 0.0, 2),
            (2, 0.0, 1),
            (3, 5.0, 0),
            (2, 0.0, 3),
        ] {
            let now = begin + after * SECOND;
            seats.sitter(ids[id]).unwrap().wants(&view(fps), now);
        }
        assert!(seats.join(begin + 4 * SECOND).is_some());
        let closed = |pictures: &mut mpsc::Receiver<Picture>| {
            matches!(
                pictures.try_recv(),
                Err(mpsc::error::TryRecvError::Disconnected)
            )
        };
        let gone: Vec<bool> = taken.iter_mut().map(|(_, it)| closed(it)).collect();
        assert_eq!(gone, [false, false, true, false]);
    }
}
