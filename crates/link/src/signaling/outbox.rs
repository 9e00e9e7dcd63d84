//! The messages queued for one socket of the signaling server, and each sender's share of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Number of a socket of the server.
pub(super) type SocketId = u64;

/// Messages queued for one socket at most...
pub(super) const OUTBOX_QUEUE_LEN: usize = 256;
/// ...and their bytes.
pub(super) const MAX_OUTBOX_BYTES: usize = 1024 * 1024;
/// Of them from one sender, so that one peer cannot keep all others from a worker...
pub(super) const MAX_SENDER_MESSAGES: usize = 32;
/// ...and their bytes: the longest message, and some beside it.
pub(super) const MAX_SENDER_BYTES: usize = 192 * 1024;

/// The sending end of a socket's queue. Dropping it ends the socket's task.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<OutboxMessage>,
    totals: Arc<Mutex<OutboxTotals>>,
}

/// The receiving end, in the socket's task.
pub(super) struct OutboxReceiver {
    pub(super) socket: SocketId,
    queue: mpsc::Receiver<OutboxMessage>,
    totals: Arc<Mutex<OutboxTotals>>,
}

#[derive(Debug)]
struct OutboxMessage {
    from: SocketId,
    text: String,
}

/// What is queued, in all and from each sender.
#[derive(Debug, Default)]
struct OutboxTotals {
    bytes: usize,
    /// Messages and bytes of each sender that has any.
    of: HashMap<SocketId, (usize, usize)>,
}

/// Both ends of the queue for a socket.
pub(super) fn outbox(socket: SocketId) -> (Outbox, OutboxReceiver) {
    let (sender, queue) = mpsc::channel(OUTBOX_QUEUE_LEN);
    let totals = Arc::<Mutex<OutboxTotals>>::default();
    let outbox = Outbox {
        queue: sender,
        totals: totals.clone(),
    };
    let receiver = OutboxReceiver {
        socket,
        queue,
        totals,
    };
    (outbox, receiver)
}

impl Outbox {
    /// Queues a message; false where the queue or the sender's share is full.
    pub(super) fn push(&self, from: SocketId, text: String) -> bool {
        let bytes = text.len();
        let Ok(slot) = self.queue.try_reserve() else {
            return false;
        };
        if !lock(&self.totals).add(from, bytes) {
            return false;
        }
        slot.send(OutboxMessage { from, text });
        true
    }
}

impl OutboxReceiver {
    /// The next message to write; `None` when the directory has dropped the socket.
    pub(super) async fn next(&mut self) -> Option<String> {
        let OutboxMessage { from, text } = self.queue.recv().await?;
        lock(&self.totals).remove(from, text.len());
        Some(text)
    }
}

#[cfg(test)]
impl OutboxReceiver {
    /// The next message, if there is one now.
    pub(super) async fn try_next(&mut self) -> Option<String> {
        match self.queue.is_empty() {
            true => None,
            false => self.next().await,
        }
    }
}

impl OutboxTotals {
    fn add(&mut self, from: SocketId, bytes: usize) -> bool {
        let (messages, share) = self.of.get(&from).copied().unwrap_or_default();
        if messages >= MAX_SENDER_MESSAGES
            || bytes > MAX_SENDER_BYTES.saturating_sub(share)
            || bytes > MAX_OUTBOX_BYTES.saturating_sub(self.bytes)
        {
            return false;
        }
        self.of.insert(from, (messages + 1, share + bytes));
        self.bytes += bytes;
        true
    }

    fn remove(&mut self, from: SocketId, bytes: usize) {
        self.bytes -= bytes;
        if let Some((messages, share)) = self.of.get_mut(&from) {
            *messages -= 1;
            *share -= bytes;
            if *messages == 0 {
                self.of.remove(&from);
            }
        }
    }
}

fn lock(totals: &Mutex<OutboxTotals>) -> MutexGuard<'_, OutboxTotals> {
    // The lock is poisoned by a panic elsewhere; each change leaves the totals valid.
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sender_has_its_share_and_leaves_the_rest_to_others() {
        let (outbox, mut inbox) = outbox(0);
        for _ in 0..MAX_SENDER_MESSAGES {
            assert!(outbox.push(1, "x".into()));
        }
        assert!(!outbox.push(1, "x".into()));
        assert!(outbox.push(2, "y".into()));
        assert_eq!(inbox.next().await.as_deref(), Some("x"));
        assert!(outbox.push(1, "x".into()));
        for _ in 0..=MAX_SENDER_MESSAGES {
            assert!(inbox.next().await.is_some());
        }
        assert_eq!(lock(&inbox.totals).bytes, 0);
        assert!(lock(&inbox.totals).of.is_empty(), "no sender is remembered");
    }

    #[tokio::test]
    async fn waiting_messages_are_bounded_by_their_bytes_too() {
        let (outbox, mut inbox) = outbox(0);
        let share = "x".repeat(MAX_SENDER_BYTES);
        assert!(outbox.push(0, share.clone()) && !outbox.push(0, "x".into()));
        let senders = (MAX_OUTBOX_BYTES / MAX_SENDER_BYTES) as SocketId;
        for from in 1..senders {
            assert!(outbox.push(from, share.clone()));
        }
        assert!(!outbox.push(senders, share.clone()), "all together");
        inbox.next().await;
        assert!(outbox.push(senders, share));
    }

    #[test]
    fn there_is_an_end_to_messages_of_many_senders() {
        let (outbox, _inbox) = outbox(0);
        let queued = (0..1000).filter(|from| outbox.push(*from, "x".into()));
        assert_eq!(queued.count(), OUTBOX_QUEUE_LEN);
    }
}
