//! The wait for the first frame of a program, while the worker is ready.

use std::time::Instant;

use anyhow::{Result, bail};
use link::Channel;
use protocol::StreamAck;
use tokio::sync::oneshot;
use vision::capture::{Capture, SourceInfo};

use crate::connect::handshake;
use crate::connect::reconnect::{Reconnector, WorkerIdentity};

/// The frames of a program, of which there is none yet.
pub(crate) struct PushedSource {
    /// What is known of them; their size is 0.
    pub(crate) info: SourceInfo,
    /// The frames, once there is one. The sender is dropped where there will be none.
    pub(crate) first: oneshot::Receiver<Capture>,
}

/// Waits for the first frame; `None` where there will be none. A lost connection is replaced meanwhile, `ack` with
/// it.
pub(super) async fn wait(
    mut first: oneshot::Receiver<Capture>,
    channel: &mut Channel,
    ack: &mut StreamAck,
    reconnector: &Reconnector,
) -> Result<Option<Capture>> {
    loop {
        tokio::select! {
            capture = &mut first => return Ok(capture.ok()),
            message = channel.receiver.recv() => match message {
                Some(message) => tracing::debug!(?message, "a message before the first frame; ignored"),
                None => (*channel, *ack) = find_again(channel, ack, reconnector).await?,
            },
        }
    }
}

/// Another connection to the worker of `ack`.
async fn find_again(
    channel: &Channel,
    ack: &StreamAck,
    reconnector: &Reconnector,
) -> Result<(Channel, StreamAck)> {
    let because = handshake::because(&channel.receiver);
    let worker = reconnector.worker();
    let timeout = reconnector.reconnect_timeout();
    if timeout.is_zero() {
        bail!("the connection to {worker} was lost before the first frame{because}");
    }
    tracing::warn!(
        "the connection to the worker is lost{because}; looking for it for {} s",
        timeout.as_secs_f64()
    );
    let identity = WorkerIdentity::of(ack);
    let found = reconnector.find_again(&identity, Instant::now()).await;
    found.map_err(|error| {
        error.context(format!(
            "the connection to {worker} was lost before the first frame{because}, and there is no other"
        ))
    })
}
