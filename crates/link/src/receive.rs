use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::{DecodeError, Limits, Message};
use tokio::time::{Instant, timeout_at};

use crate::channel::{CloseReason, Transport};
use crate::lanes::{Inlet, Read};

/// How long events that were received before the end may still take to arrive.
const GRACE: Duration = Duration::from_millis(250);

/// The receiving half of a [`Channel`](crate::Channel).
///
/// While [`recv`](Self::recv) is not called, at most 768 messages (48 MiB of frame chunks) and the
/// SCTP receive window are kept for each lane; then the window closes and the peer's sending waits.
pub struct Receiver {
    inlet: Inlet,
    /// What came while something else was waited for.
    kept: VecDeque<Result<Message, DecodeError>>,
    /// Until when late events are waited for; set once, so that callers who give up waiting and
    /// come back, as a `select!` with a timer does, still reach it.
    patience: Option<Instant>,
    done: bool,
}

impl Receiver {
    pub(crate) fn new(transport: Arc<Transport>, limits: Limits) -> Self {
        Self {
            inlet: Inlet::new(transport, limits),
            kept: VecDeque::new(),
            patience: None,
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

    /// When the last message of the peer was taken from any lane, parts of what
    /// [`recv`](Self::recv) has not given out yet included; when the channel came about if there
    /// was none. Messages are taken only while `recv` is awaited.
    pub fn heard(&self) -> std::time::Instant {
        self.inlet.heard()
    }

    /// Why the channel is closed; `None` while it is open.
    pub fn closed_because(&self) -> Option<CloseReason> {
        self.transport().signals.closed_because()
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        self.inlet.transport()
    }

    /// Keeps a message for [`recv`](Self::recv).
    pub(crate) fn keep(&mut self, message: Result<Message, DecodeError>) {
        self.kept.push_back(message);
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(crate) async fn recv_new(&mut self) -> Option<Result<Message, DecodeError>> {
        while !self.done {
            match self.read().await {
                Read::Message(message) => return Some(message),
                Read::Nothing => {}
                Read::Over => {
                    self.transport().signals.close(CloseReason::Remote);
                    self.transport().ended.notify_one();
                    self.done = true;
                }
            }
        }
        None
    }

    async fn read(&mut self) -> Read {
        let transport = self.transport().clone();
        if transport.signals.closed_because().is_none() {
            tokio::select! {
                biased;
                read = self.inlet.read() => return read,
                _ = transport.signals.closed() => {}
            }
        }
        // Closed: only what is already on its way is waited for.
        let until = *self.patience.get_or_insert_with(|| Instant::now() + GRACE);
        timeout_at(until, self.inlet.read())
            .await
            .unwrap_or(Read::Over)
    }
}
