//! The channel as authentication sees it: few and short texts.

use std::sync::Arc;

use protocol::{Limits, Message, Payload};
use tokio::time::{Instant, timeout_at};
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::channel::CloseReason;
use crate::peer::{Peer, Signals};

/// Longest message that is taken before authentication, in bytes; the longest of its own has 140.
pub(super) const MAX_BYTES: usize = 1024;

/// What came of waiting for the peer.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few of them a connection, each moved once"
)]
pub(super) enum Heard {
    Message(Message),
    /// Too long, or not to be read.
    Nonsense,
    /// More than a peer may send before it has shown who it is.
    Flood,
    Closed,
}

/// One side's end. A trait, so that the exchange can be tested in virtual time.
pub(super) trait Wire: Send {
    /// Sends as far as the peer takes it until then: the end of the channel shows when it is read.
    fn send(&self, message: Message, until: Instant) -> impl Future<Output = ()> + Send;

    fn hear(&mut self) -> impl Future<Output = Heard> + Send;

    /// The peer has shown who it is.
    fn trust(&self);
}

/// The open data channel of a peer.
pub(super) struct DataWire<'a> {
    peer: &'a Peer,
    signals: &'a Arc<Signals>,
    data: &'a Arc<dyn DataChannel>,
}

impl<'a> DataWire<'a> {
    pub(super) fn new(peer: &'a Peer, data: &'a Arc<dyn DataChannel>) -> Self {
        let signals = peer.signals();
        Self {
            peer,
            signals,
            data,
        }
    }
}

impl Wire for DataWire<'_> {
    async fn send(&self, message: Message, until: Instant) {
        if let Payload::Text(text) = message.encode() {
            let _ = timeout_at(until, self.data.send_text(&text)).await;
        }
    }

    async fn hear(&mut self) -> Heard {
        if let Some(message) = self.peer.early().pop_front() {
            return read(message.is_string, &message.data);
        }
        loop {
            let event = tokio::select! {
                biased;
                reason = self.signals.closed() => match reason {
                    CloseReason::Violation => return Heard::Flood,
                    _ => return Heard::Closed,
                },
                event = self.data.poll() => event,
            };
            match event {
                Some(DataChannelEvent::OnMessage(message)) => {
                    return read(message.is_string, &message.data);
                }
                Some(DataChannelEvent::OnClose) | None => return Heard::Closed,
                Some(_) => {}
            }
        }
    }

    fn trust(&self) {
        self.peer.trust();
    }
}

/// Reads a message without keeping any of its bytes that are no text.
pub(super) fn read(is_text: bool, data: &[u8]) -> Heard {
    let limits = Limits {
        max_text_bytes: MAX_BYTES,
        ..Limits::default()
    };
    let text = match std::str::from_utf8(data) {
        Ok(text) if is_text && text.len() <= MAX_BYTES => text,
        _ => return Heard::Nonsense,
    };
    Message::from_text(text, &limits).map_or(Heard::Nonsense, Heard::Message)
}
