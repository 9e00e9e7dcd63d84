//! Messages and whole frames over an open connection.
//!
//! ```text
//! Sender ── SendQueue ──▶ SendTask ──▶ lanes ══▶ peer ══▶ LaneReceiver ──▶ Receiver
//!                              └ UnitSplitter                 └ UnitMerger
//! ```
//!
//! A channel begins with one connection, its first lane; further [`lanes`] are connections of their
//! own that carry it together with the first. Lanes for [`shards`] carry live frames beside it, where
//! packets are lost.

mod config;
mod keep_alive;
mod lanes;
mod queue;
mod receipt;
pub(crate) mod receive;
mod send;
mod shards;
mod stats;
mod traffic;

use std::sync::Arc;

pub use config::ChannelConfig;
pub use receipt::SendReceipt;
pub use receive::Receiver;
pub use send::{SendError, Sender};
pub use stats::LinkStats;

use crate::connection::Connection;
use lanes::Lanes;
use queue::SendQueue;
use traffic::Traffic;

/// An open data channel to one peer. The connection closes when both halves are dropped;
/// [`Sender::close`] ends it in order.
pub struct Channel {
    /// The sending half.
    pub sender: Sender,
    /// The receiving half.
    pub receiver: Receiver,
}

impl Channel {
    /// The channel over an open connection, whose peer has offered so many lanes for shards in its description. Must be
    /// called within a Tokio runtime.
    pub(crate) fn over(
        connection: Connection,
        config: &ChannelConfig,
        offered_shard_lanes: usize,
    ) -> Self {
        let traffic = Arc::<Traffic>::default();
        let (queue, units) = SendQueue::new(traffic.clone());
        let weak = queue.downgrade();
        let (lanes, arriving) = Lanes::new(connection, config, weak, traffic.clone());
        let lanes = Arc::new(lanes.offered(offered_shard_lanes));
        Self {
            sender: Sender::spawn(queue, units, lanes.clone(), traffic.clone(), config),
            receiver: Receiver::new(lanes, arriving, traffic, config.limits.clone()),
        }
    }
}
