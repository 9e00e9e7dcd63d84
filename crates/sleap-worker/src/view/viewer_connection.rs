//! The connection of one viewer: pictures as fast as it confirms them, and a status every second and with a new stream.

use std::sync::Arc;
use std::time::Duration;

use link::{Channel, Receiver, SendError, Sender};
use protocol::{FrameError, Message, PictureOf, ZoneResult};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::broker::{ViewBroker, ViewerHandle};
use super::picture::Picture;
use super::rules_feed::RulesFeed;
use super::status::StatusOfAll;
use super::viewers::StreamPicture;
use crate::replies::forward;

/// A viewer that has sent no VIEW by then is disconnected.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves a viewer until it leaves, is evicted, or `shutdown` is cancelled; closes its channel then.
pub(super) async fn run(
    channel: Channel,
    mut viewer: ViewerHandle,
    broker: Arc<ViewBroker>,
    shutdown: CancellationToken,
) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let mut statuses = broker.statuses();
    let mut rules = RulesFeed::new(broker.rules());
    let mut results = broker.zone_results();
    // The broker keeps the sender of statuses.
    drop(broker);
    tokio::select! {
        served = serve(&sender, &mut receiver, &mut viewer, &mut statuses, (&mut rules, &mut results)) => {
            if served.is_err() {
                debug!("a viewer's channel is closed");
            }
        }
        () = shutdown.cancelled() => {}
    }
    drop(viewer);
    sender.close().await;
}

async fn serve(
    sender: &Sender,
    receiver: &mut Receiver,
    viewer: &mut ViewerHandle,
    statuses: &mut watch::Receiver<Arc<StatusOfAll>>,
    (rules, results): (&mut RulesFeed, &mut broadcast::Receiver<ZoneResult>),
) -> Result<(), SendError> {
    let deadline = Instant::now() + FIRST_REQUEST_TIMEOUT;
    let mut has_asked = false;
    loop {
        tokio::select! {
            message = receiver.recv() => match message {
                None => return Ok(()),
                Some(Ok(Message::View(view))) => {
                    let is_other = viewer.request(&view);
                    if !has_asked || is_other {
                        has_asked = true;
                        rules.forget();
                        send_status(sender, statuses, viewer).await?;
                        send_rules(sender, rules, viewer).await?;
                    }
                }
                Some(Ok(Message::FrameReceived(seen))) => viewer.confirm(seen.frame_id),
                Some(Ok(Message::TrackNames(names))) => viewer.name_tracks(&names).await,
                Some(Ok(Message::ZoneEdit(edit))) => {
                    if let Some(result) = viewer.edit_zone(edit).await {
                        send(sender, Message::ZoneResult(result)).await?;
                    }
                }
                Some(Ok(other)) => debug!(message = ?other, "a message that viewers do not send; ignored"),
                Some(Err(error)) => debug!(%error, "a viewer's message cannot be read"),
            },
            picture = viewer.pictures.recv() => match picture {
                Some(StreamPicture { stream, picture }) => {
                    // A status before the pictures that it tells of.
                    if statuses.has_changed().unwrap_or(false) {
                        send_status(sender, statuses, viewer).await?;
                    }
                    send_picture(sender, &stream, picture).await?;
                }
                None => return send(sender, eviction()).await,
            },
            Ok(()) = statuses.changed(), if has_asked => send_status(sender, statuses, viewer).await?,
            () = rules.changed(), if has_asked => send_rules(sender, rules, viewer).await?,
            Ok(result) = results.recv() => send(sender, Message::ZoneResult(result)).await?,
            () = sleep_until(deadline), if !has_asked => return Ok(()),
        }
    }
}

async fn send_status(
    sender: &Sender,
    statuses: &mut watch::Receiver<Arc<StatusOfAll>>,
    viewer: &ViewerHandle,
) -> Result<(), SendError> {
    let status = Arc::clone(&statuses.borrow_and_update());
    let status = status.seen_by(viewer.chosen.as_deref());
    send(sender, Message::Status(Box::new(status))).await
}

async fn send_picture(
    sender: &Sender,
    stream: &Arc<str>,
    Picture { frame, result }: Picture,
) -> Result<(), SendError> {
    let stream = stream.to_string();
    send(sender, Message::Picture(PictureOf { stream })).await?;
    sender.send_frame(frame).await?;
    send(sender, result).await
}

async fn send_rules(
    sender: &Sender,
    rules: &mut RulesFeed,
    viewer: &ViewerHandle,
) -> Result<(), SendError> {
    for message in rules.messages(viewer.chosen.as_deref()) {
        send(sender, message).await?;
    }
    Ok(())
}

/// A message that is too large is replaced by an error message, or left out.
async fn send(sender: &Sender, message: Message) -> Result<(), SendError> {
    forward::send_or_excuse(message, &|message| sender.send(message)).await
}

fn eviction() -> Message {
    Message::Error(FrameError {
        frame_id: None,
        message: "Another viewer has taken this page's place.".into(),
    })
}
