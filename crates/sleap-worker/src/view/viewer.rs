//! One viewer: pictures as fast as it sees them, and a status every second.

use std::sync::Arc;
use std::time::Duration;

use link::{Channel, Receiver, SendError, Sender};
use protocol::{FrameError, Message, WorkerStatus};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::hub::{Hub, Seat};
use super::picture::Picture;
use crate::replies::forward;

/// A viewer that has not asked for anything by then is sent away.
const FIRST_WISH: Duration = Duration::from_secs(30);

/// Serves a viewer until it leaves, or the page is closed for all. Its channel is closed then.
pub(super) async fn run(channel: Channel, mut seat: Seat, hub: Arc<Hub>, over: CancellationToken) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let mut statuses = hub.statuses();
    // The hub keeps the other end.
    drop(hub);
    tokio::select! {
        served = serve(&sender, &mut receiver, &mut seat, &mut statuses) => {
            if served.is_err() {
                debug!("a viewer's channel is closed");
            }
        }
        () = over.cancelled() => {}
    }
    drop(seat);
    sender.close().await;
}

async fn serve(
    sender: &Sender,
    receiver: &mut Receiver,
    seat: &mut Seat,
    statuses: &mut watch::Receiver<WorkerStatus>,
) -> Result<(), SendError> {
    let patience = Instant::now() + FIRST_WISH;
    let mut has_asked = false;
    loop {
        tokio::select! {
            message = receiver.recv() => match message {
                None => return Ok(()),
                Some(Ok(Message::View(view))) => {
                    seat.wants(&view);
                    if !has_asked {
                        has_asked = true;
                        tell(sender, statuses).await?;
                    }
                }
                Some(Ok(Message::FrameReceived(seen))) => seat.has_seen(seen.frame_id),
                Some(Ok(other)) => debug!(message = ?other, "not for a viewer's channel; ignored"),
                Some(Err(error)) => debug!(%error, "a viewer's message cannot be read"),
            },
            picture = seat.pictures.recv() => match picture {
                Some(Picture { frame, answer }) => {
                    sender.send_frame(frame).await?;
                    say(sender, answer).await?;
                }
                None => return say(sender, dismissal()).await,
            },
            Ok(()) = statuses.changed(), if has_asked => tell(sender, statuses).await?,
            () = sleep_until(patience), if !has_asked => return Ok(()),
        }
    }
}

async fn tell(
    sender: &Sender,
    statuses: &mut watch::Receiver<WorkerStatus>,
) -> Result<(), SendError> {
    let status = statuses.borrow_and_update().clone();
    say(sender, Message::Status(status)).await
}

/// What is too large is replaced by a word that says so, or left out.
async fn say(sender: &Sender, message: Message) -> Result<(), SendError> {
    forward::send_or_excuse(message, &|message| sender.send(message)).await
}

fn dismissal() -> Message {
    Message::Error(FrameError {
        frame_id: None,
        message: "Somebody else looks on in this page's place.".into(),
    })
}
