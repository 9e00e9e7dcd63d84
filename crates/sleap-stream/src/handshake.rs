//! Announcing a stream and hearing that the worker is ready for it.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use link::{Receiver, Sender};
use protocol::{Message, StreamAck, StreamStart};
use tokio::time::{sleep, timeout};
use vision::capture::SourceInfo;

use crate::args::Config;

/// How long a busy worker is asked again: a little more than it takes to notice a dead client.
const BUSY_PATIENCE: Duration = Duration::from_secs(7);
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Announces the stream and waits for the worker's word that it is ready. A worker whose last
/// client died may not have noticed yet: one that is busy is asked again for a while.
pub(crate) async fn start(
    sender: &Sender,
    receiver: &mut Receiver,
    config: &Config,
    info: &SourceInfo,
) -> Result<StreamAck> {
    let began = Instant::now();
    let announcement = announcement(config, info);
    loop {
        sender
            .send(Message::StreamStart(announcement.clone()))
            .await?;
        let ack = timeout(config.ack_timeout, wait_for_ack(receiver)).await;
        let ack = ack.map_err(|_| {
            anyhow!(
                "the worker did not answer STREAM_START within {} s: it does not speak frame \
                 streaming (a SLEAP-RTC worker without streaming?)",
                config.ack_timeout.as_secs_f64()
            )
        })??;
        let word = ack.message.as_deref();
        match ack.status.as_str() {
            StreamAck::READY => return Ok(ack),
            StreamAck::BUSY if began.elapsed() < BUSY_PATIENCE => {
                tracing::info!("the worker is busy; asking again");
                sleep(BUSY_RETRY).await;
            }
            StreamAck::BUSY => bail!(
                "the worker is busy: {}",
                word.unwrap_or("it serves another client")
            ),
            other => bail!("the worker refuses the stream: {}", word.unwrap_or(other)),
        }
    }
}

async fn wait_for_ack(receiver: &mut Receiver) -> Result<StreamAck> {
    loop {
        match receiver.recv().await {
            Some(Ok(Message::StreamAck(ack))) => return Ok(ack),
            Some(Ok(Message::AuthChallenge(_))) => {
                bail!("the worker asks for authentication, which this client does not support yet")
            }
            Some(Ok(other)) => {
                tracing::debug!(message = ?other, "not an acknowledgement; ignored");
            }
            Some(Err(error)) => tracing::warn!(%error, "message ignored"),
            None => bail!(
                "the worker closed the connection before the stream began{}",
                because(receiver)
            ),
        }
    }
}

fn announcement(config: &Config, info: &SourceInfo) -> StreamStart {
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
    }
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
