//! What the worker sends to a client: acknowledgements, results of frames, and how they are sent.

pub(crate) mod ack;
pub(crate) mod forward;
pub(crate) mod result;

/// Associations that a client may open for its stream.
pub(crate) const MAX_LANES: usize = 8;

/// Associations that a client may open beside its channel for what it sends in shards.
pub(crate) const MAX_SHARD_LANES: usize = protocol::MAX_SHARD_LANES;
