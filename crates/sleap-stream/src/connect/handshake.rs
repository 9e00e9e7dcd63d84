//! Announcing a stream, and the worker's acknowledgement.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use link::{Receiver, Sender};
use protocol::{AckStatus, Message, StreamAck, StreamStart, text, versions_fit};
use tokio::time::{sleep, timeout};

use crate::connect::trust::TrustError;

/// How long a busy worker gets the announcement again: a little more than it takes to notice a dead client.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(7);
/// How long it is left alone before that.
pub(crate) const BUSY_INTERVAL: Duration = Duration::from_secs(1);

/// The worker serves another client.
#[derive(Debug)]
pub(crate) struct WorkerBusy(String);

impl fmt::Display for WorkerBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker is busy: {} (--wait waits for it)", self.0)
    }
}

impl std::error::Error for WorkerBusy {}

/// What a stream is announced with, over however many connections.
pub(crate) struct StreamRequest {
    start: StreamStart,
    /// The number of the first track that the worker may begin.
    next_track: AtomicU32,
    ack_timeout: Duration,
}

impl StreamRequest {
    pub(crate) fn new(start: StreamStart, ack_timeout: Duration) -> Self {
        Self {
            next_track: AtomicU32::new(start.next_track),
            start,
            ack_timeout,
        }
    }

    /// Sets the number of the first track that the worker may begin.
    pub(crate) fn begin_tracks_at(&self, number: u32) {
        self.next_track.store(number, Relaxed);
    }

    /// Announces the stream and waits until the worker is ready. A busy worker gets the announcement again
    /// for `busy_timeout`, or for ever: it may not have noticed yet that its last client is dead. With its
    /// acknowledgement goes how long that took.
    pub(crate) async fn make(
        &self,
        sender: &Sender,
        receiver: &mut Receiver,
        busy_timeout: Option<Duration>,
    ) -> Result<(StreamAck, Duration)> {
        let began = Instant::now();
        loop {
            let asked = Instant::now();
            let start = StreamStart {
                next_track: self.next_track.load(Relaxed),
                ..self.start.clone()
            };
            sender.send(Message::StreamStart(start)).await?;
            let ack = timeout(self.ack_timeout, wait_for_ack(receiver)).await;
            let ack = ack.map_err(|_| {
                anyhow!(
                    "the worker did not answer STREAM_START within {} s: it does not speak frame \
                     streaming (a SLEAP-RTC worker without streaming?)",
                    self.ack_timeout.as_secs_f64()
                )
            })??;
            if ack.status != AckStatus::Ready {
                // A worker without room is not held up by lanes.
                sender.end_shard_lanes();
            }
            let reason = ack
                .message
                .as_deref()
                .map(|reason| text::cut(reason, text::REASON));
            match &ack.status {
                AckStatus::Ready => {
                    log_versions(ack.worker_version.as_deref());
                    return Ok((ack, asked.elapsed()));
                }
                AckStatus::Busy if busy_timeout.is_none_or(|limit| began.elapsed() < limit) => {
                    tracing::info!("the worker is busy; asking again");
                    sleep(BUSY_INTERVAL).await;
                }
                AckStatus::Busy => {
                    let reason = reason.unwrap_or("it serves another client".into());
                    return Err(WorkerBusy(reason.into_owned()).into());
                }
                other => {
                    let reason = reason.unwrap_or_else(|| text::cut(other.as_str(), text::REASON));
                    bail!("the worker refuses the stream: {reason}")
                }
            }
        }
    }
}

async fn wait_for_ack(receiver: &mut Receiver) -> Result<StreamAck> {
    let mut warned = false;
    loop {
        match receiver.recv().await {
            Some(Ok(Message::StreamAck(ack))) => return Ok(ack),
            Some(Ok(Message::AuthChallenge(_))) => {
                return Err(TrustError::secret_demanded().into());
            }
            Some(Ok(other)) => {
                tracing::debug!(message = ?other, "not an acknowledgement; ignored");
            }
            Some(Err(error)) if !std::mem::replace(&mut warned, true) => {
                tracing::warn!(%error, "message ignored; further ones are logged with -v");
            }
            Some(Err(error)) => tracing::debug!(%error, "message ignored"),
            None => bail!(
                "the worker closed the connection before the stream began{}",
                because(receiver)
            ),
        }
    }
}

/// Logs that the worker's version is too far from this client's.
fn log_versions(worker: Option<&str>) {
    let client = env!("CARGO_PKG_VERSION");
    if let Some(worker) = worker.filter(|worker| !versions_fit(client, worker)) {
        tracing::warn!(
            "the worker has version {} and this client {client}: they may misunderstand each other. \
             Install the same version on both machines",
            text::cut(worker, text::NAME)
        );
    }
}

/// Whether the worker returns a result for each frame.
pub(crate) fn returns_results(ack: &StreamAck) -> bool {
    ack.answers || ack.model.is_some()
}

/// Why the channel closed, as the end of a sentence.
pub(crate) fn because(receiver: &Receiver) -> String {
    receiver
        .closed_because()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}
