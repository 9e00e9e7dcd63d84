//! Signs of life to the worker.

use link::Sender;
use protocol::{HEARTBEAT, Message, StreamAck};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

/// Sends a sign of life every second, to a worker that does so too.
pub(crate) fn heartbeat(ack: &StreamAck, sender: &Sender) -> Option<AbortOnDropHandle<()>> {
    let sender = sender.clone();
    let beat = async move {
        let mut tick = interval(HEARTBEAT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if sender.send(Message::KeepAlive).await.is_err() {
                return;
            }
        }
    };
    ack.heartbeat
        .then(|| AbortOnDropHandle::new(tokio::spawn(beat)))
}
