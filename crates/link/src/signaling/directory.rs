//! Who is connected to the signaling server, and who may send to whom.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outbox::{Outbox, OutboxReceiver, SocketId, outbox};
use super::wire;
use crate::random::random_u64;

/// Offers of one socket that are remembered until they are answered; of more, the oldest is forgotten.
const MAX_OFFERS: usize = 8;

/// State of all sockets, shared by their tasks.
#[derive(Debug, Default)]
pub(super) struct PeerDirectory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_socket: SocketId,
    sockets: HashMap<SocketId, Socket>,
    /// In order of registration.
    peers: Vec<(String, SocketId)>,
    /// An id that only whoever has its key may register under: the server's own worker. All others
    /// come for it alone, and what they are called is nobody else's matter.
    reserved: Option<(String, IdReservation)>,
}

#[derive(Debug)]
struct Socket {
    outbox: Outbox,
    /// Its offers come back where they are not answered.
    bounces: bool,
    /// Those that were queued and not answered, oldest first.
    offers: Vec<Offered>,
}

/// An offer on its way to a peer.
#[derive(Debug)]
struct Offered {
    to: SocketId,
    peer_id: String,
}

/// What a message is about, as far as it decides what is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    Offer,
    Answer,
    Other,
}

/// The right to an id.
#[derive(Clone, PartialEq, Eq)]
pub struct IdReservation(String);

impl IdReservation {
    pub(crate) fn key(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdReservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reservation")
    }
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegisterOutcome {
    Done,
    /// The id is the server's own worker's.
    Reserved,
    /// Another socket has the id.
    Taken,
}

/// What became of a message for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeliveryOutcome {
    Queued,
    UnknownPeer,
    /// Too much waits for the peer, or too much of this sender's.
    Full,
}

impl PeerDirectory {
    pub(super) fn join(&self) -> OutboxReceiver {
        let mut state = self.state();
        let socket = state.next_socket;
        state.next_socket += 1;
        let (outbox, inbox) = outbox(socket);
        state.sockets.insert(
            socket,
            Socket {
                outbox,
                bounces: false,
                offers: Vec::new(),
            },
        );
        inbox
    }

    pub(super) fn leave(&self, socket: SocketId) {
        self.state().remove(socket);
    }

    /// Keeps an id for whoever has the reservation. A server has one.
    pub(super) fn reserve(&self, peer_id: &str) -> IdReservation {
        let key = format!("{:016x}{:016x}", random_u64(), random_u64());
        let reservation = IdReservation(key);
        self.state().reserved = Some((peer_id.to_owned(), reservation.clone()));
        reservation
    }

    /// Registers a socket under an id. The newest socket wins, so that a restarted worker can come
    /// back while its old connection is not yet known to be dead; a reserved id takes its key, and
    /// where there is one, nobody takes the id of a socket that is there. A socket has one id.
    pub(super) fn register(
        &self,
        socket: SocketId,
        peer_id: &str,
        key: Option<&str>,
    ) -> RegisterOutcome {
        let mut state = self.state();
        let holder = state.holder(peer_id);
        match &state.reserved {
            Some((id, reservation)) if id == peer_id && key != Some(reservation.key()) => {
                return RegisterOutcome::Reserved;
            }
            Some((id, _)) if id != peer_id && holder.is_some_and(|holder| holder != socket) => {
                return RegisterOutcome::Taken;
            }
            _ => {}
        }
        if holder == Some(socket) {
            return RegisterOutcome::Done;
        }
        state
            .peers
            .retain(|(id, owner)| id != peer_id && *owner != socket);
        state.peers.push((peer_id.to_owned(), socket));
        // Neither the former holder of the id nor this socket under its former id will answer.
        state.bounce(socket);
        if let Some(former) = holder {
            state.bounce(former);
        }
        RegisterOutcome::Done
    }

    /// From now on the offers of this socket come back where they are not answered.
    pub(super) fn return_offers(&self, socket: SocketId) {
        if let Some(socket) = self.state().sockets.get_mut(&socket) {
            socket.bounces = true;
        }
    }

    pub(super) fn id_of(&self, socket: SocketId) -> Option<String> {
        let state = self.state();
        let peer = state.peers.iter().find(|(_, owner)| *owner == socket);
        peer.map(|(id, _)| id.clone())
    }

    /// Whether the socket is that of the reservation's owner.
    pub(super) fn is_owner(&self, socket: SocketId) -> bool {
        self.state().owner() == Some(socket)
    }

    /// Ids of all other sockets, in order of registration; where an id is reserved, that one alone.
    pub(super) fn others(&self, socket: SocketId) -> Vec<String> {
        let state = self.state();
        let owner = state.reserved.is_some().then(|| state.owner());
        let others = state
            .peers
            .iter()
            .filter(|(_, it)| *it != socket && owner.is_none_or(|owner| owner == Some(*it)));
        others.map(|(id, _)| id.clone()).collect()
    }

    /// Queues a message. Where an id is reserved, it is to its owner or from it.
    pub(super) fn deliver(
        &self,
        from: SocketId,
        peer_id: &str,
        kind: MessageKind,
        text: String,
    ) -> DeliveryOutcome {
        let mut state = self.state();
        let Some(to) = state.holder(peer_id) else {
            return DeliveryOutcome::UnknownPeer;
        };
        if state.reserved.is_some() && ![from, to].map(Some).contains(&state.owner()) {
            return DeliveryOutcome::UnknownPeer;
        }
        match state.sockets.get(&to) {
            Some(socket) if socket.outbox.push(from, text) => {}
            // A socket that takes nothing is dropped by its own task.
            Some(_) => return DeliveryOutcome::Full,
            None => return DeliveryOutcome::UnknownPeer,
        }
        match kind {
            MessageKind::Offer => state.remember(from, to, peer_id),
            MessageKind::Answer => state.forget_answered(from, to),
            MessageKind::Other => {}
        }
        DeliveryOutcome::Queued
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The socket registered under an id.
    fn holder(&self, peer_id: &str) -> Option<SocketId> {
        let peer = self.peers.iter().find(|(id, _)| id == peer_id);
        peer.map(|(_, socket)| *socket)
    }

    /// The socket of the reserved id.
    fn owner(&self) -> Option<SocketId> {
        let (id, _) = self.reserved.as_ref()?;
        self.holder(id)
    }

    fn remove(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.peers.retain(|(_, owner)| *owner != socket);
        self.bounce(socket);
    }

    /// A socket has one offer to a peer: a later one takes the place of the former.
    fn remember(&mut self, from: SocketId, to: SocketId, peer_id: &str) {
        let Some(sender) = self.sockets.get_mut(&from).filter(|it| it.bounces) else {
            return;
        };
        sender.offers.retain(|offer| offer.peer_id != peer_id);
        if sender.offers.len() == MAX_OFFERS {
            sender.offers.remove(0);
        }
        let peer_id = peer_id.to_owned();
        sender.offers.push(Offered { to, peer_id });
    }

    /// Whatever registration the answer comes through, the offer was made to its id.
    fn forget_answered(&mut self, by: SocketId, to: SocketId) {
        let answering = self.peers.iter().find(|(_, socket)| *socket == by);
        if let Some((id, _)) = answering
            && let Some(asker) = self.sockets.get_mut(&to)
        {
            asker.offers.retain(|offer| offer.peer_id != *id);
        }
    }

    /// Gives the offers back that this socket will not answer. One for which there is no room is lost:
    /// its sender offers again after a while in any case.
    fn bounce(&mut self, gone: SocketId) {
        for sender in self.sockets.values_mut() {
            for offer in sender.offers.extract_if(.., |offer| offer.to == gone) {
                let text = wire::bounce(&offer.peer_id).to_string();
                sender.outbox.push(gone, text);
            }
        }
    }
}
