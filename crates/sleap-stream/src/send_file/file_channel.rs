//! The messages of one connection, and what they mean for the run.

use std::time::Duration;

use anyhow::anyhow;
use link::{Channel, CloseReason, Receiver, SendError, Sender};
use protocol::Message;
use protocol::text::{REASON, cut};

use crate::connect::handshake::because;
use crate::connect::trust::TrustError;

/// After this long without a message the worker is gone; it sends one every 15 s.
pub(super) const WORKER_TIMEOUT: Duration = Duration::from_secs(45);

/// Between two messages that show the worker that the client is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The beginning of a refusal that will pass: the worker is busy.
const BUSY: &str = "busy: ";

/// Why a connection did not bring the predictions, and what may.
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
    /// The error that a worker's refusal is.
    pub(super) fn refusal(reason: &str) -> Self {
        match busy(reason) {
            Some(reason) => TransferError::Busy(reason),
            None => TransferError::Final(refuses(reason)),
        }
    }
}

/// Why the worker is busy, if that is its reason.
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
    /// Bytes of the file that the worker has reported; a worker that reports where to begin also
    /// reports later on.
    pub(super) received: Option<u64>,
    /// The warning that a message cannot be read was logged.
    warned: bool,
}

impl<'a> FileChannel<'a> {
    /// `worker_timeout`: after this long without a message the worker counts as gone.
    pub(super) fn new(channel: &'a mut Channel, worker_timeout: Duration) -> Self {
        let Channel { sender, receiver } = channel;
        sender.set_keep_alive(Some(KEEP_ALIVE_INTERVAL));
        receiver.set_silence_limit(Some(worker_timeout));
        Self {
            sender: sender.clone(),
            receiver,
            received: None,
            warned: false,
        }
    }

    /// Receives while it sends: a worker that takes nothing for a while sends signs of life, and one
    /// that refuses the file does so at any moment.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), TransferError> {
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
                message = next(self.receiver, &mut self.warned) => match message? {
                    Message::Progress { received, .. } => self.received = Some(received),
                    message => refused(message)?,
                },
            }
        }
    }

    /// The next message of the worker.
    pub(super) async fn recv(&mut self) -> Result<Message, TransferError> {
        next(self.receiver, &mut self.warned).await
    }
}

async fn next(receiver: &mut Receiver, warned: &mut bool) -> Result<Message, TransferError> {
    loop {
        match receiver.recv().await {
            None => {
                return Err(TransferError::Lost(match receiver.closed_because() {
                    Some(CloseReason::Silent) => "the worker has stopped answering".into(),
                    _ => format!("the connection was lost{}", because(receiver)),
                }));
            }
            Some(Ok(message)) => return Ok(message),
            Some(Err(error)) if !std::mem::replace(warned, true) => {
                tracing::warn!(%error, "message ignored; further ones are logged with -v");
            }
            Some(Err(error)) => tracing::debug!(%error, "message ignored"),
        }
    }
}

/// Fails if a message is a refusal; others are ignored.
pub(super) fn refused(message: Message) -> Result<(), TransferError> {
    match message {
        Message::UploadError(reason) | Message::FileError(reason) => {
            Err(TransferError::refusal(&reason))
        }
        Message::AuthChallenge(_) => Err(TrustError::secret_demanded().into()),
        Message::KeepAlive | Message::Progress { .. } => Ok(()),
        other => {
            tracing::debug!(message = ?other, "ignored");
            Ok(())
        }
    }
}

/// As much of a worker's text as is kept for people.
pub(super) fn short(text: &str) -> String {
    cut(text, REASON).into_owned()
}
