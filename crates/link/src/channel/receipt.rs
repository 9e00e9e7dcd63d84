//! When a frame has left the send queue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};

/// Resolves to the instant at which the last message of a frame was handed to SCTP, or to `None`
/// if the channel closed before. May be dropped.
#[derive(Debug)]
pub struct SendReceipt(oneshot::Receiver<Instant>);

impl Future for SendReceipt {
    type Output = Option<Instant>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx).map(Result::ok)
    }
}

/// Reports once that a frame has been handed to SCTP. When it is dropped, the frame is no longer queued.
pub(super) struct ReceiptSender {
    handed: oneshot::Sender<Instant>,
    _guard: QueuedFrameGuard,
}

impl ReceiptSender {
    pub(super) fn handed_now(self) {
        // The receipt may have been dropped.
        let _ = self.handed.send(Instant::now());
    }
}

/// Frames that were queued and are not with SCTP; clones share the count.
#[derive(Clone, Default)]
pub(super) struct QueuedFrames(watch::Sender<usize>);

impl QueuedFrames {
    /// Counts one more frame.
    pub(super) fn add(&self) -> (ReceiptSender, SendReceipt) {
        let (handed, receipt) = oneshot::channel();
        self.0.send_modify(|frames| *frames += 1);
        let sender = ReceiptSender {
            handed,
            _guard: QueuedFrameGuard(self.clone()),
        };
        (sender, SendReceipt(receipt))
    }

    /// Waits until there are fewer than `limit`.
    pub(super) async fn fewer_than(&self, limit: usize) {
        let mut frames = self.0.subscribe();
        // The sender is a field of `self`, so it outlives this borrow.
        let _ = frames.wait_for(|frames| *frames < limit).await;
    }
}

struct QueuedFrameGuard(QueuedFrames);

impl Drop for QueuedFrameGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|frames| *frames -= 1);
    }
}
