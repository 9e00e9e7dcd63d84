//! Which peers are registered at the signaling server, and which of them may send to which.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::load::{ListedPeer, WorkerLoad};
use super::outbox::{OutboxReceiver, SocketId};
use super::reservation::IdReservation;
use super::socket_table::SocketTable;

/// The registrations of all sockets, shared by the sockets' tasks.
#[derive(Debug, Default)]
pub(super) struct PeerDirectory {
    table: Mutex<SocketTable>,
}

/// What a message contains, as far as it decides whether it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    Offer,
    Answer,
    Other,
}

/// What came of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegisterOutcome {
    Done,
    /// The id belongs to the server's own worker.
    Reserved,
    /// Another socket has the id, and registered with another key or is on a server with a reserved id.
    Taken,
}

/// What came of a message for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeliveryOutcome {
    Queued,
    UnknownPeer,
    /// Too many messages are queued for the peer, or too many of them are this sender's.
    Full,
}

impl PeerDirectory {
    /// Adds a socket; returns the messages that it is to write.
    pub(super) fn join(&self) -> OutboxReceiver {
        self.table().add()
    }

    pub(super) fn leave(&self, socket: SocketId) {
        self.table().remove(socket);
    }

    /// Reserves an id for the holder of the returned key. A server has one reserved id: a later
    /// reservation replaces it.
    pub(super) fn reserve(&self, peer_id: &str) -> IdReservation {
        let reservation = IdReservation::generate();
        self.table().reserved = Some((peer_id.to_owned(), reservation.clone()));
        reservation
    }

    /// Registers a socket under an id. The newest socket replaces an older one, so that a restarted
    /// worker can come back while its old connection is not yet known to be dead; one that registered
    /// with a key is replaced by a socket with the same key alone. A reserved id needs its key; on a server
    /// that has one, no other id is taken from a connected socket. A socket has one id.
    pub(super) fn register(
        &self,
        socket: SocketId,
        peer_id: &str,
        key: Option<&str>,
    ) -> RegisterOutcome {
        let mut table = self.table();
        let holder = table.holder(peer_id);
        let other = holder.filter(|holder| *holder != socket);
        let needed = other.and_then(|other| table.key_of(other));
        match &table.reserved {
            Some((id, reservation)) if id == peer_id && key != Some(reservation.key()) => {
                return RegisterOutcome::Reserved;
            }
            Some((id, _)) if id != peer_id && other.is_some() => return RegisterOutcome::Taken,
            _ if needed.is_some() && needed != key => return RegisterOutcome::Taken,
            _ => {}
        }
        if holder != Some(socket) {
            table.assign(peer_id, socket, key);
        }
        RegisterOutcome::Done
    }

    /// From now on this socket gets its offers back that stay without an answer.
    pub(super) fn return_offers(&self, socket: SocketId) {
        self.table().return_offers(socket);
    }

    /// What the worker of this socket has told last.
    pub(super) fn tells(&self, socket: SocketId, load: Option<WorkerLoad>) {
        self.table().tells(socket, load);
    }

    pub(super) fn id_of(&self, socket: SocketId) -> Option<String> {
        self.table().id_of(socket).map(str::to_owned)
    }

    /// Whether the socket is registered under the reserved id.
    pub(super) fn is_owner(&self, socket: SocketId) -> bool {
        self.table().owner() == Some(socket)
    }

    /// All other sockets that are registered, in order of registration; where an id is reserved, only that one.
    pub(super) fn others(&self, socket: SocketId) -> Vec<ListedPeer> {
        let table = self.table();
        let owner = table.reserved.is_some().then(|| table.owner());
        let others = table
            .peers()
            .filter(|(_, it)| *it != socket && owner.is_none_or(|owner| owner == Some(*it)));
        let listed = others.map(|(id, socket)| ListedPeer {
            id: id.to_owned(),
            load: table.load_of(socket),
        });
        listed.collect()
    }

    /// Queues a message. Where an id is reserved, either the sender or the recipient has to be its owner.
    pub(super) fn deliver(
        &self,
        from: SocketId,
        peer_id: &str,
        kind: MessageKind,
        text: String,
    ) -> DeliveryOutcome {
        let mut table = self.table();
        let Some(to) = table.holder(peer_id) else {
            return DeliveryOutcome::UnknownPeer;
        };
        if table.reserved.is_some() && ![from, to].map(Some).contains(&table.owner()) {
            return DeliveryOutcome::UnknownPeer;
        }
        match table.push(from, to, text) {
            Some(true) => {}
            // The task of a socket that reads nothing ends the socket.
            Some(false) => return DeliveryOutcome::Full,
            None => return DeliveryOutcome::UnknownPeer,
        }
        match kind {
            MessageKind::Offer => {
                table.remember(from, to, peer_id);
                table.promise(from, to);
            }
            MessageKind::Answer => table.forget_answered(from, to),
            MessageKind::Other => {}
        }
        DeliveryOutcome::Queued
    }

    fn table(&self) -> MutexGuard<'_, SocketTable> {
        // The lock is poisoned by a panic elsewhere; each change leaves the table valid.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
