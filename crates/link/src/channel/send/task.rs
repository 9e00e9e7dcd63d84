//! The task that owns a channel's sending side.

use std::sync::Arc;
use std::time::Duration;

use protocol::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info};

use super::splitter::{UnitBody, UnitSplitter};
use super::writer::ChannelWriter;
use crate::channel::lanes::Lanes;
use crate::channel::queue::{OutgoingUnit, UnitOrder};
use crate::close::CloseReason;
use crate::connection::ChannelClosed;

/// Longest wait for the peer to confirm that the channel is closed.
const CLOSE_CONFIRMATION: Duration = Duration::from_millis(500);

/// Owner of the channel's sending side.
pub(super) struct SendTask {
    lanes: Arc<Lanes>,
    writer: ChannelWriter,
    /// Several lanes, once they are there.
    splitter: Option<UnitSplitter>,
}

impl SendTask {
    pub(super) fn new(lanes: Arc<Lanes>, writer: ChannelWriter) -> Self {
        Self {
            lanes,
            writer,
            splitter: None,
        }
    }

    pub(super) async fn run(
        mut self,
        mut units: mpsc::Receiver<OutgoingUnit>,
        close_timeout: Duration,
    ) {
        let closed = self.writer.closed().clone();
        loop {
            let unit = tokio::select! {
                unit = units.recv() => unit,
                _ = closed.closed() => return,
            };
            let Some(unit) = unit else {
                // Every sender is gone; what was queued shall still arrive.
                let _ = timeout(close_timeout, self.drain()).await;
                return;
            };
            if self.process(unit).await.is_err() {
                closed.close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn process(&mut self, unit: OutgoingUnit) -> Result<(), ChannelClosed> {
        match unit {
            OutgoingUnit::Message { payload, order } => {
                self.deal(UnitBody::Message(payload), order).await
            }
            OutgoingUnit::Frame {
                frame,
                slot,
                receipt,
                order,
            } => {
                // With one lane the next frame may wait from here on, with several from where this
                // one has found its lane.
                let slot = self.splitter.is_some().then_some(slot);
                let dealt = self.deal(UnitBody::Frame { frame, receipt }, order).await;
                drop(slot);
                dealt
            }
            OutgoingUnit::Flush(done) => self.drain().await.map(|()| {
                let _ = done.send(());
            }),
            OutgoingUnit::Split => self.split().await,
            OutgoingUnit::Close(done) => {
                let _ = self.drain().await;
                self.close().await;
                let _ = done.send(());
                Ok(())
            }
        }
    }

    /// Sends a unit, or has one of the lanes send it.
    async fn deal(&mut self, body: UnitBody, order: UnitOrder) -> Result<(), ChannelClosed> {
        if let Some(splitter) = &mut self.splitter {
            return splitter.deal(body, order).await;
        }
        let bytes = body.bytes();
        let sent = match body {
            UnitBody::Message(payload) => self.writer.transmit(payload).await,
            UnitBody::Frame { frame, receipt } => self
                .writer
                .transmit_frame(&frame)
                .await
                .map(|()| receipt.handed_now()),
        };
        self.writer.unqueue(bytes);
        sent
    }

    async fn split(&mut self) -> Result<(), ChannelClosed> {
        let splitter = UnitSplitter::new(self.lanes.use_all(), &self.writer);
        let lanes = splitter.lanes();
        info!(lanes, "sending over several lanes");
        let announced = Message::Lanes(lanes as u32).encode();
        self.writer.transmit(announced).await?;
        self.splitter = Some(splitter);
        Ok(())
    }

    /// Waits until the peer has acknowledged everything.
    async fn drain(&self) -> Result<(), ChannelClosed> {
        match &self.splitter {
            Some(splitter) => splitter.drain().await,
            None => self.writer.drain().await,
        }
    }

    /// Closes the channel and waits briefly for the peer's confirmation.
    async fn close(&self) {
        self.writer.closed().close(CloseReason::Local);
        if let Some(splitter) = &self.splitter {
            splitter.close().await;
        }
        let association = self.writer.association();
        association.close().await;
        let confirmed = timeout(CLOSE_CONFIRMATION, association.close_confirmed()).await;
        if confirmed.is_err() {
            debug!("the peer did not confirm the closing");
        }
    }
}
