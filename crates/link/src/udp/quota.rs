//! What a peer may send before it is authenticated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::close::{CloseReason, CloseSignal};

/// Bytes of datagrams that are taken before authentication: some times what a handshake needs, and
/// all that the layers below can come to hold of such a peer.
const BYTES: usize = 64 << 10;

/// Counts what comes in below DTLS until the peer is authenticated. A peer that sends more is cut
/// off: the SCTP receive window and the queues above it are sized for frames, and cannot be smaller at
/// first.
pub(crate) struct PreAuthQuota {
    limited: AtomicBool,
    taken: AtomicUsize,
    closed: CloseSignal,
}

impl PreAuthQuota {
    /// `limited`: from the beginning, until [`Self::lift`].
    pub(crate) fn new(limited: bool, closed: CloseSignal) -> Arc<Self> {
        Arc::new(Self {
            limited: AtomicBool::new(limited),
            taken: AtomicUsize::new(0),
            closed,
        })
    }

    /// The peer is authenticated: it is no longer limited.
    pub(crate) fn lift(&self) {
        self.limited.store(false, Ordering::Relaxed);
    }

    /// Whether a datagram may go on to the layers above.
    pub(crate) fn admits(&self, datagram: &[u8]) -> bool {
        if !self.limited.load(Ordering::Relaxed) || is_check(datagram) {
            return true;
        }
        let taken = self.taken.fetch_add(datagram.len(), Ordering::Relaxed);
        let admitted = datagram.len() <= BYTES.saturating_sub(taken);
        if !admitted {
            self.closed.close(CloseReason::Violation);
        }
        admitted
    }
}

/// Whether it is a STUN or TURN message, of which nothing is kept; those that carry data are not
/// meant (RFC 5389, RFC 5766).
fn is_check(datagram: &[u8]) -> bool {
    const DATA_INDICATION: [u8; 2] = [0x00, 0x17];
    matches!(datagram.first(), Some(0..=3)) && !datagram.starts_with(&DATA_INDICATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_sends_more_is_cut_off() {
        let signal = CloseSignal::default();
        let quota = PreAuthQuota::new(true, signal.clone());
        let (record, check) = ([22; 1024], [0, 1, 0, 0]);
        for _ in 0..64 {
            assert!(quota.admits(&record));
        }
        assert_eq!(signal.reason(), None);
        assert!(!quota.admits(&[22]));
        assert_eq!(signal.reason(), Some(CloseReason::Violation));
        assert!(quota.admits(&check));
        let relayed = [&[0x00, 0x17][..], &record].concat();
        assert!(!quota.admits(&relayed));
    }

    #[test]
    fn an_authenticated_peer_is_not_limited() {
        let signal = CloseSignal::default();
        let (open, lifted) = (
            PreAuthQuota::new(false, signal.clone()),
            PreAuthQuota::new(true, signal.clone()),
        );
        lifted.lift();
        for _ in 0..1000 {
            assert!(open.admits(&[22; 1024]) && lifted.admits(&[22; 1024]));
        }
        assert_eq!(signal.reason(), None);
    }
}
