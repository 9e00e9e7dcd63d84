//! The messages of one connection, and what they mean for the run.

use std::time::Duration;

use anyhow::anyhow;
use link::{Channel, Receiver, SendError, Sender};
use protocol::Message;
use protocol::text::{REASON, cut};
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::connect::handshake::because;
use crate::connect::trust::TrustError;

/// After this long without a message the worker is gone; it sends one every 15 s.
pub(super) const WORKER_TIMEOUT: Duration = Duration::from_secs(45);

/// How often the client sends a sign of life.
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
    worker_timeout: Duration,
    /// Bytes of the file that the worker has reported; a worker that reports where to begin also
    /// reports later on.
    pub(super) received: Option<u64>,
    /// The warning that a message cannot be read was logged.
    warned: bool,
    _alive: AbortOnDropHandle<()>,
}

impl<'a> FileChannel<'a> {
    /// `worker_timeout`: after this long without a message the worker counts as gone.
    pub(super) fn new(channel: &'a mut Channel, worker_timeout: Duration) -> Self {
        let Channel { sender, receiver } = channel;
        Self {
            sender: sender.clone(),
            receiver,
            worker_timeout,
            received: None,
            warned: false,
            _alive: keep_alive(sender.clone()),
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
                message = next(self.receiver, self.worker_timeout, &mut self.warned) => match message? {
                    Message::Progress { received, .. } => self.received = Some(received),
                    message => refused(message)?,
                },
            }
        }
    }

    /// The next message of the worker.
    pub(super) async fn recv(&mut self) -> Result<Message, TransferError> {
        next(self.receiver, self.worker_timeout, &mut self.warned).await
    }
}

async fn next(
    receiver: &mut Receiver,
    worker_timeout: Duration,
    warned: &mut bool,
) -> Result<Message, TransferError> {
    loop {
        match timeout(worker_timeout, receiver.recv()).await {
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
