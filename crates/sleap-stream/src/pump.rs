//! From the encoder to the link: whole frames, in order, as fast as the link takes them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use link::Sender;
use protocol::Message;
use tokio::sync::mpsc;

use crate::encode::Outgoing;
use crate::flight::Flight;

/// What the pump has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) frames: u64,
    /// Payload bytes of frames, without messages around them.
    pub(crate) bytes: u64,
}

/// Sends until the encoder has no more or the link is closed; `progress` sees the running totals.
pub(crate) async fn run(
    mut outgoing: mpsc::Receiver<Outgoing>,
    sender: Sender,
    flight: Arc<Mutex<Flight>>,
    progress: tokio::sync::watch::Sender<Sent>,
) -> Result<Sent, link::SendError> {
    let mut sent = Sent::default();
    while let Some(item) = outgoing.recv().await {
        match item {
            Outgoing::BatchStart(count) => sender.send(Message::BatchStart(count)).await?,
            Outgoing::BatchEnd(count) => sender.send(Message::BatchEnd(count)).await?,
            Outgoing::Frame(frame) => {
                let (id, bytes) = (frame.meta.frame_id, frame.meta.nbytes);
                flight
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .sent(id, Instant::now());
                sender.send_frame(frame).await?;
                sent.frames += 1;
                sent.bytes += bytes;
                progress.send_replace(sent);
            }
        }
    }
    Ok(sent)
}
