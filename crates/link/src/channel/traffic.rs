use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Messages and bytes in one direction.
#[derive(Debug, Default)]
pub(super) struct TrafficCounter {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl TrafficCounter {
    pub(super) fn add(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// `(messages, bytes)`.
    pub(super) fn get(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

/// What a channel has carried, over all its lanes.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) sent: TrafficCounter,
    pub(super) received: TrafficCounter,
    queued_bytes: AtomicUsize,
}

impl Traffic {
    /// Bytes in the send queue that SCTP does not have yet.
    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn queue(&self, bytes: usize) {
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were queued are with SCTP, or given up.
    pub(super) fn unqueue(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
