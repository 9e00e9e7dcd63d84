//! Announcing a stream and hearing that the worker is ready for it.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use link::{Receiver, Sender};
use protocol::{AckStatus, Message, StreamAck, StreamStart, text};
use tokio::time::{sleep, timeout};
use vision::capture::SourceInfo;

use crate::args::Config;
use crate::trust::Distrust;

/// How long a busy worker is asked again: a little more than it takes to notice a dead client.
pub(crate) const BUSY_PATIENCE: Duration = Duration::from_secs(7);
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The worker serves somebody else.
#[derive(Debug)]
pub(crate) struct Busy(String);

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker is busy: {} (--wait waits for it)", self.0)
    }
}

impl std::error::Error for Busy {}

/// What a stream is announced with, over however many connections.
pub(crate) struct Announcement {
    start: StreamStart,
    ack_timeout: Duration,
}

impl Announcement {
    pub(crate) fn new(config: &Config, info: &SourceInfo) -> Self {
        Self {
            start: stream_start(config, info),
            ack_timeout: config.ack_timeout,
        }
    }

    /// Announces the stream and waits for the worker's word that it is ready. One that is busy is
    /// asked again for `patience`, or for ever: its last client may be dead without its knowing.
    pub(crate) async fn make(
        &self,
        sender: &Sender,
        receiver: &mut Receiver,
        patience: Option<Duration>,
    ) -> Result<StreamAck> {
        let began = Instant::now();
        loop {
            sender
                .send(Message::StreamStart(self.start.clone()))
                .await?;
            let ack = timeout(self.ack_timeout, wait_for_ack(receiver)).await;
            let ack = ack.map_err(|_| {
                anyhow!(
                    "the worker did not answer STREAM_START within {} s: it does not speak frame \
                     streaming (a SLEAP-RTC worker without streaming?)",
                    self.ack_timeout.as_secs_f64()
                )
            })??;
            let word = ack
                .message
                .as_deref()
                .map(|word| text::cut(word, text::REASON));
            match &ack.status {
                AckStatus::Ready => return Ok(ack),
                AckStatus::Busy if patience.is_none_or(|patience| began.elapsed() < patience) => {
                    tracing::info!("the worker is busy; asking again");
                    sleep(BUSY_RETRY).await;
                }
                AckStatus::Busy => {
                    let word = word.unwrap_or("it serves another client".into());
                    return Err(Busy(word.into_owned()).into());
                }
                other => {
                    let word = word.unwrap_or_else(|| text::cut(other.as_str(), text::REASON));
                    bail!("the worker refuses the stream: {word}")
                }
            }
        }
    }
}

async fn wait_for_ack(receiver: &mut Receiver) -> Result<StreamAck> {
    let mut told = false;
    loop {
        match receiver.recv().await {
            Some(Ok(Message::StreamAck(ack))) => return Ok(ack),
            Some(Ok(Message::AuthChallenge(_))) => {
                return Err(Distrust::asked().into());
            }
            Some(Ok(other)) => {
                tracing::debug!(message = ?other, "not an acknowledgement; ignored");
            }
            Some(Err(error)) if !std::mem::replace(&mut told, true) => {
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

fn stream_start(config: &Config, info: &SourceInfo) -> StreamStart {
    let frames = |count: Option<u64>| {
        count
            .and_then(|count| i64::try_from(count).ok())
            .unwrap_or(-1)
    };
    let (width, height) = config.resize.unwrap_or((info.width, info.height));
    StreamStart {
        source_name: info.name.clone(),
        is_webcam: info.is_live,
        total_frames: frames(info.total_frames),
        frames_to_send: frames(frames_to_send(config, info)),
        sample_rate: config.capture.selection.sample_rate,
        batch_size: config.batch_size,
        fps: config.capture.fps.or(info.fps),
        width,
        height,
        original_width: info.width,
        original_height: info.height,
        jpeg_quality: config.jpeg_quality(),
        answers: true,
        heartbeat: true,
        stream_id: stream_id(),
    }
}

/// A name that nobody can guess: whoever knows it may take the stream's place. None where the
/// system has no randomness; then a worker that is busy with this client's former self says so.
fn stream_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// How many frames there will be, where that is known.
pub(crate) fn frames_to_send(config: &Config, info: &SourceInfo) -> Option<u64> {
    match (info.frames_to_send, config.max_frames) {
        (Some(there), Some(wanted)) => Some(there.min(wanted)),
        (there, wanted) => there.or(wanted),
    }
}

/// Why the channel closed, as the end of a sentence.
pub(crate) fn because(receiver: &Receiver) -> String {
    receiver
        .closed_because()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}
