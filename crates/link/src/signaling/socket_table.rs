//! The sockets of the signaling server, the ids that they are registered under, and the offers without an answer.

use std::collections::HashMap;

use super::load::WorkerLoad;
use super::outbox::{Outbox, OutboxReceiver, SocketId, outbox};
use super::reservation::IdReservation;
use super::wire;

/// Offers of one socket that are remembered until they are answered; of more, the oldest is forgotten.
pub(super) const MAX_OFFERS: usize = 8;

/// All sockets and registrations. No locking: [`PeerDirectory`](super::directory::PeerDirectory) does it.
#[derive(Debug, Default)]
pub(super) struct SocketTable {
    next_socket: SocketId,
    sockets: HashMap<SocketId, Socket>,
    /// In order of registration.
    peers: Vec<(String, SocketId)>,
    /// The id of the server's own worker, and the key that `register` needs for it. Where it is set,
    /// clients are connected to this worker only and do not see each other.
    pub(super) reserved: Option<(String, IdReservation)>,
}

#[derive(Debug)]
struct Socket {
    outbox: Outbox,
    /// The key of its registration: another socket needs it to take the id.
    key: Option<String>,
    /// What it told of its load, where it is a worker.
    load: Option<WorkerLoad>,
    /// Clients whose offers it got since: each may be about to take a place.
    promised: Vec<SocketId>,
    /// Whether its offers are returned to it when they stay without an answer.
    bounces: bool,
    /// Offers that were queued and not answered, oldest first.
    offers: Vec<PendingOffer>,
}

/// An offer that was delivered and is not answered yet.
#[derive(Debug)]
struct PendingOffer {
    to: SocketId,
    peer_id: String,
}

impl SocketTable {
    /// Adds a socket; returns the receiving end of its outbox.
    pub(super) fn add(&mut self) -> OutboxReceiver {
        let socket = self.next_socket;
        self.next_socket += 1;
        let (outbox, receiver) = outbox(socket);
        let entry = Socket {
            outbox,
            key: None,
            load: None,
            promised: Vec::new(),
            bounces: false,
            offers: Vec::new(),
        };
        self.sockets.insert(socket, entry);
        receiver
    }

    pub(super) fn remove(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.peers.retain(|(_, owner)| *owner != socket);
        for other in self.sockets.values_mut() {
            other.promised.retain(|client| *client != socket);
        }
        self.bounce(socket);
    }

    /// Gives the id to the socket, which another socket can take with the same key only if there is one. The
    /// socket's former id and the id's former socket lose their registration.
    pub(super) fn assign(&mut self, peer_id: &str, socket: SocketId, key: Option<&str>) {
        let former = self.holder(peer_id);
        self.peers
            .retain(|(id, owner)| id != peer_id && *owner != socket);
        self.peers.push((peer_id.to_owned(), socket));
        if let Some(holder) = self.sockets.get_mut(&socket) {
            holder.key = key.map(str::to_owned);
        }
        // Neither the former holder of the id nor this socket under its former id will answer.
        self.bounce(socket);
        if let Some(former) = former {
            self.bounce(former);
        }
    }

    /// The key of a socket's registration.
    pub(super) fn key_of(&self, socket: SocketId) -> Option<&str> {
        self.sockets.get(&socket)?.key.as_deref()
    }

    pub(super) fn tells(&mut self, socket: SocketId, load: Option<WorkerLoad>) {
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.load = load;
            socket.promised.clear();
        }
    }

    /// What the worker of a socket has told last, less the places that were promised since.
    pub(super) fn load_of(&self, socket: SocketId) -> Option<WorkerLoad> {
        let socket = self.sockets.get(&socket)?;
        let load = socket.load.as_ref()?;
        let promised = u32::try_from(socket.promised.len()).unwrap_or(u32::MAX);
        Some(WorkerLoad {
            free: load.free.saturating_sub(promised),
            ..load.clone()
        })
    }

    /// A client has made an offer to a worker: until the worker tells again, or the client leaves, one place fewer is free.
    pub(super) fn promise(&mut self, client: SocketId, worker: SocketId) {
        let worker = self.sockets.get_mut(&worker);
        if let Some(worker) = worker.filter(|it| it.load.is_some())
            && !worker.promised.contains(&client)
        {
            worker.promised.push(client);
        }
    }

    pub(super) fn return_offers(&mut self, socket: SocketId) {
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.bounces = true;
        }
    }

    /// The socket registered under an id.
    pub(super) fn holder(&self, peer_id: &str) -> Option<SocketId> {
        let peer = self.peers.iter().find(|(id, _)| id == peer_id);
        peer.map(|(_, socket)| *socket)
    }

    /// The socket of the reserved id.
    pub(super) fn owner(&self) -> Option<SocketId> {
        let (id, _) = self.reserved.as_ref()?;
        self.holder(id)
    }

    pub(super) fn id_of(&self, socket: SocketId) -> Option<&str> {
        let peer = self.peers.iter().find(|(_, owner)| *owner == socket);
        peer.map(|(id, _)| id.as_str())
    }

    /// Ids and sockets, in order of registration.
    pub(super) fn peers(&self) -> impl Iterator<Item = (&str, SocketId)> {
        self.peers.iter().map(|(id, socket)| (id.as_str(), *socket))
    }

    /// Queues a message; `None`: the socket is gone, `Some(false)`: its outbox or the sender's share is full.
    pub(super) fn push(&self, from: SocketId, to: SocketId, text: String) -> Option<bool> {
        Some(self.sockets.get(&to)?.outbox.push(from, text))
    }

    /// Remembers an offer. A socket has one offer to a peer: a later one replaces the former.
    pub(super) fn remember(&mut self, from: SocketId, to: SocketId, peer_id: &str) {
        let Some(sender) = self.sockets.get_mut(&from).filter(|it| it.bounces) else {
            return;
        };
        sender.offers.retain(|offer| offer.peer_id != peer_id);
        if sender.offers.len() == MAX_OFFERS {
            sender.offers.remove(0);
        }
        let peer_id = peer_id.to_owned();
        sender.offers.push(PendingOffer { to, peer_id });
    }

    /// Forgets the offer that this answer belongs to. Offers are made to an id, so an answer through any
    /// registration of that id counts.
    pub(super) fn forget_answered(&mut self, by: SocketId, to: SocketId) {
        let answering = self.peers.iter().find(|(_, socket)| *socket == by);
        if let Some((id, _)) = answering
            && let Some(client) = self.sockets.get_mut(&to)
        {
            client.offers.retain(|offer| offer.peer_id != *id);
        }
    }

    /// Returns the offers that this socket will not answer. One for which the sender's outbox is full is
    /// lost: the sender repeats its offer in any case.
    fn bounce(&mut self, gone: SocketId) {
        for sender in self.sockets.values_mut() {
            for offer in sender.offers.extract_if(.., |offer| offer.to == gone) {
                let text = wire::bounce(&offer.peer_id).to_string();
                sender.outbox.push(gone, text);
            }
        }
    }
}
