//! Who looks on, and when the next picture is wanted.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::{Frame, FrameId, Message, StreamAck, StreamStart, ViewRequest, WorkerStatus};
use tokio::sync::{mpsc, watch};

use super::board::Board;
use super::picture::{Picture, Wish};
use super::seats::{Seats, Sitter};
use crate::streams::CurrentStream as Current;

/// Nobody wants a picture.
const NEVER: u64 = u64::MAX;

/// The meeting point of the pipeline, which has frames, and of viewers, who want pictures.
///
/// At most one frame at a time is on its way through: it is claimed when somebody wants a picture,
/// and given back when the pictures are made or the frame has failed.
pub(crate) struct Hub {
    begun: Instant,
    /// When somebody wants the next picture, microseconds after `begun`.
    due: AtomicU64,
    claimed: AtomicBool,
    seats: Mutex<Seats>,
    shot: Mutex<Slot>,
    changed: Condvar,
    pub(super) board: Board,
    status: watch::Sender<WorkerStatus>,
}

#[derive(Default)]
struct Slot {
    shot: Option<Shot>,
    closed: bool,
}

/// A frame and what it was answered with.
pub(super) struct Shot {
    pub(super) claim: Claim,
    pub(super) answer: Message,
}

/// A frame that viewers will see. Dropping it lets the next one be claimed.
pub(crate) struct Claim {
    hub: Arc<Hub>,
    pub(super) frame: Frame,
}

/// A viewer's place. It is left by dropping it.
pub(crate) struct Seat {
    id: u64,
    hub: Arc<Hub>,
    /// They end where somebody else needs the place.
    pub(super) pictures: mpsc::Receiver<Picture>,
}

impl Hub {
    pub(crate) fn new(ack: &StreamAck, current: Current) -> Arc<Self> {
        let board = Board::new(ack, current);
        let status = watch::Sender::new(board.status(Instant::now()));
        Arc::new(Self {
            begun: Instant::now(),
            due: AtomicU64::new(NEVER),
            claimed: AtomicBool::new(false),
            seats: Mutex::default(),
            shot: Mutex::default(),
            changed: Condvar::new(),
            board,
            status,
        })
    }

    /// A place for one more viewer, if there is one or somebody need not have theirs.
    pub(super) fn join(self: &Arc<Self>) -> Option<Seat> {
        let mut seats = lock(&self.seats);
        let (id, pictures) = seats.join(Instant::now())?;
        self.board.viewers_are(seats.len());
        self.plan(&seats);
        let hub = Arc::clone(self);
        Some(Seat { id, hub, pictures })
    }

    /// The frame, for viewers, if one of them wants a picture now. Costs next to nothing otherwise.
    pub(crate) fn claim(self: &Arc<Self>, frame: &Frame) -> Option<Claim> {
        let due = self.due.load(Relaxed);
        if due == NEVER || self.micros(Instant::now()) < due {
            return None;
        }
        if self.claimed.swap(true, AcqRel) {
            return None;
        }
        self.board.size_is(frame.meta.width, frame.meta.height);
        Some(Claim {
            hub: Arc::clone(self),
            frame: frame.clone(),
        })
    }

    /// Takes note of an answer.
    pub(crate) fn answered(&self, answer: &Message) {
        self.board.answered(answer);
    }

    /// A stream begins.
    pub(crate) fn begins(&self, start: &StreamStart) {
        self.board.size_is(start.width, start.height);
    }

    pub(crate) fn clients_are(&self, clients: usize) {
        self.board.clients_are(clients);
    }

    /// Makes a status of what happened since the last one.
    pub(super) fn sum_up(&self) {
        self.status.send_replace(self.board.status(Instant::now()));
    }

    /// The newest status, and those that follow.
    pub(super) fn statuses(&self) -> watch::Receiver<WorkerStatus> {
        self.status.subscribe()
    }

    /// The next frame to make pictures of; waits for it. `None` is the end.
    pub(super) fn next_shot(&self) -> Option<Shot> {
        let idle = |slot: &mut Slot| slot.shot.is_none() && !slot.closed;
        let slot = lock(&self.shot);
        let mut slot = self
            .changed
            .wait_while(slot, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match slot.closed {
            true => None,
            false => slot.shot.take(),
        }
    }

    /// No further frame comes.
    pub(super) fn close(&self) {
        let mut slot = lock(&self.shot);
        slot.closed = true;
        let unseen = slot.shot.take();
        drop(slot);
        self.changed.notify_all();
        drop(unseen);
    }

    /// What the viewers wish who take a picture now, each wish once.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        lock(&self.seats).wishes(Instant::now())
    }

    /// Gives the picture to those who wished for it and take one now.
    pub(super) fn deliver(&self, wish: Wish, picture: &Picture) {
        let mut seats = lock(&self.seats);
        seats.deliver(wish, picture, Instant::now());
        self.plan(&seats);
    }

    /// Changes a viewer and plans anew. Does nothing for one that has left.
    fn change(&self, id: u64, change: impl FnOnce(&mut Sitter)) {
        let mut seats = lock(&self.seats);
        if let Some(sitter) = seats.sitter(id) {
            change(sitter);
        }
        self.plan(&seats);
    }

    fn plan(&self, seats: &Seats) {
        let next = seats.next().map(|at| self.micros(at));
        self.due.store(next.unwrap_or(NEVER), Relaxed);
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begun).as_micros();
        u64::try_from(since).unwrap_or(NEVER - 1)
    }
}

impl Claim {
    /// Its frame was answered: pictures can be made.
    pub(crate) fn answered(self, answer: &Message) {
        let hub = Arc::clone(&self.hub);
        let shot = Shot {
            claim: self,
            answer: answer.clone(),
        };
        let mut slot = lock(&hub.shot);
        if slot.closed {
            return;
        }
        // There is no other: no second frame is claimed before this one is given back.
        slot.shot = Some(shot);
        drop(slot);
        hub.changed.notify_one();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.hub.claimed.store(false, Release);
    }
}

impl Seat {
    /// What the viewer wants from now on.
    pub(super) fn wants(&self, view: &ViewRequest) {
        let now = Instant::now();
        self.hub.change(self.id, |sitter| sitter.wants(view, now));
    }

    /// The viewer has seen this picture.
    pub(super) fn has_seen(&self, frame_id: FrameId) {
        self.hub.change(self.id, |sitter| sitter.has_seen(frame_id));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.hub.seats);
        seats.leave(self.id);
        self.hub.board.viewers_are(seats.len());
        self.hub.plan(&seats);
    }
}

// Every change under these locks leaves a whole state, whoever panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::view::picture::example_frame;
    use crate::view::seats::MAX_VIEWERS;

    const SECOND: Duration = Duration::from_secs(1);

    fn view(fps: f64, width: u32) -> ViewRequest {
        ViewRequest {
            fps,
            width,
            ..ViewRequest::default()
        }
    }

    fn picture() -> Picture {
        Picture {
            frame: example_frame(2, 1),
            answer: Message::KeepAlive,
        }
    }

    #[test]
    fn without_viewers_no_frame_is_claimed() {
        let hub = Hub::new(&StreamAck::default(), Current::default());
        assert!(hub.claim(&example_frame(2, 1)).is_none());
        let seat = hub.join().unwrap();
        assert!(
            hub.claim(&example_frame(2, 1)).is_none(),
            "nothing was asked for"
        );
        seat.wants(&view(10.0, 640));
        assert!(hub.claim(&example_frame(2, 1)).is_some());
        for fps in [0.0, -1.0, 1e-19, f64::NAN, f64::INFINITY] {
            seat.wants(&view(fps, 640));
            assert!(hub.claim(&example_frame(2, 1)).is_none(), "{fps}");
        }
        seat.wants(&view(10.0, 640));
        drop(seat);
        assert!(hub.claim(&example_frame(2, 1)).is_none());
    }

    #[test]
    fn one_frame_at_a_time_is_on_its_way() {
        let hub = Hub::new(&StreamAck::default(), Current::default());
        let seat = hub.join().unwrap();
        seat.wants(&view(10.0, 640));
        let claim = hub.claim(&example_frame(2, 1)).unwrap();
        assert!(hub.claim(&example_frame(2, 1)).is_none());
        drop(claim);
        let claim = hub.claim(&example_frame(2, 1)).unwrap();
        claim.answered(&Message::KeepAlive);
        assert!(hub.claim(&example_frame(2, 1)).is_none());
        drop(hub.next_shot().unwrap());
        assert!(hub.claim(&example_frame(2, 1)).is_some());
    }

    #[test]
    fn a_viewer_gets_no_further_picture_before_it_has_seen_the_last() {
        let hub = Hub::new(&StreamAck::default(), Current::default());
        let mut seat = hub.join().unwrap();
        seat.wants(&view(30.0, 640));
        let [wish] = hub.wishes()[..] else {
            panic!("one wish")
        };
        hub.deliver(wish, &picture());
        assert!(seat.pictures.try_recv().is_ok());
        assert!(hub.wishes().is_empty());
        assert!(hub.claim(&example_frame(2, 1)).is_none());
        seat.has_seen(picture().frame.meta.frame_id);
        assert_eq!(lock(&hub.seats).wishes(Instant::now() + SECOND).len(), 1);
    }

    #[test]
    fn viewers_with_the_same_wish_share_a_picture() {
        let hub = Hub::new(&StreamAck::default(), Current::default());
        let mut seats: Vec<Seat> = (0..MAX_VIEWERS).map(|_| hub.join().unwrap()).collect();
        assert!(hub.join().is_none());
        for (seat, width) in seats.iter().zip([640, 640, 320, 640]) {
            seat.wants(&view(10.0, width));
        }
        seats[3].wants(&view(0.0, 640));
        let wishes = hub.wishes();
        assert_eq!(wishes.len(), 2);
        hub.deliver(wishes[0], &picture());
        let got: Vec<bool> = seats
            .iter_mut()
            .map(|it| it.pictures.try_recv().is_ok())
            .collect();
        assert_eq!(got, [true, true, false, false]);
        drop(seats.pop());
        assert!(hub.join().is_some(), "a place was left");
    }

    #[test]
    fn the_end_is_told() {
        let hub = Hub::new(&StreamAck::default(), Current::default());
        let seat = hub.join().unwrap();
        seat.wants(&view(10.0, 640));
        let claim = hub.claim(&example_frame(2, 1)).unwrap();
        hub.close();
        assert!(hub.next_shot().is_none());
        claim.answered(&Message::KeepAlive);
        assert!(hub.next_shot().is_none());
    }
}
