//! The channel as authentication sees it: few and short texts.

use std::sync::Arc;

use protocol::{Limits, Message};
use tokio::time::{Instant, timeout_at};

use crate::close::CloseReason;
use crate::connection::{Association, Connection};

/// Longest message that is taken before authentication, in bytes; the longest of its own has 140.
pub(super) const MAX_BYTES: usize = 1024;

/// What came of waiting for the peer.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few of them a connection, each moved once"
)]
pub(super) enum AuthInput {
    Message(Message),
    /// Too long, or not to be read.
    Nonsense,
    /// More than a peer may send before it is authenticated.
    Flood,
    Closed,
}

/// One side's end. A trait, so that the exchange can be tested in virtual time.
pub(super) trait AuthChannel: Send {
    /// Sends as far as the peer takes it until then: the end of the channel shows when it is read.
    fn send(&self, message: Message, until: Instant) -> impl Future<Output = ()> + Send;

    fn receive(&mut self) -> impl Future<Output = AuthInput> + Send;

    /// The peer is authenticated.
    fn trust(&self);
}

/// The open data channel of a peer.
pub(super) struct PeerAuthChannel<'a> {
    connection: &'a Connection,
    association: &'a Arc<Association>,
}

impl<'a> PeerAuthChannel<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            association: connection.association(),
        }
    }
}

impl AuthChannel for PeerAuthChannel<'_> {
    async fn send(&self, message: Message, until: Instant) {
        let _ = timeout_at(until, self.association.send(&message.encode())).await;
    }

    async fn receive(&mut self) -> AuthInput {
        let received = tokio::select! {
            biased;
            reason = self.connection.closed().closed() => match reason {
                CloseReason::Violation => return AuthInput::Flood,
                _ => return AuthInput::Closed,
            },
            received = self.association.next() => received,
        };
        match received {
            Some(message) => read(message.is_text, &message.data),
            None => AuthInput::Closed,
        }
    }

    fn trust(&self) {
        self.connection.trust();
    }
}

/// Reads a message without keeping any of its bytes that are no text.
pub(super) fn read(is_text: bool, data: &[u8]) -> AuthInput {
    let limits = Limits {
        max_text_bytes: MAX_BYTES,
        ..Limits::default()
    };
    let text = match std::str::from_utf8(data) {
        Ok(text) if is_text && text.len() <= MAX_BYTES => text,
        _ => return AuthInput::Nonsense,
    };
    Message::from_text(text, &limits).map_or(AuthInput::Nonsense, AuthInput::Message)
}
