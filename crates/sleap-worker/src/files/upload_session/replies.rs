//! What a client receives on its uploads.

use protocol::Message;
use tokio::sync::mpsc;
use tracing::info;

use crate::metrics::{Metrics, UploadOutcome};

/// Sends replies on uploads.
pub(super) struct UploadReplies {
    replies: mpsc::Sender<Message>,
    metrics: Metrics,
}

impl UploadReplies {
    /// Replies to the client behind `replies`.
    pub(super) fn new(replies: mpsc::Sender<Message>, metrics: Metrics) -> Self {
        Self { replies, metrics }
    }

    /// The queue of the client's messages.
    pub(super) fn queue(&self) -> mpsc::Sender<Message> {
        self.replies.clone()
    }

    /// Sends a message.
    pub(super) async fn send(&self, message: Message) {
        // Without a connection to the client there is nothing to send; the session ends by itself.
        let _ = self.replies.send(message).await;
    }

    /// A file is not taken.
    pub(super) async fn refuse(&self, is_checked: bool, reason: String) {
        self.metrics.upload(UploadOutcome::Refused);
        self.fail(is_checked, reason).await;
    }

    /// An upload failed.
    pub(super) async fn break_off(&self, is_checked: bool, reason: String) {
        self.metrics.upload(UploadOutcome::Broken);
        self.fail(is_checked, reason).await;
    }

    async fn fail(&self, is_checked: bool, reason: String) {
        info!(%reason, "file refused");
        self.send(match is_checked {
            true => Message::UploadError(reason),
            false => Message::FileError(reason),
        })
        .await;
    }
}
