//! The task that owns a channel's sending side.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::coded::CodedUnit;
use protocol::{Message, Payload};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info};

use super::splitter::{UnitBody, UnitSplitter};
use super::writer::ChannelWriter;
use crate::channel::lanes::Lanes;
use crate::channel::queue::{OutgoingUnit, UnitOrder};
use crate::channel::shards::{SentUnit, ShardDealer};
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
    /// Lanes for shards, as far as they are there.
    dealer: ShardDealer,
}

impl SendTask {
    pub(super) fn new(lanes: Arc<Lanes>, writer: ChannelWriter) -> Self {
        let mtu = lanes.first().config().sctp.mtu;
        Self {
            dealer: ShardDealer::new(lanes.shards().clone(), mtu),
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
                unit = units.recv() => unit.map(Some),
                () = net::due(self.dealer.pause_at()) => Some(None),
                _ = closed.closed() => return,
            };
            let done = match unit {
                Some(Some(unit)) => self.process(unit).await,
                Some(None) => self.count_units().await,
                None => {
                    // Every sender is gone; what was queued shall still arrive.
                    let _ = timeout(close_timeout, self.drain()).await;
                    return;
                }
            };
            if done.is_err() {
                closed.close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn process(&mut self, unit: OutgoingUnit) -> Result<(), ChannelClosed> {
        match unit {
            OutgoingUnit::Message { payload, order } => self.message(payload, order).await,
            OutgoingUnit::Frame {
                frame,
                slot,
                receipt,
                order,
            } => {
                let unit = CodedUnit::of_frame(&frame);
                let what = SentUnit::Frame(frame.meta.frame_id);
                if order == UnitOrder::Passing && self.dealer.send(&unit, what).await {
                    self.writer.unqueue(frame.data.len());
                    receipt.handed_now();
                    return Ok(());
                }
                if self.lanes.shards().keeps() {
                    self.settle().await?;
                }
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
            OutgoingUnit::LostAnswers => {
                let lost = self.lanes.shards().take_lost_answers();
                self.answer_again(lost).await
            }
            OutgoingUnit::LateShards => {
                self.dealer.send_late().await;
                Ok(())
            }
            OutgoingUnit::Close(done) => {
                let _ = self.drain().await;
                self.close().await;
                let _ = done.send(());
                Ok(())
            }
        }
    }

    /// Sends a message: an answer that may pass others in shards, where there are lanes for them.
    async fn message(&mut self, payload: Payload, order: UnitOrder) -> Result<(), ChannelClosed> {
        match (payload, order) {
            (Payload::Text(text), UnitOrder::Passing) => {
                let what = SentUnit::Answer(text.clone());
                let data = Bytes::new();
                let unit = CodedUnit { text, data };
                if self.dealer.send(&unit, what).await {
                    self.writer.unqueue(unit.text.len());
                    return Ok(());
                }
                let payload = Payload::Text(unit.text);
                self.deal(UnitBody::Message(payload), order).await
            }
            (payload, order) => {
                if order == UnitOrder::Strict {
                    self.settle().await?;
                }
                self.deal(UnitBody::Message(payload), order).await
            }
        }
    }

    /// Sends what makes that a message which follows over the channel arrives after the units before it.
    async fn settle(&mut self) -> Result<(), ChannelClosed> {
        let under_way = self.lanes.shards().take_answers_under_way();
        self.answer_again(under_way).await?;
        self.count_units().await
    }

    /// Sends answers over the channel that were sent in shards. A client ignores one that it has.
    async fn answer_again(&mut self, answers: Vec<String>) -> Result<(), ChannelClosed> {
        for answer in answers {
            let payload = Payload::Text(answer);
            self.transmit(payload, UnitOrder::Aside).await?;
        }
        Ok(())
    }

    /// Tells how many units were sent in shards, where the receiver does not know.
    async fn count_units(&mut self) -> Result<(), ChannelClosed> {
        match self.dealer.take_count() {
            Some(next) => {
                let payload = Message::ShardsSent(next).encode();
                self.transmit(payload, UnitOrder::Aside).await
            }
            None => Ok(()),
        }
    }

    /// Sends a message of this task's own.
    async fn transmit(&mut self, payload: Payload, order: UnitOrder) -> Result<(), ChannelClosed> {
        // Its bytes were not counted as queued.
        self.writer.queue(payload.len());
        self.deal(UnitBody::Message(payload), order).await
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
    async fn drain(&mut self) -> Result<(), ChannelClosed> {
        self.settle().await?;
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
