use std::sync::Arc;
use std::time::Duration;

use protocol::{DecodeError, Limits, Message};
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use webrtc::data_channel::{DataChannelEvent, RTCDataChannelMessage};

use crate::channel::{CloseReason, Transport};

/// How long events that were received before the end may still take to arrive.
const GRACE: Duration = Duration::from_millis(250);

/// The receiving half of a [`Channel`](crate::Channel).
///
/// While [`recv`](Self::recv) is not called, at most 768 messages (48 MiB of frame chunks) and the
/// SCTP receive window are kept; then the window closes and the peer's sending waits.
pub struct Receiver {
    transport: Arc<Transport>,
    limits: Limits,
    /// Until when late events are waited for; set once, so that callers who give up waiting and
    /// come back, as a `select!` with a timer does, still reach it.
    patience: Option<Instant>,
    done: bool,
}

impl Receiver {
    pub(crate) fn new(transport: Arc<Transport>, limits: Limits) -> Self {
        Self {
            transport,
            limits,
            patience: None,
            done: false,
        }
    }

    /// The next message; `None` once the channel is closed or the peer is lost and everything
    /// received before has been given out. Cancelling loses no message.
    pub async fn recv(&mut self) -> Option<Result<Message, DecodeError>> {
        while !self.done {
            match self.next_event().await {
                Some(DataChannelEvent::OnMessage(message)) => return Some(self.decode(message)),
                Some(DataChannelEvent::OnBufferedAmountLow) => {
                    self.transport.drained.notify_waiters();
                }
                Some(DataChannelEvent::OnClose) | None => {
                    self.transport.signals.close(CloseReason::Remote);
                    self.transport.ended.notify_one();
                    self.done = true;
                }
                Some(event) => debug!(?event, "data channel"),
            }
        }
        None
    }

    /// Why the channel is closed; `None` while it is open.
    pub fn closed_because(&self) -> Option<CloseReason> {
        self.transport.signals.closed_because()
    }

    async fn next_event(&mut self) -> Option<DataChannelEvent> {
        let signals = &self.transport.signals;
        if signals.closed_because().is_none() {
            tokio::select! {
                biased;
                event = self.transport.data.poll() => return event,
                _ = signals.closed() => {}
            }
        }
        // Closed: only what is already on its way is waited for.
        let until = *self.patience.get_or_insert_with(|| Instant::now() + GRACE);
        timeout_at(until, self.transport.data.poll())
            .await
            .unwrap_or(None)
    }

    fn decode(&self, message: RTCDataChannelMessage) -> Result<Message, DecodeError> {
        self.transport.received.add(message.data.len());
        if message.is_string {
            // Invalid UTF-8 becomes a text that no message has.
            Message::from_text(&String::from_utf8_lossy(&message.data), &self.limits)
        } else {
            Message::from_binary(message.data.freeze(), &self.limits)
        }
    }
}
