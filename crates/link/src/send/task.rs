//! The task that owns a channel's sending side.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use protocol::{Frame, Payload};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::debug;
use webrtc::data_channel::DataChannelEvent;

use crate::channel::{CloseReason, Transport};

/// Longest wait for the peer to confirm that the channel is closed.
const CLOSE_CONFIRMATION: Duration = Duration::from_millis(500);
/// The low-buffer signal reaches this side only through the receiver, which may be idle.
const DRAIN_RECHECK: Duration = Duration::from_millis(20);

/// What the sending task takes off the queue at a time.
pub(super) enum Unit {
    Message(Payload),
    Frame {
        frame: Frame,
        slot: OwnedSemaphorePermit,
        handed: oneshot::Sender<Instant>,
    },
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

impl Unit {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Frame { frame, .. } => frame.data.len(),
            Self::Flush(_) | Self::Close(_) => 0,
        }
    }
}

/// Owner of the data channel's sending side.
pub(super) struct Task {
    pub(super) transport: Arc<Transport>,
    pub(super) chunk_bytes: usize,
}

/// The channel takes no more messages.
struct Ended;

impl Task {
    pub(super) async fn run(self, mut units: mpsc::Receiver<Unit>, close_timeout: Duration) {
        loop {
            let unit = tokio::select! {
                unit = units.recv() => unit,
                _ = self.transport.signals.closed() => return,
            };
            let Some(unit) = unit else {
                // Every sender is gone; what was queued shall still arrive.
                let _ = timeout(close_timeout, self.drain()).await;
                return;
            };
            if self.process(unit).await.is_err() {
                self.transport.signals.close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn process(&self, unit: Unit) -> Result<(), Ended> {
        let bytes = unit.bytes();
        let result = match unit {
            Unit::Message(payload) => self.transmit(payload).await,
            Unit::Frame {
                frame,
                slot,
                handed,
            } => {
                // From here on the next frame may wait.
                drop(slot);
                self.transmit_frame(&frame).await.map(|()| {
                    let _ = handed.send(Instant::now());
                })
            }
            Unit::Flush(done) => self.drain().await.map(|()| {
                let _ = done.send(());
            }),
            Unit::Close(done) => {
                let _ = self.drain().await;
                self.close().await;
                let _ = done.send(());
                Ok(())
            }
        };
        self.transport
            .queued_bytes
            .fetch_sub(bytes, Ordering::Relaxed);
        result
    }

    async fn transmit_frame(&self, frame: &Frame) -> Result<(), Ended> {
        for message in frame.messages(self.chunk_bytes) {
            self.transmit(message.encode()).await?;
        }
        Ok(())
    }

    /// Waits for room in the channel's buffer, then hands one message to SCTP.
    async fn transmit(&self, payload: Payload) -> Result<(), Ended> {
        let bytes = payload.len();
        let data = &self.transport.data;
        let handing = async {
            match &payload {
                Payload::Text(text) => data.send_text(text).await,
                Payload::Binary(chunk) => data.send(BytesMut::from(&chunk[..])).await,
            }
        };
        let result = tokio::select! {
            result = handing => result,
            _ = self.transport.signals.closed() => return Err(Ended),
        };
        result.map_err(|error| {
            debug!(%error, "data channel takes no more messages");
            Ended
        })?;
        self.transport.sent.add(bytes);
        Ok(())
    }

    /// Waits until the peer has acknowledged everything.
    async fn drain(&self) -> Result<(), Ended> {
        loop {
            let drained = self.transport.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            match self.transport.data.outstanding_bytes().await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(Ended),
            }
            tokio::select! {
                () = drained => {}
                () = sleep(DRAIN_RECHECK) => {}
                _ = self.transport.signals.closed() => return Err(Ended),
            }
        }
    }

    /// Closes the channel and waits briefly for the peer's confirmation.
    async fn close(&self) {
        let data = &self.transport.data;
        self.transport.signals.close(CloseReason::Local);
        let _ = data.close().await;
        let confirmed =
            async { while !matches!(data.poll().await, Some(DataChannelEvent::OnClose) | None) {} };
        tokio::select! {
            () = confirmed => {}
            // A receiver that is being polled sees the confirmation first.
            () = self.transport.ended.notified() => {}
            () = sleep(CLOSE_CONFIRMATION) => debug!("the peer did not confirm the closing"),
        }
    }
}
