//! Who is connected to the signaling server, and the queues towards them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Messages that may wait for one socket...
const QUEUE_MESSAGES: usize = 64;
/// ...and their bytes.
const QUEUE_BYTES: usize = 1024 * 1024;

pub(super) type SocketId = u64;

/// State of all sockets, shared by their tasks.
#[derive(Default)]
pub(super) struct Hub {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_socket: SocketId,
    sockets: HashMap<SocketId, Outbox>,
    /// In order of registration.
    peers: Vec<(String, SocketId)>,
}

/// Towards one socket. Removing it from the hub ends the socket's task.
struct Outbox {
    queue: mpsc::Sender<String>,
    queued_bytes: Arc<AtomicUsize>,
}

/// The messages for one socket, in its task.
pub(super) struct Inbox {
    pub(super) socket: SocketId,
    queue: mpsc::Receiver<String>,
    queued_bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// The next message to write; `None` when the hub has dropped the socket.
    pub(super) async fn next(&mut self) -> Option<String> {
        let text = self.queue.recv().await?;
        self.queued_bytes.fetch_sub(text.len(), Ordering::Relaxed);
        Some(text)
    }
}

/// What became of a message for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Queued,
    UnknownPeer,
    /// The peer does not read; its socket has been dropped.
    Overrun,
}

impl Hub {
    pub(super) fn join(&self) -> Inbox {
        let (sender, queue) = mpsc::channel(QUEUE_MESSAGES);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut state = self.state();
        let socket = state.next_socket;
        state.next_socket += 1;
        let outbox = Outbox {
            queue: sender,
            queued_bytes: queued_bytes.clone(),
        };
        state.sockets.insert(socket, outbox);
        Inbox {
            socket,
            queue,
            queued_bytes,
        }
    }

    pub(super) fn leave(&self, socket: SocketId) {
        self.state().remove(socket);
    }

    /// Registers a socket under an id. The newest socket wins, so that a restarted worker can come
    /// back while its old connection is not yet known to be dead. A socket has one id.
    pub(super) fn register(&self, socket: SocketId, peer_id: &str) {
        let mut state = self.state();
        let unchanged = |(id, owner): &(String, SocketId)| id == peer_id && *owner == socket;
        if state.peers.iter().any(unchanged) {
            return;
        }
        state
            .peers
            .retain(|(id, owner)| id != peer_id && *owner != socket);
        state.peers.push((peer_id.to_owned(), socket));
    }

    pub(super) fn id_of(&self, socket: SocketId) -> Option<String> {
        let state = self.state();
        let peer = state.peers.iter().find(|(_, owner)| *owner == socket);
        peer.map(|(id, _)| id.clone())
    }

    /// Ids of all other sockets, in order of registration.
    pub(super) fn others(&self, socket: SocketId) -> Vec<String> {
        let state = self.state();
        let others = state.peers.iter().filter(|(_, owner)| *owner != socket);
        others.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn deliver(&self, peer_id: &str, text: String) -> Delivery {
        let mut state = self.state();
        let Some(&(_, socket)) = state.peers.iter().find(|(id, _)| id == peer_id) else {
            return Delivery::UnknownPeer;
        };
        if state
            .sockets
            .get(&socket)
            .is_some_and(|outbox| outbox.push(text))
        {
            return Delivery::Queued;
        }
        state.remove(socket);
        Delivery::Overrun
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.peers.retain(|(_, owner)| *owner != socket);
    }
}

impl Outbox {
    /// Whether the message found room.
    fn push(&self, text: String) -> bool {
        let bytes = text.len();
        if bytes > QUEUE_BYTES.saturating_sub(self.queued_bytes.load(Ordering::Relaxed)) {
            return false;
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.queue.try_send(text).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_socket_owns_an_id() {
        let hub = Hub::default();
        let (old, new, asker) = (hub.join(), hub.join(), hub.join());
        hub.register(old.socket, "worker");
        hub.register(new.socket, "worker");
        assert_eq!(hub.others(asker.socket), ["worker"]);
        assert_eq!(hub.id_of(old.socket), None);
        hub.leave(old.socket);
        assert_eq!(hub.others(asker.socket), ["worker"]);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_dropped() {
        let hub = Hub::default();
        let mut inbox = hub.join();
        hub.register(inbox.socket, "slow");
        for _ in 0..QUEUE_MESSAGES {
            assert_eq!(hub.deliver("slow", "x".into()), Delivery::Queued);
        }
        assert_eq!(hub.deliver("slow", "x".into()), Delivery::Overrun);
        assert_eq!(hub.deliver("slow", "x".into()), Delivery::UnknownPeer);
        for _ in 0..QUEUE_MESSAGES {
            assert!(inbox.next().await.is_some());
        }
        assert_eq!(inbox.next().await, None);
    }

    #[tokio::test]
    async fn waiting_messages_are_bounded_by_their_bytes_too() {
        let hub = Hub::default();
        let mut inbox = hub.join();
        hub.register(inbox.socket, "slow");
        let half = "x".repeat(QUEUE_BYTES / 2);
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        inbox.next().await;
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        assert_eq!(hub.deliver("slow", "x".into()), Delivery::Overrun);
    }
}
