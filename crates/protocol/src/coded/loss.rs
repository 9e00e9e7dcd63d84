//! Units that are lost, and why.

use thiserror::Error;

/// Units that will not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostUnits {
    /// The number of the first of them.
    pub first: u32,
    /// How many, in a row.
    pub count: u32,
    /// Why.
    pub reason: LossReason,
}

impl LostUnits {
    /// `first` as the receiver counts, in 64 bits: on the wire it is the lower half.
    pub(super) fn new(first: u64, count: u32, reason: LossReason) -> Self {
        Self {
            first: first as u32,
            count,
            reason,
        }
    }
}

/// Why a unit is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LossReason {
    /// None of its shards arrived before a newer unit was whole.
    #[error("none of its shards arrived")]
    Missing,
    /// Too few of its shards arrived before a newer unit was whole.
    #[error("{arrived} of its shards arrived, {needed} are needed at least")]
    Incomplete {
        /// Shards that arrived.
        arrived: usize,
        /// Data shards that it has.
        needed: usize,
    },
    /// Its shards do not give what was sent.
    #[error("its checksum is wrong")]
    Damaged,
    /// Newer units needed its place.
    #[error("too much was under way")]
    NoRoom,
    /// There is no memory for it.
    #[error("no memory for {bytes} bytes")]
    OutOfMemory {
        /// Bytes of the unit.
        bytes: usize,
    },
}
