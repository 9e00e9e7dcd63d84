//! Why a channel closes, and the signal that notifies everything that uses it.

use std::fmt;

use tokio::sync::watch;

/// Why a channel is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it.
    Local,
    /// The peer closed it.
    Remote,
    /// Nothing was received from the peer for the peer timeout.
    PeerLost,
    /// The peer is connected and has sent no message for the limit that was set.
    Silent,
    /// The peer did not keep to the protocol of lanes, opened channels without end, or sent too much
    /// before it was known.
    Violation,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "closed by this side",
            Self::Remote => "closed by the peer",
            Self::PeerLost => "the peer is gone",
            Self::Silent => "the peer sends no more messages",
            Self::Violation => "the peer broke the protocol",
        })
    }
}

/// Reports once why a connection and its channel have ended. Clones share the reason.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloseSignal(watch::Sender<Option<CloseReason>>);

impl CloseSignal {
    /// Notes why the connection is over; the first reason stands.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.0.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(reason);
            first
        });
    }

    /// The reason; `None` while the connection is open.
    pub(crate) fn reason(&self) -> Option<CloseReason> {
        *self.0.borrow()
    }

    /// Waits until the connection is over.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut closed = self.0.subscribe();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(CloseReason::PeerLost),
            // The sender is a field of `self`, so it outlives this borrow.
            Err(_) => CloseReason::PeerLost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_for_an_end_stands() {
        let signal = CloseSignal::default();
        signal.clone().close(CloseReason::PeerLost);
        signal.close(CloseReason::Remote);
        assert_eq!(signal.reason(), Some(CloseReason::PeerLost));
    }
}
