//! Messages that show the peer that this side is there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::Message;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;

use super::queue::{OutgoingUnit, UnitOrder, WeakSendQueue};

/// Sends keep-alive messages while it is set to. Clones share the setting; the messages end with the last clone.
#[derive(Clone)]
pub(super) struct KeepAlive {
    queue: WeakSendQueue,
    sending: Arc<Mutex<Option<Sending>>>,
}

struct Sending {
    interval: Duration,
    _task: AbortOnDropHandle<()>,
}

impl KeepAlive {
    /// Sends nothing yet.
    pub(super) fn new(queue: WeakSendQueue) -> Self {
        Self {
            queue,
            sending: Arc::default(),
        }
    }

    /// Sends a message at this interval from now on; `None`: none.
    pub(super) fn set(&self, interval: Option<Duration>) {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if sending.as_ref().map(|sending| sending.interval) == interval {
            return;
        }
        *sending = interval.map(|interval| Sending {
            interval,
            _task: AbortOnDropHandle::new(tokio::spawn(send(self.queue.clone(), interval))),
        });
    }
}

/// Queues a message at each interval. Where the queue is full, what waits in it shows that this side is there.
async fn send(queue: WeakSendQueue, interval: Duration) {
    let mut due = interval_at(Instant::now() + interval, interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        // The queue is not held between two messages, so that it ends with its senders.
        let Some(queue) = queue.upgrade() else {
            return;
        };
        let unit = OutgoingUnit::Message {
            payload: Message::KeepAlive.encode(),
            order: UnitOrder::Aside,
        };
        if queue.push(unit).await.is_err() {
            return;
        }
    }
}
