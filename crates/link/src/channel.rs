use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;
use webrtc::data_channel::DataChannel;

use crate::config::PeerConfig;
use crate::ice::servers::Servers;
use crate::lanes::Lanes;
use crate::peer::{Connection, Signals};
use crate::receive::Receiver;
use crate::send::Sender;
use crate::socket::Granted;

/// An open data channel to one peer. The connection closes when both halves are dropped;
/// [`Sender::close`] ends it in order.
pub struct Channel {
    pub sender: Sender,
    pub receiver: Receiver,
}

impl Channel {
    pub(crate) fn new(transport: Transport, config: &PeerConfig) -> Self {
        let transport = Arc::new(transport);
        Self {
            sender: Sender::spawn(transport.clone(), config),
            receiver: Receiver::new(transport, config.limits.clone()),
        }
    }
}

/// Why a channel is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it.
    Local,
    /// The peer closed it.
    Remote,
    /// Nothing was heard of the peer for the peer timeout.
    PeerLost,
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
            Self::Violation => "the peer broke the protocol",
        })
    }
}

/// Messages and bytes in one direction.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Counter {
    pub(crate) fn add(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

/// What both halves of a channel share.
pub(crate) struct Transport {
    pub(crate) data: Arc<dyn DataChannel>,
    pub(crate) connection: Connection,
    pub(crate) signals: Arc<Signals>,
    pub(crate) granted: Arc<Granted>,
    pub(crate) servers: Arc<Servers>,
    /// Longest message that the peer takes, in bytes.
    pub(crate) max_message_bytes: usize,
    /// Further associations that carry the channel.
    pub(crate) lanes: Lanes,
    pub(crate) sent: Counter,
    pub(crate) received: Counter,
    /// Bytes in the send queue that SCTP does not have yet.
    pub(crate) queued_bytes: AtomicUsize,
    /// Rings when SCTP has nothing left to deliver.
    pub(crate) drained: Arc<Notify>,
    /// Rings when the receiver has seen the channel's end.
    pub(crate) ended: Notify,
}

impl Transport {
    pub(crate) fn new(
        data: Arc<dyn DataChannel>,
        connection: Connection,
        signals: Arc<Signals>,
        granted: Arc<Granted>,
        servers: Arc<Servers>,
        max_message_bytes: u32,
        lanes: Lanes,
    ) -> Self {
        Self {
            data,
            connection,
            signals,
            granted,
            servers,
            max_message_bytes: max_message_bytes as usize,
            lanes,
            sent: Counter::default(),
            received: Counter::default(),
            queued_bytes: AtomicUsize::new(0),
            drained: Arc::default(),
            ended: Notify::new(),
        }
    }
}
