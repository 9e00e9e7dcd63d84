//! The task that owns a channel's sending side.

use std::time::Duration;

use protocol::{Frame, Message, Payload};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};
use webrtc::data_channel::DataChannelEvent;

use super::Handed;
use super::outflow::{Ended, Outflow};
use crate::channel::CloseReason;
use crate::lanes::split::{Body, Order, Split};

/// Longest wait for the peer to confirm that the channel is closed.
const CLOSE_CONFIRMATION: Duration = Duration::from_millis(500);

/// What the sending task takes off the queue at a time.
pub(crate) enum Unit {
    Message {
        payload: Payload,
        order: Order,
    },
    Frame {
        frame: Frame,
        slot: OwnedSemaphorePermit,
        handed: Handed,
        order: Order,
    },
    Flush(oneshot::Sender<()>),
    /// From here on all lanes are used.
    Split,
    Close(oneshot::Sender<()>),
}

impl Unit {
    pub(crate) fn message(payload: Payload, order: Order) -> Self {
        Self::Message { payload, order }
    }

    /// Bytes that count as queued until they are with SCTP.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Frame { frame, .. } => frame.data.len(),
            Self::Flush(_) | Self::Split | Self::Close(_) => 0,
        }
    }
}

/// Owner of the channel's sending side.
pub(super) struct Task {
    outflow: Outflow,
    /// Several lanes, once they are there.
    split: Option<Split>,
}

impl Task {
    pub(super) fn new(outflow: Outflow) -> Self {
        Self {
            outflow,
            split: None,
        }
    }

    pub(super) async fn run(mut self, mut units: mpsc::Receiver<Unit>, close_timeout: Duration) {
        let transport = self.outflow.transport.clone();
        loop {
            let unit = tokio::select! {
                unit = units.recv() => unit,
                _ = transport.signals.closed() => return,
            };
            let Some(unit) = unit else {
                // Every sender is gone; what was queued shall still arrive.
                let _ = timeout(close_timeout, self.drain()).await;
                return;
            };
            if self.process(unit).await.is_err() {
                transport.signals.close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn process(&mut self, unit: Unit) -> Result<(), Ended> {
        match unit {
            Unit::Message { payload, order } => self.deal(Body::Message(payload), order).await,
            Unit::Frame {
                frame,
                slot,
                handed,
                order,
            } => {
                // With one lane the next frame may wait from here on, with several from where this
                // one has found its lane.
                let slot = self.split.is_some().then_some(slot);
                let dealt = self.deal(Body::Frame { frame, handed }, order).await;
                drop(slot);
                dealt
            }
            Unit::Flush(done) => self.drain().await.map(|()| {
                let _ = done.send(());
            }),
            Unit::Split => self.split().await,
            Unit::Close(done) => {
                let _ = self.drain().await;
                self.close().await;
                let _ = done.send(());
                Ok(())
            }
        }
    }

    /// Sends a unit, or has one of the lanes send it.
    async fn deal(&mut self, body: Body, order: Order) -> Result<(), Ended> {
        if let Some(split) = &mut self.split {
            return split.deal(body, order).await;
        }
        let bytes = body.bytes();
        let sent = match body {
            Body::Message(payload) => self.outflow.transmit(payload).await,
            Body::Frame { frame, handed } => self
                .outflow
                .transmit_frame(&frame)
                .await
                .map(|()| handed.now()),
        };
        self.outflow.unqueue(bytes);
        sent
    }

    async fn split(&mut self) -> Result<(), Ended> {
        let split = Split::new(&self.outflow.transport, &self.outflow);
        let lanes = split.lanes();
        info!(lanes, "sending over several lanes");
        let announced = Message::Lanes(lanes as u32).encode();
        self.outflow.transmit(announced).await?;
        self.split = Some(split);
        Ok(())
    }

    /// Waits until the peer has acknowledged everything.
    async fn drain(&self) -> Result<(), Ended> {
        match &self.split {
            Some(split) => split.drain().await,
            None => self.outflow.drain().await,
        }
    }

    /// Closes the channel and waits briefly for the peer's confirmation.
    async fn close(&self) {
        let transport = &self.outflow.transport;
        let data = &self.outflow.pipe.data;
        transport.signals.close(CloseReason::Local);
        if let Some(split) = &self.split {
            split.close().await;
        }
        let _ = data.close().await;
        let confirmed =
            async { while !matches!(data.poll().await, Some(DataChannelEvent::OnClose) | None) {} };
        tokio::select! {
            () = confirmed => {}
            // A receiver that is being polled sees the confirmation first.
            () = transport.ended.notified() => {}
            () = sleep(CLOSE_CONFIRMATION) => debug!("the peer did not confirm the closing"),
        }
    }
}
