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
    /// Of sent shards: those that are cut from units, and those that are calculated from these.
    data_shard_bytes: AtomicU64,
    parity_shard_bytes: AtomicU64,
}

impl Traffic {
    /// A shard is with SCTP.
    pub(super) fn add_shard(&self, bytes: usize, is_parity: bool) {
        self.sent.add(bytes);
        let counter = match is_parity {
            true => &self.parity_shard_bytes,
            false => &self.data_shard_bytes,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of the shards that were sent: `(data, parity)`.
    pub(super) fn shard_bytes(&self) -> (u64, u64) {
        (
            self.data_shard_bytes.load(Ordering::Relaxed),
            self.parity_shard_bytes.load(Ordering::Relaxed),
        )
    }

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
