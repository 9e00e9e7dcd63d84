//! What went in shards, and the parity beside it.

use link::LinkStats;

/// Bytes of shards that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ShardTotals {
    /// Over connections that are over.
    before: ShardBytes,
    /// Over the last one.
    now: ShardBytes,
}

/// Bytes of shards of frames, and of the parity beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ShardBytes {
    data: u64,
    parity: u64,
}

impl ShardTotals {
    /// Takes over what a connection has sent. One that has sent less than the last is another one.
    pub(crate) fn update(&mut self, stats: &LinkStats) {
        let (data, parity) = (stats.data_shard_bytes, stats.parity_shard_bytes);
        if data < self.now.data {
            self.before = ShardBytes {
                data: self.data(),
                parity: self.parity(),
            };
        }
        self.now = ShardBytes { data, parity };
    }

    /// Bytes of shards of frames, headers included.
    pub(crate) fn data(&self) -> u64 {
        self.before.data + self.now.data
    }

    /// Bytes of parity.
    pub(crate) fn parity(&self) -> u64 {
        self.before.parity + self.now.parity
    }

    /// Parity for each hundred bytes of shards; `None`: nothing went in shards.
    pub(crate) fn percent(&self) -> Option<f64> {
        (self.data() > 0).then(|| 100.0 * self.parity() as f64 / self.data() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_several_connections_are_added_up() {
        let mut totals = ShardTotals::default();
        assert_eq!(totals.percent(), None);
        for (data, parity) in [(500, 100), (1000, 200), (0, 0), (1000, 0)] {
            let mut stats = LinkStats::default();
            (stats.data_shard_bytes, stats.parity_shard_bytes) = (data, parity);
            totals.update(&stats);
        }
        assert_eq!((totals.data(), totals.parity()), (2000, 200));
        assert_eq!(totals.percent(), Some(10.0));
    }
}
