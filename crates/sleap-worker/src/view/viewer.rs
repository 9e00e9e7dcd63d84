//! One viewer: pictures as fast as it sees them, and a status every second.

use std::sync::Arc;
use std::time::Duration;

use link::{Channel, Receiver, SendError, Sender};
use protocol::{Message, Status};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::hub::{Hub, Seat};
use super::picture::Picture;

/// A viewer that has not asked for anything by then is sent away.
const FIRST_WISH: Duration = Duration::from_secs(30);

/// Serves a viewer until it leaves.
pub(super) async fn run(channel: Channel, mut seat: Seat, hub: Arc<Hub>) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let mut statuses = hub.statuses();
    // The hub keeps the other end.
    drop(hub);
    if serve(&sender, &mut receiver, &mut seat, &mut statuses)
        .await
        .is_err()
    {
        debug!("a viewer's channel is closed");
    }
    drop(seat);
    sender.close().await;
}

async fn serve(
    sender: &Sender,
    receiver: &mut Receiver,
    seat: &mut Seat,
    statuses: &mut watch::Receiver<Status>,
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
                Some(Ok(Message::FrameReceived(_))) => seat.has_seen(),
                Some(Ok(other)) => debug!(message = ?other, "not for a viewer's channel; ignored"),
                Some(Err(error)) => debug!(%error, "a viewer's message cannot be read"),
            },
            Some(Picture { frame, answer }) = seat.pictures.recv() => {
                sender.send_frame(frame).await?;
                sender.send(answer).await?;
            }
            Ok(()) = statuses.changed(), if has_asked => tell(sender, statuses).await?,
            () = sleep_until(patience), if !has_asked => return Ok(()),
        }
    }
}

async fn tell(sender: &Sender, statuses: &mut watch::Receiver<Status>) -> Result<(), SendError> {
    let status = statuses.borrow_and_update().clone();
    sender.send(Message::Status(status)).await
}
