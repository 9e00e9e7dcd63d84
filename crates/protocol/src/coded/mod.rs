//! Units that survive lost packets: cut into shards, with parity shards beside them.
//!
//! ```text
//!  frame, answer ── CodedUnit ── ShardEncoder ──▶ shards, one packet each, over lanes that lose some
//!                                                   │
//!  frame, answer ◀─ CodedUnit ◀── ShardCollector ◀──┘      ShardCounts ──▶ ParityChooser
//! ```
//!
//! A unit is complete once enough of its shards have arrived, whichever they are. No shard is sent
//! twice and none waits for another, so that a lost packet costs no time.

mod blocks;
mod code;
mod collector;
mod encoder;
mod field;
mod late;
mod loss;
mod parity;
mod received;
mod shard;
mod unit;

pub use collector::{Collected, CollectorLimits, ShardCollector};
pub use encoder::{CodedUnitTooLarge, ShardEncoder};
pub use loss::{LossReason, LostUnits};
pub use parity::{ParityChooser, ShardCounts, max_parity};
pub use shard::{
    MAX_CODED_BYTES, MAX_SHARD_MESSAGE_BYTES, SHARD_HEADER_BYTES, SHARD_MESSAGE_BYTES, Shard,
    ShardError, ShardHeader, WIDE_SHARD_MESSAGE_BYTES,
};
pub use unit::{Carried, CarriedError, CodedUnit};
