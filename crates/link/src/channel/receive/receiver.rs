use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::{DecodeError, Limits, Message};
use tokio::time::{Instant, timeout_at};

use super::lane_receiver::{LaneReceiver, ReadEvent};
use super::silence::SilenceWatch;
use crate::channel::lanes::Lanes;
use crate::channel::shards::UnitSource;
use crate::channel::traffic::Traffic;
use crate::close::CloseReason;

/// How long events that were received before the end may still take to arrive.
const GRACE: Duration = Duration::from_millis(250);

/// The receiving half of a [`Channel`](crate::Channel).
///
/// While [`recv`](Self::recv) is not called, at most 768 messages (48 MiB of frame chunks) and the
/// SCTP receive window are kept for each lane; then the window closes and the peer's sending waits.
pub struct Receiver {
    lanes: LaneReceiver,
    /// What came while something else was waited for.
    kept: VecDeque<Result<Message, DecodeError>>,
    silence: SilenceWatch,
    /// Until when late events are waited for; set once, so that callers who give up waiting and
    /// come back, as a `select!` with a timer does, still reach it.
    grace_until: Option<Instant>,
    done: bool,
}

impl Receiver {
    pub(in crate::channel) fn new(
        lanes: Arc<Lanes>,
        units: UnitSource,
        traffic: Arc<Traffic>,
        limits: Limits,
    ) -> Self {
        Self {
            lanes: LaneReceiver::new(lanes, units, traffic, limits),
            kept: VecDeque::new(),
            silence: SilenceWatch::new(),
            grace_until: None,
            done: false,
        }
    }

    /// The next message; `None` once the channel is closed or the peer is lost and everything
    /// received before has been given out. Cancelling loses no message.
    pub async fn recv(&mut self) -> Option<Result<Message, DecodeError>> {
        match self.kept.pop_front() {
            Some(kept) => Some(kept),
            None => self.recv_new().await,
        }
    }

    /// Closes the channel once the peer has sent nothing for `limit`, counted from now on while
    /// [`recv`](Self::recv) is awaited; `None`: never. For peers that send
    /// [keep-alive messages](crate::Sender::set_keep_alive).
    pub fn set_silence_limit(&mut self, limit: Option<Duration>) {
        self.silence.set_limit(limit);
    }

    /// When the first bytes arrived of the frame whose announcement was the last message; `None` where
    /// that was when it was given out.
    pub fn frame_began(&self) -> Option<std::time::Instant> {
        self.lanes.frame_began()
    }

    /// When the peer's last message arrived, of whatever kind; or else when the channel opened.
    pub fn heard(&self) -> std::time::Instant {
        self.lanes.heard()
    }

    /// Why the channel is closed; `None` while it is open.
    pub fn closed_because(&self) -> Option<CloseReason> {
        self.lanes.closed().reason()
    }

    /// Keeps a message for [`recv`](Self::recv).
    pub(in crate::channel) fn keep(&mut self, message: Result<Message, DecodeError>) {
        self.kept.push_back(message);
    }

    pub(in crate::channel) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(in crate::channel) async fn recv_new(&mut self) -> Option<Result<Message, DecodeError>> {
        while !self.done {
            match self.read().await {
                ReadEvent::Message(message) => return Some(message),
                ReadEvent::Nothing => {}
                ReadEvent::Over => {
                    self.lanes.end();
                    self.done = true;
                }
            }
        }
        None
    }

    async fn read(&mut self) -> ReadEvent {
        let closed = self.lanes.closed().clone();
        if closed.reason().is_none() {
            let heard = self.lanes.heard();
            tokio::select! {
                biased;
                read = self.lanes.read() => return read,
                _ = closed.closed() => {}
                () = self.silence.overdue(heard) => closed.close(CloseReason::Silent),
            }
        }
        // Closed: only what is already on its way is waited for.
        let until = *self
            .grace_until
            .get_or_insert_with(|| Instant::now() + GRACE);
        timeout_at(until, self.lanes.read())
            .await
            .unwrap_or(ReadEvent::Over)
    }
}
