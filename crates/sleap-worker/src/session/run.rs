//! A session's life: from the open channel to its close.

use std::sync::Arc;
use std::time::Duration;

use cli::Interrupt;
use link::{Channel, Sender};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::{Session, SessionContext, SessionEnd};
use crate::admission::ClientSlot;
use crate::replies::forward;

/// Replies that may wait for the data channel, beside those of a client's batch, before the stream waits for it.
const REPLY_QUEUE_LEN: usize = 64;

/// A client that has asked for nothing by then is disconnected.
pub(super) const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait for the last results to be sent at the end of a session: a client may have stopped reading.
const LAST_RESULTS_TIMEOUT: Duration = Duration::from_secs(5);

/// Logs a session's task that did not end by itself.
pub(crate) fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a client's session stopped unexpectedly");
    }
}

/// Serves one client until it leaves, is evicted, or the worker is interrupted.
pub(crate) async fn run(
    context: Arc<SessionContext>,
    channel: Channel,
    client: Arc<ClientSlot>,
    interrupt: Interrupt,
) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let _connected = context.metrics.client();
    let (replies, outbox) = mpsc::channel(REPLY_QUEUE_LEN + context.pipeline.client_batch());
    // A set, because it ends its task with this session, in whatever way that ends.
    let mut sending = JoinSet::new();
    let to_client = sender.clone();
    sending.spawn(forward::run(outbox, move |message| {
        let sender = to_client.clone();
        async move { sender.send(message).await }
    }));
    let mut session = Session::new(context, replies, Arc::clone(&client));
    let ended = tokio::select! {
        ended = session.serve(&sender, &mut receiver) => ended,
        () = interrupt.raised() => SessionEnd::Interrupted,
        () = client.evicted() => SessionEnd::Evicted,
    };
    if matches!(ended, SessionEnd::Evicted | SessionEnd::HeartbeatLost) {
        // Replies that wait for a client that is away would hold up the next client.
        sending.abort_all();
    }
    let in_order = async {
        session.leave(ended, receiver.closed_because()).await;
        // All senders of the outbox are gone with the session and its frames.
        drop(session);
        if ended == SessionEnd::Interrupted {
            finish(&mut sending, &sender).await;
        }
    };
    if timeout(LAST_RESULTS_TIMEOUT, in_order).await.is_err() {
        debug!("the client does not take its last results; they are dropped");
        return;
    }
    drop(sending);
    sender.close().await;
}

/// Sends what is queued.
async fn finish(sending: &mut JoinSet<()>, sender: &Sender) {
    sending.join_next().await;
    // A client that has closed the channel takes no more results.
    let _ = sender.flush().await;
}
