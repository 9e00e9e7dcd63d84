//! Sending over one association.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use protocol::{Frame, Payload};
use tokio::time::sleep;
use tracing::debug;

use crate::channel::Transport;
use crate::lanes::Pipe;

/// The low-buffer signal reaches this side only through the receiver, which may be idle.
const DRAIN_RECHECK: Duration = Duration::from_millis(20);

/// The channel takes no more messages.
#[derive(Debug)]
pub(crate) struct Ended;

/// The sending end of one association of a channel.
#[derive(Clone)]
pub(crate) struct Outflow {
    pub(crate) transport: Arc<Transport>,
    pub(crate) pipe: Pipe,
    pub(crate) chunk_bytes: usize,
}

impl Outflow {
    /// The same over another association of the channel.
    pub(crate) fn with_pipe(&self, pipe: Pipe) -> Self {
        Self {
            transport: self.transport.clone(),
            chunk_bytes: self.chunk_bytes.min(pipe.max_message_bytes.max(1)),
            pipe,
        }
    }

    /// Bytes that were queued are with SCTP, or given up.
    pub(crate) fn unqueue(&self, bytes: usize) {
        let queued = &self.transport.queued_bytes;
        queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Waits for `event`, but not beyond the channel's end.
    pub(crate) async fn unless_closed<T>(
        &self,
        event: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        tokio::select! {
            event = event => Ok(event),
            _ = self.transport.signals.closed() => Err(Ended),
        }
    }

    pub(crate) async fn transmit_frame(&self, frame: &Frame) -> Result<(), Ended> {
        for message in frame.messages(self.chunk_bytes) {
            self.transmit(message.encode()).await?;
        }
        Ok(())
    }

    /// Waits for room in the channel's buffer, then hands one message to SCTP.
    pub(crate) async fn transmit(&self, payload: Payload) -> Result<(), Ended> {
        let bytes = payload.len();
        let data = &self.pipe.data;
        let handing = async {
            match &payload {
                Payload::Text(text) => data.send_text(text).await,
                Payload::Binary(chunk) => data.send(BytesMut::from(&chunk[..])).await,
            }
        };
        self.unless_closed(handing).await?.map_err(|error| {
            debug!(%error, "data channel takes no more messages");
            Ended
        })?;
        self.transport.sent.add(bytes);
        Ok(())
    }

    /// Waits until the peer has acknowledged everything.
    pub(crate) async fn drain(&self) -> Result<(), Ended> {
        loop {
            let drained = self.pipe.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            match self.pipe.data.outstanding_bytes().await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(Ended),
            }
            self.unless_closed(async {
                tokio::select! {
                    () = drained => {}
                    () = sleep(DRAIN_RECHECK) => {}
                }
            })
            .await?;
        }
    }
}
