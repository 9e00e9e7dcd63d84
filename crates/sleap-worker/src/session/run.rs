//! A session's life: from the open channel to its close.

use std::sync::Arc;
use std::time::Duration;

use cli::Interrupt;
use link::{Channel, Sender};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::{Ended, Session, Worker, forward};
use crate::places::Place;

/// Answers that may wait for the data channel before the engine waits for it.
const REPLIES: usize = 64;

/// A client that has not asked for a stream by then is sent away.
pub(super) const FIRST_STREAM: Duration = Duration::from_secs(30);

/// How long the last answers may take once a session is to end: a client may have stopped reading.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Logs a session's task that did not end by itself.
pub(crate) fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a client's session stopped unexpectedly");
    }
}

/// Serves one client until it leaves, is sent away, or the worker is interrupted.
pub(crate) async fn run(
    worker: Arc<Worker>,
    channel: Channel,
    place: Arc<Place>,
    interrupt: Interrupt,
) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let _connected = worker.metrics.client();
    let (replies, outbox) = mpsc::channel(REPLIES);
    // A set, because it ends its task with this session, however that ends.
    let mut answers = JoinSet::new();
    let to_client = sender.clone();
    answers.spawn(forward::run(outbox, move |message| {
        let sender = to_client.clone();
        async move { sender.send(message).await }
    }));
    let mut session = Session::new(worker, replies, Arc::clone(&place));
    let ended = tokio::select! {
        ended = session.serve(&mut receiver) => ended,
        () = interrupt.raised() => Ended::Interrupted,
        () = place.dismissed() => Ended::Dismissed,
    };
    if matches!(ended, Ended::Dismissed | Ended::Mute) {
        // Answers that wait for a client that is away would hold up whoever comes now.
        answers.abort_all();
    }
    let in_order = async {
        session.leave(ended, receiver.closed_because()).await;
        // All senders of the outbox are gone with the session and its frames.
        drop(session);
        if ended == Ended::Interrupted {
            finish(&mut answers, &sender).await;
        }
    };
    if timeout(LAST_ANSWERS, in_order).await.is_err() {
        debug!("the client does not take its last answers; it is left without");
        return;
    }
    drop(answers);
    sender.close().await;
}

/// What was answered leaves.
async fn finish(answers: &mut JoinSet<()>, sender: &Sender) {
    answers.join_next().await;
    // Lost answers are the client's loss: it has ended the channel.
    let _ = sender.flush().await;
}
