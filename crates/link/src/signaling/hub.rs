//! Who is connected to the signaling server, and who may send to whom.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outbox::{Inbox, Outbox, SocketId, outbox};
use super::wire;
use crate::random::random_u64;

/// Offers of one socket that are remembered until they are answered; of more, the oldest is forgotten.
const MAX_OFFERS: usize = 8;

/// State of all sockets, shared by their tasks.
#[derive(Debug, Default)]
pub(super) struct Hub {
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
    reserved: Option<(String, Reservation)>,
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
pub(super) enum Kind {
    Offer,
    Answer,
    Other,
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

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registration {
    Done,
    /// The id is the server's own worker's.
    Reserved,
    /// Another socket has the id.
    Taken,
}

/// What became of a message for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Queued,
    UnknownPeer,
    /// Too much waits for the peer, or too much of this sender's.
    Full,
}

impl Hub {
    pub(super) fn join(&self) -> Inbox {
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
    pub(super) fn reserve(&self, peer_id: &str) -> Reservation {
        let key = format!("{:016x}{:016x}", random_u64(), random_u64());
        let reservation = Reservation(key);
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
    ) -> Registration {
        let mut state = self.state();
        let holder = state.holder(peer_id);
        match &state.reserved {
            Some((id, reservation)) if id == peer_id && key != Some(reservation.key()) => {
                return Registration::Reserved;
            }
            Some((id, _)) if id != peer_id && holder.is_some_and(|holder| holder != socket) => {
                return Registration::Taken;
            }
            _ => {}
        }
        if holder == Some(socket) {
            return Registration::Done;
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
        Registration::Done
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
        kind: Kind,
        text: String,
    ) -> Delivery {
        let mut state = self.state();
        let Some(to) = state.holder(peer_id) else {
            return Delivery::UnknownPeer;
        };
        if state.reserved.is_some() && ![from, to].map(Some).contains(&state.owner()) {
            return Delivery::UnknownPeer;
        }
        match state.sockets.get(&to) {
            Some(socket) if socket.outbox.push(from, text) => {}
            // A socket that takes nothing is dropped by its own task.
            Some(_) => return Delivery::Full,
            None => return Delivery::UnknownPeer,
        }
        match kind {
            Kind::Offer => state.remember(from, to, peer_id),
            Kind::Answer => state.forget_answered(from, to),
            Kind::Other => {}
        }
        Delivery::Queued
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

#[cfg(test)]
mod tests {
    use super::super::outbox::{QUEUE_MESSAGES, SHARE_MESSAGES};
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

    /// A hub with its worker, and two others.
    fn guarded() -> (Hub, Reservation, [Inbox; 3]) {
        let hub = Hub::default();
        let reservation = hub.reserve("worker");
        let inboxes = [hub.join(), hub.join(), hub.join()];
        let worker = inboxes[0].socket;
        let registered = hub.register(worker, "worker", Some(reservation.key()));
        assert_eq!(registered, Registration::Done);
        (hub, reservation, inboxes)
    }

    #[test]
    fn a_reserved_id_is_its_owners() {
        let (hub, reservation, [worker, thief, asker]) = guarded();
        for key in [None, Some(""), Some("0")] {
            let refused = hub.register(thief.socket, "worker", key);
            assert_eq!(refused, Registration::Reserved, "{key:?}");
        }
        hub.leave(worker.socket);
        let refused = hub.register(thief.socket, "worker", None);
        assert_eq!(refused, Registration::Reserved);
        assert!(hub.others(asker.socket).is_empty());
        // It comes back while its former socket is there still.
        let (again, anew) = (hub.join(), hub.join());
        for socket in [again.socket, anew.socket] {
            let key = Some(reservation.key());
            assert_eq!(hub.register(socket, "worker", key), Registration::Done);
            assert!(hub.is_owner(socket));
        }
        assert!(!hub.is_owner(again.socket));
    }

    #[test]
    fn where_an_id_is_reserved_strangers_see_and_reach_its_owner_alone() {
        let (hub, _, [worker, client, stranger]) = guarded();
        hub.register(client.socket, "client-1", None);
        hub.register(stranger.socket, "worker-2", None);
        assert_eq!(hub.others(stranger.socket), ["worker"]);
        assert_eq!(hub.others(client.socket), ["worker"]);
        // Nobody takes the client's place.
        let taken = hub.register(stranger.socket, "client-1", None);
        assert_eq!(taken, Registration::Taken);
        assert_eq!(hub.id_of(stranger.socket).as_deref(), Some("worker-2"));
        let deliver = |from, to| hub.deliver(from, to, Kind::Other, "x".into());
        assert_eq!(deliver(stranger.socket, "client-1"), Delivery::UnknownPeer);
        assert_eq!(deliver(stranger.socket, "worker"), Delivery::Queued);
        assert_eq!(deliver(worker.socket, "client-1"), Delivery::Queued);
    }

    #[tokio::test]
    async fn a_stranger_who_overruns_a_worker_is_refused_and_the_worker_stays() {
        let (hub, _, [mut worker, stranger, client]) = guarded();
        hub.register(stranger.socket, "s", None);
        hub.register(client.socket, "c", None);
        let deliver = |from| hub.deliver(from, "worker", Kind::Other, "x".into());
        for _ in 0..SHARE_MESSAGES {
            assert_eq!(deliver(stranger.socket), Delivery::Queued);
        }
        assert_eq!(deliver(stranger.socket), Delivery::Full);
        assert_eq!(deliver(client.socket), Delivery::Queued);
        let crowd: Vec<Inbox> = (0..QUEUE_MESSAGES).map(|_| hub.join()).collect();
        for one in &crowd {
            deliver(one.socket);
        }
        assert_eq!(deliver(client.socket), Delivery::Full);
        assert_eq!(hub.others(client.socket), ["worker"], "it stays");
        assert!(worker.next().await.is_some());
        assert_eq!(deliver(client.socket), Delivery::Queued);
    }

    /// A worker and a client that wants its offers back.
    fn client_and_worker() -> (Hub, Inbox, Inbox) {
        let hub = Hub::default();
        let (client, worker) = (hub.join(), hub.join());
        hub.register(client.socket, "client", None);
        hub.return_offers(client.socket);
        hub.register(worker.socket, "worker", None);
        (hub, client, worker)
    }

    fn offer(hub: &Hub, from: &Inbox, to: &str) {
        let delivery = hub.deliver(from.socket, to, Kind::Offer, "offer".into());
        assert_eq!(delivery, Delivery::Queued);
    }

    /// The peers whose offers came back.
    async fn bounced(inbox: &mut Inbox) -> Vec<String> {
        let mut bounced = Vec::new();
        while let Some(text) = inbox.waiting().await {
            match wire::Incoming::parse(&text) {
                wire::Incoming::Bounced { target } => bounced.push(target),
                other => panic!("{other:?}"),
            }
        }
        bounced
    }

    #[tokio::test]
    async fn an_offer_comes_back_when_its_registration_ends_without_an_answer() {
        let (hub, mut client, worker) = client_and_worker();
        offer(&hub, &client, "worker");
        // Another registration takes the id, while the socket of the first is still there.
        let again = hub.join();
        hub.register(again.socket, "worker", None);
        assert_eq!(bounced(&mut client).await, ["worker"]);
        hub.leave(worker.socket);
        assert!(bounced(&mut client).await.is_empty(), "once");

        offer(&hub, &client, "worker");
        hub.register(again.socket, "renamed", None);
        assert_eq!(bounced(&mut client).await, ["worker"]);

        offer(&hub, &client, "renamed");
        hub.leave(again.socket);
        assert_eq!(bounced(&mut client).await, ["renamed"]);
    }

    #[tokio::test]
    async fn an_offer_that_was_answered_does_not_come_back() {
        let (hub, mut client, worker) = client_and_worker();
        offer(&hub, &client, "worker");
        hub.deliver(worker.socket, "client", Kind::Answer, "answer".into());
        assert_eq!(client.next().await.as_deref(), Some("answer"));
        hub.leave(worker.socket);
        assert!(bounced(&mut client).await.is_empty());
    }

    #[tokio::test]
    async fn only_a_socket_that_asks_for_them_gets_its_offers_back() {
        let (hub, _, worker) = client_and_worker();
        let mut other = hub.join();
        hub.register(other.socket, "reference-client", None);
        offer(&hub, &other, "worker");
        hub.leave(worker.socket);
        assert!(bounced(&mut other).await.is_empty());
    }

    #[tokio::test]
    async fn what_is_remembered_of_offers_is_bounded() {
        let (hub, mut client, worker) = client_and_worker();
        let others: Vec<Inbox> = (0..2 * MAX_OFFERS).map(|_| hub.join()).collect();
        for (index, other) in others.iter().enumerate() {
            hub.register(other.socket, &index.to_string(), None);
            offer(&hub, &client, &index.to_string());
        }
        for _ in 0..2 * MAX_OFFERS {
            offer(&hub, &client, "worker");
        }
        hub.leave(worker.socket);
        assert_eq!(bounced(&mut client).await, ["worker"]);
        for other in &others {
            hub.leave(other.socket);
        }
        assert_eq!(bounced(&mut client).await.len(), MAX_OFFERS - 1);
    }
}
