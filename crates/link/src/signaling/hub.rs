//! Who is connected to the signaling server, and the queues towards them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::config::random_u64;

/// Messages that may wait for one socket...
const QUEUE_MESSAGES: usize = 64;
/// ...and their bytes.
const QUEUE_BYTES: usize = 1024 * 1024;

pub(super) type SocketId = u64;

/// State of all sockets, shared by their tasks.
#[derive(Debug, Default)]
pub(super) struct Hub {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_socket: SocketId,
    sockets: HashMap<SocketId, Outbox>,
    /// In order of registration.
    peers: Vec<(String, SocketId)>,
    /// An id that only whoever has its key may register under.
    reserved: Option<(String, Reservation)>,
}

/// The right to an id.
#[derive(Clone, PartialEq, Eq)]
pub struct Reservation(String);

impl Reservation {
    pub(crate) fn key(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reservation")
    }
}

/// Towards one socket. Removing it from the hub ends the socket's task.
#[derive(Debug)]
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

    /// Keeps an id for whoever has the reservation. A server has one.
    pub(super) fn reserve(&self, peer_id: &str) -> Reservation {
        let key = format!("{:016x}{:016x}", random_u64(), random_u64());
        let reservation = Reservation(key);
        self.state().reserved = Some((peer_id.to_owned(), reservation.clone()));
        reservation
    }

    /// Registers a socket under an id. The newest socket wins, so that a restarted worker can come
    /// back while its old connection is not yet known to be dead; a reserved id takes its key.
    /// A socket has one id. `false`: the id is somebody else's.
    pub(super) fn register(&self, socket: SocketId, peer_id: &str, key: Option<&str>) -> bool {
        let mut state = self.state();
        let reserved = state.reserved.as_ref().filter(|(id, _)| id == peer_id);
        if reserved.is_some_and(|(_, reservation)| key != Some(reservation.key())) {
            return false;
        }
        let unchanged = |(id, owner): &(String, SocketId)| id == peer_id && *owner == socket;
        if state.peers.iter().any(unchanged) {
            return true;
        }
        state
            .peers
            .retain(|(id, owner)| id != peer_id && *owner != socket);
        let first = reserved_first(&state.reserved, peer_id);
        let place = if first { 0 } else { state.peers.len() };
        state.peers.insert(place, (peer_id.to_owned(), socket));
        true
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

/// Whether an id stands before all others in the list, from which clients take the first worker.
fn reserved_first(reserved: &Option<(String, Reservation)>, peer_id: &str) -> bool {
    reserved.as_ref().is_some_and(|(id, _)| id == peer_id)
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
        hub.register(old.socket, "worker", None);
        hub.register(new.socket, "worker", None);
        assert_eq!(hub.others(asker.socket), ["worker"]);
        assert_eq!(hub.id_of(old.socket), None);
        hub.leave(old.socket);
        assert_eq!(hub.others(asker.socket), ["worker"]);
    }

    #[test]
    fn a_reserved_id_is_its_owners_and_comes_first() {
        let hub = Hub::default();
        let (thief, worker, asker) = (hub.join(), hub.join(), hub.join());
        let reservation = hub.reserve("worker");
        for key in [None, Some(""), Some("0")] {
            assert!(!hub.register(thief.socket, "worker", key), "{key:?}");
        }
        assert!(hub.register(thief.socket, "worker-2", None));
        assert!(hub.register(worker.socket, "worker", Some(reservation.key())));
        assert_eq!(hub.others(asker.socket), ["worker", "worker-2"]);
        hub.leave(worker.socket);
        assert!(!hub.register(thief.socket, "worker", None));
        assert_eq!(hub.others(asker.socket), ["worker-2"]);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_dropped() {
        let hub = Hub::default();
        let mut inbox = hub.join();
        hub.register(inbox.socket, "slow", None);
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
        hub.register(inbox.socket, "slow", None);
        let half = "x".repeat(QUEUE_BYTES / 2);
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        inbox.next().await;
        assert_eq!(hub.deliver("slow", half.clone()), Delivery::Queued);
        assert_eq!(hub.deliver("slow", "x".into()), Delivery::Overrun);
    }
}
