//! What is said over one connection, and what it means for the run.

use std::time::Duration;

use anyhow::anyhow;
use link::{Channel, Receiver, SendError, Sender};
use protocol::{Message, text};
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::connect::handshake::because;
use crate::connect::trust::TrustError;

/// A worker that says nothing for so long is gone; it says something every 15 s.
pub(super) const WORKER_TIMEOUT: Duration = Duration::from_secs(45);

/// How often this side says that it is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How a worker's refusals begin that pass by themselves.
const BUSY: &str = "busy: ";

/// Why a connection did not bring the predictions.
#[derive(Debug)]
pub(super) enum TransferError {
    /// Another connection may.
    Lost(String),
    /// The worker may later.
    Busy(String),
    /// What the worker had of the file did not fit what was sent; all of it may.
    Damaged(String),
    /// Nothing will.
    Final(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for TransferError {
    fn from(error: E) -> Self {
        TransferError::Final(error.into())
    }
}

impl TransferError {
    /// What a worker's refusal amounts to.
    pub(super) fn refusal(reason: &str) -> Self {
        match busy(reason) {
            Some(reason) => TransferError::Busy(reason),
            None => TransferError::Final(refuses(reason)),
        }
    }
}

/// Why the worker is busy, if that is what it says.
pub(super) fn busy(reason: &str) -> Option<String> {
    reason.strip_prefix(BUSY).map(short)
}

pub(super) fn refuses(reason: &str) -> anyhow::Error {
    anyhow!("the worker refuses the file: {}", short(reason))
}

/// Both directions of a connection.
pub(super) struct FileChannel<'a> {
    sender: Sender,
    receiver: &'a mut Receiver,
    silence: Duration,
    /// Bytes of the file that the worker has, as far as it has said; who says where to begin also
    /// says later on.
    pub(super) received: Option<u64>,
    /// That a message cannot be read was told.
    warned: bool,
    _alive: AbortOnDropHandle<()>,
}

impl<'a> FileChannel<'a> {
    /// `silence`: when a worker that says nothing counts as gone.
    pub(super) fn over(channel: &'a mut Channel, silence: Duration) -> Self {
        let Channel { sender, receiver } = channel;
        Self {
            sender: sender.clone(),
            receiver,
            silence,
            received: None,
            warned: false,
            _alive: keep_alive(sender.clone()),
        }
    }

    /// Sends while listening: a worker that takes nothing for a while says that it is there, and one
    /// that refuses the file does so in the midst of it.
    pub(super) async fn say(&mut self, message: Message) -> Result<(), TransferError> {
        let sending = self.sender.send(message);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return match sent {
                    Err(SendError::Closed(reason)) => {
                        Err(TransferError::Lost(format!("the connection was lost ({reason})")))
                    }
                    sent => Ok(sent?),
                },
                message = next(self.receiver, self.silence, &mut self.warned) => match message? {
                    Message::Progress { received, .. } => self.received = Some(received),
                    message => refused(message)?,
                },
            }
        }
    }

    /// The next message of a worker that is there.
    pub(super) async fn next(&mut self) -> Result<Message, TransferError> {
        next(self.receiver, self.silence, &mut self.warned).await
    }
}

async fn next(
    receiver: &mut Receiver,
    silence: Duration,
    warned: &mut bool,
) -> Result<Message, TransferError> {
    loop {
        match timeout(silence, receiver.recv()).await {
            Err(_) => {
                return Err(TransferError::Lost(
                    "the worker has stopped answering".into(),
                ));
            }
            Ok(None) => {
                let lost = format!("the connection was lost{}", because(receiver));
                return Err(TransferError::Lost(lost));
            }
            Ok(Some(Ok(message))) => return Ok(message),
            Ok(Some(Err(error))) if !std::mem::replace(warned, true) => {
                tracing::warn!(%error, "message ignored; further ones are logged with -v");
            }
            Ok(Some(Err(error))) => tracing::debug!(%error, "message ignored"),
        }
    }
}

/// Fails if a message is a refusal; others are of no concern.
pub(super) fn refused(message: Message) -> Result<(), TransferError> {
    match message {
        Message::UploadError(reason) | Message::FileError(reason) => {
            Err(TransferError::refusal(&reason))
        }
        Message::AuthChallenge(_) => Err(TrustError::asked().into()),
        Message::KeepAlive | Message::Progress { .. } => Ok(()),
        other => {
            tracing::debug!(message = ?other, "ignored");
            Ok(())
        }
    }
}

/// As much of a worker's words as is kept for people.
pub(super) fn short(words: &str) -> String {
    text::cut(words, text::REASON).into_owned()
}

fn keep_alive(sender: Sender) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut due = interval(KEEP_ALIVE_INTERVAL);
        due.tick().await;
        loop {
            due.tick().await;
            if sender.send(Message::KeepAlive).await.is_err() {
                return;
            }
        }
    }))
}
