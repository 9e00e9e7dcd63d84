//! Sending over one association.

use std::future::Future;
use std::sync::Arc;

use protocol::{Frame, Payload};

use crate::channel::traffic::Traffic;
use crate::close::CloseSignal;
use crate::connection::{Association, ChannelClosed};

/// The sending end of one association of a channel.
#[derive(Clone)]
pub(super) struct ChannelWriter {
    association: Arc<Association>,
    /// The channel's end.
    closed: CloseSignal,
    traffic: Arc<Traffic>,
    /// Longest binary message of a frame, in bytes.
    chunk_bytes: usize,
}

impl ChannelWriter {
    pub(super) fn new(
        association: Arc<Association>,
        closed: CloseSignal,
        traffic: Arc<Traffic>,
        chunk_bytes: usize,
    ) -> Self {
        Self {
            chunk_bytes: chunk_bytes.clamp(1, association.max_message_bytes().max(1)),
            association,
            closed,
            traffic,
        }
    }

    /// The same over another association of the channel.
    pub(super) fn over(&self, association: Arc<Association>) -> Self {
        Self::new(
            association,
            self.closed.clone(),
            self.traffic.clone(),
            self.chunk_bytes,
        )
    }

    pub(super) fn association(&self) -> &Arc<Association> {
        &self.association
    }

    pub(super) fn closed(&self) -> &CloseSignal {
        &self.closed
    }

    /// Messages that a frame is sent as.
    pub(super) fn messages_of(&self, frame: &Frame) -> usize {
        frame.messages(self.chunk_bytes).count()
    }

    /// Bytes wait to be sent.
    pub(super) fn queue(&self, bytes: usize) {
        self.traffic.queue(bytes);
    }

    /// Bytes that were queued are with SCTP, or given up.
    pub(super) fn unqueue(&self, bytes: usize) {
        self.traffic.unqueue(bytes);
    }

    /// Waits for `event`, but not beyond the channel's end.
    pub(super) async fn unless_closed<T>(
        &self,
        event: impl Future<Output = T>,
    ) -> Result<T, ChannelClosed> {
        tokio::select! {
            event = event => Ok(event),
            _ = self.closed.closed() => Err(ChannelClosed),
        }
    }

    pub(super) async fn transmit_frame(&self, frame: &Frame) -> Result<(), ChannelClosed> {
        for message in frame.messages(self.chunk_bytes) {
            self.transmit(message.encode()).await?;
        }
        Ok(())
    }

    /// Waits for room in the channel's buffer, then hands one message to SCTP.
    pub(super) async fn transmit(&self, payload: Payload) -> Result<(), ChannelClosed> {
        let bytes = payload.len();
        self.unless_closed(self.association.send(&payload))
            .await??;
        self.traffic.sent.add(bytes);
        Ok(())
    }

    /// Waits until the peer has acknowledged everything.
    pub(super) async fn drain(&self) -> Result<(), ChannelClosed> {
        self.unless_closed(self.association.drain()).await?
    }
}
