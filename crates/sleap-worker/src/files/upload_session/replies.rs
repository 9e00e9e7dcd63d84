//! What a client receives on its uploads.

use protocol::Message;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::files::KEEP_ALIVE_INTERVAL;
use crate::metrics::{Metrics, UploadOutcome};

/// Sends replies on uploads, and shows from time to time that the worker is there.
pub(super) struct UploadReplies {
    replies: mpsc::Sender<Message>,
    metrics: Metrics,
    keep_alive: Option<AbortOnDropHandle<()>>,
}

impl UploadReplies {
    /// Replies to the client behind `replies`.
    pub(super) fn new(replies: mpsc::Sender<Message>, metrics: Metrics) -> Self {
        Self {
            replies,
            metrics,
            keep_alive: None,
        }
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

    /// Sends keep-alive messages from the client's first message on.
    pub(super) fn keep_alive(&mut self) {
        let replies = &self.replies;
        self.keep_alive.get_or_insert_with(|| {
            let replies = replies.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                let mut due = interval(KEEP_ALIVE_INTERVAL);
                due.set_missed_tick_behavior(MissedTickBehavior::Delay);
                due.tick().await;
                loop {
                    due.tick().await;
                    // Where other messages wait to be sent, those show it.
                    if let Err(mpsc::error::TrySendError::Closed(_)) =
                        replies.try_send(Message::KeepAlive)
                    {
                        return;
                    }
                }
            }))
        });
    }
}
