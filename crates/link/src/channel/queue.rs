//! The send queue of a channel.

use std::sync::Arc;

use protocol::{Frame, Payload};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::receipt::ReceiptSender;
use super::traffic::Traffic;

/// Units that may wait in the send queue. At most one of them is a frame.
const SEND_QUEUE_LEN: usize = 64;

/// What a unit may be given out before, and what before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitOrder {
    /// Nothing may pass it, and it passes nothing.
    Strict,
    /// It may pass others such as itself, but nothing strict.
    Passing,
    /// Given out as soon as it arrives; only what is strict may not pass it.
    Aside,
}

/// What the sending task takes off the queue at a time.
pub(super) enum OutgoingUnit {
    Message {
        payload: Payload,
        order: UnitOrder,
    },
    Frame {
        frame: Frame,
        slot: OwnedSemaphorePermit,
        receipt: ReceiptSender,
        order: UnitOrder,
    },
    /// Resolves the sender once the peer has acknowledged everything before.
    Flush(oneshot::Sender<()>),
    /// From here on all lanes are used.
    Split,
    /// Answers that were lost as shards are sent again.
    LostAnswers,
    /// Shards that the peer asks for are sent.
    LateShards,
    /// Closes the channel; resolves the sender once the peer has been notified.
    Close(oneshot::Sender<()>),
}

impl OutgoingUnit {
    /// Bytes that count as queued until they are with SCTP.
    fn bytes(&self) -> usize {
        match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Frame { frame, .. } => frame.data.len(),
            Self::Flush(_)
            | Self::Split
            | Self::LostAnswers
            | Self::LateShards
            | Self::Close(_) => 0,
        }
    }
}

/// The sending task has ended.
#[derive(Debug)]
pub(super) struct QueueClosed;

/// The sending end; clones share the queue. The queue ends when all of them are dropped.
#[derive(Clone)]
pub(super) struct SendQueue {
    units: mpsc::Sender<OutgoingUnit>,
    traffic: Arc<Traffic>,
}

/// A sending end that does not keep the queue from ending.
#[derive(Clone)]
pub(super) struct WeakSendQueue {
    units: mpsc::WeakSender<OutgoingUnit>,
    traffic: Arc<Traffic>,
}

impl SendQueue {
    pub(super) fn new(traffic: Arc<Traffic>) -> (Self, mpsc::Receiver<OutgoingUnit>) {
        let (units, queued) = mpsc::channel(SEND_QUEUE_LEN);
        (Self { units, traffic }, queued)
    }

    /// Queues a unit, and counts its bytes until they are with SCTP; waits while the queue is full.
    pub(super) async fn push(&self, unit: OutgoingUnit) -> Result<(), QueueClosed> {
        let permit = self.units.reserve().await.map_err(|_| QueueClosed)?;
        self.traffic.queue(unit.bytes());
        permit.send(unit);
        Ok(())
    }

    /// Queues a unit, if the queue has room.
    pub(super) fn try_push(&self, unit: OutgoingUnit) -> bool {
        let Ok(permit) = self.units.try_reserve() else {
            return false;
        };
        self.traffic.queue(unit.bytes());
        permit.send(unit);
        true
    }

    pub(super) fn downgrade(&self) -> WeakSendQueue {
        WeakSendQueue {
            units: self.units.downgrade(),
            traffic: self.traffic.clone(),
        }
    }
}

impl WeakSendQueue {
    /// The queue; `None` once it has ended.
    pub(super) fn upgrade(&self) -> Option<SendQueue> {
        Some(SendQueue {
            units: self.units.upgrade()?,
            traffic: self.traffic.clone(),
        })
    }
}
