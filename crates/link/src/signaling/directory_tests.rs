use super::directory::*;
use super::load::WorkerLoad;
use super::outbox::{MAX_SENDER_MESSAGES, OUTBOX_QUEUE_LEN, OutboxReceiver};
use super::reservation::IdReservation;
use super::server::SocketGuard;
use super::socket_table::MAX_OFFERS;
use super::wire;

/// The ids that a socket is told.
fn ids(directory: &PeerDirectory, asker: &OutboxReceiver) -> Vec<String> {
    let others = directory.others(asker.socket).into_iter();
    others.map(|peer| peer.id).collect()
}

#[test]
fn a_peer_that_asks_is_told_how_much_room_workers_have() {
    let directory = PeerDirectory::default();
    let sockets = [directory.join(), directory.join(), directory.join()];
    let [worker, plain, client] = [0, 1, 2].map(|index: usize| SocketGuard {
        directory: &directory,
        socket: sockets[index].socket,
    });
    let tell = |free: &str| {
        let text = r#"{"type":"register","peer_id":"worker-a","worker":{"streams":4,"free":FREE,"model":"mouse"}}"#;
        assert_eq!(worker.handle(&text.replace("FREE", free)), None);
    };
    let ask = |text: &str| {
        let reply = client.handle(text).expect("an answer");
        serde_json::from_str::<serde_json::Value>(&reply).expect("JSON")
    };
    let asked = || ask(r#"{"type":"query","workers":true}"#);
    tell("3");
    plain.handle(r#"{"type":"register","peer_id":"worker-b"}"#);
    let peers = serde_json::json!(["worker-a", "worker-b"]);
    let listing = asked();
    assert_eq!(listing["peers"], peers);
    assert_eq!(listing["workers"][0]["free"], 3);
    assert_eq!(listing["workers"][0]["model"], "mouse");
    assert!(listing["workers"][1].is_null());
    // Told again over the same socket, it keeps its place.
    tell("0");
    assert_eq!(asked()["peers"], peers);
    assert_eq!(asked()["workers"][0]["free"], 0);
    // Peers that do not ask get what they know.
    let plain_form = serde_json::json!({"type": "available_peers", "peers": peers});
    for query in [r#"{"type":"query"}"#, r#"{"type":"query","workers":1}"#] {
        assert_eq!(ask(query), plain_form);
    }
    tell("-1");
    assert!(asked()["workers"][0].is_null(), "not to be used");
    drop(worker);
    assert_eq!(asked()["peers"], serde_json::json!(["worker-b"]));
}

#[test]
fn an_offer_takes_a_place_until_the_worker_tells_or_the_client_leaves() {
    let directory = PeerDirectory::default();
    let sockets = [directory.join(), directory.join(), directory.join()];
    let [worker, first, second] = [0, 1, 2].map(|index: usize| sockets[index].socket);
    let ids = ["worker-a", "client-1", "client-2"];
    for (socket, id) in [worker, first, second].into_iter().zip(ids) {
        directory.register(socket, id, None);
    }
    let tell = |free| {
        let load = WorkerLoad {
            streams: 2,
            free,
            ..WorkerLoad::default()
        };
        directory.tells(worker, Some(load));
    };
    let free = || directory.others(second)[0].load.as_ref().map(|it| it.free);
    let offer = |from| {
        let text = r#"{"type":"offer"}"#.to_owned();
        directory.deliver(from, "worker-a", MessageKind::Offer, text);
    };
    tell(2);
    // The same offer again takes no other place.
    offer(first);
    offer(first);
    assert_eq!(free(), Some(1));
    offer(second);
    assert_eq!(free(), Some(0));
    // The worker counts the first client's stream itself.
    tell(1);
    assert_eq!(free(), Some(1));
    offer(first);
    offer(second);
    assert_eq!(free(), Some(0), "no fewer than none");
    directory.leave(first);
    assert_eq!(free(), Some(0));
    tell(2);
    offer(second);
    assert_eq!(free(), Some(1));
    // An offer to a client takes nothing.
    directory.deliver(worker, "client-2", MessageKind::Offer, String::new());
    assert_eq!(free(), Some(1));
}

#[test]
fn the_newest_socket_owns_an_id() {
    let directory = PeerDirectory::default();
    let (old, new, asker) = (directory.join(), directory.join(), directory.join());
    directory.register(old.socket, "worker", None);
    directory.register(new.socket, "worker", None);
    assert_eq!(ids(&directory, &asker), ["worker"]);
    assert_eq!(directory.id_of(old.socket), None);
    directory.leave(old.socket);
    assert_eq!(ids(&directory, &asker), ["worker"]);
}

#[test]
fn an_id_with_a_key_is_taken_from_a_connected_socket_with_the_same_key_alone() {
    let directory = PeerDirectory::default();
    let [first, other, again, asker] = [(); 4].map(|()| directory.join());
    let register = |it: &OutboxReceiver, key| directory.register(it.socket, "worker-rig", key);
    assert_eq!(register(&first, Some("own")), RegisterOutcome::Done);
    assert_eq!(register(&first, Some("own")), RegisterOutcome::Done);
    for key in [None, Some(""), Some("another")] {
        assert_eq!(register(&other, key), RegisterOutcome::Taken, "{key:?}");
        assert_eq!(directory.id_of(first.socket).as_deref(), Some("worker-rig"));
    }
    // Its own new connection, while the former one is not known to be dead.
    assert_eq!(register(&again, Some("own")), RegisterOutcome::Done);
    assert_eq!(directory.id_of(first.socket), None);
    assert_eq!(ids(&directory, &asker), ["worker-rig"]);
    assert_eq!(register(&other, None), RegisterOutcome::Taken);
    // When it has left, the id is free.
    directory.leave(again.socket);
    assert_eq!(register(&other, Some("another")), RegisterOutcome::Done);
    // A registration without a key is replaced as ever, and takes no key from a former one.
    let [plain, newest] = [(); 2].map(|()| directory.join());
    directory.leave(other.socket);
    assert_eq!(register(&plain, None), RegisterOutcome::Done);
    assert_eq!(register(&newest, None), RegisterOutcome::Done);
    assert_eq!(register(&plain, Some("late")), RegisterOutcome::Done);
}

/// A directory with its worker, and two others.
fn guarded() -> (PeerDirectory, IdReservation, [OutboxReceiver; 3]) {
    let directory = PeerDirectory::default();
    let reservation = directory.reserve("worker");
    let inboxes = [directory.join(), directory.join(), directory.join()];
    let worker = inboxes[0].socket;
    let registered = directory.register(worker, "worker", Some(reservation.key()));
    assert_eq!(registered, RegisterOutcome::Done);
    (directory, reservation, inboxes)
}

#[test]
fn a_reserved_id_is_its_owners() {
    let (directory, reservation, [worker, attacker, asker]) = guarded();
    for key in [None, Some(""), Some("0")] {
        let refused = directory.register(attacker.socket, "worker", key);
        assert_eq!(refused, RegisterOutcome::Reserved, "{key:?}");
    }
    directory.leave(worker.socket);
    let refused = directory.register(attacker.socket, "worker", None);
    assert_eq!(refused, RegisterOutcome::Reserved);
    assert!(ids(&directory, &asker).is_empty());
    // The worker registers again while its former socket is still connected.
    let (again, newest) = (directory.join(), directory.join());
    for socket in [again.socket, newest.socket] {
        let key = Some(reservation.key());
        assert_eq!(
            directory.register(socket, "worker", key),
            RegisterOutcome::Done
        );
        assert!(directory.is_owner(socket));
    }
    assert!(!directory.is_owner(again.socket));
}

#[test]
fn where_an_id_is_reserved_strangers_see_and_reach_its_owner_alone() {
    let (directory, _, [worker, client, other]) = guarded();
    directory.register(client.socket, "client-1", None);
    directory.register(other.socket, "worker-2", None);
    assert_eq!(ids(&directory, &other), ["worker"]);
    assert_eq!(ids(&directory, &client), ["worker"]);
    // The client's id cannot be taken from it.
    let taken = directory.register(other.socket, "client-1", None);
    assert_eq!(taken, RegisterOutcome::Taken);
    assert_eq!(directory.id_of(other.socket).as_deref(), Some("worker-2"));
    let deliver = |from, to| directory.deliver(from, to, MessageKind::Other, "x".into());
    assert_eq!(
        deliver(other.socket, "client-1"),
        DeliveryOutcome::UnknownPeer
    );
    assert_eq!(deliver(other.socket, "worker"), DeliveryOutcome::Queued);
    assert_eq!(deliver(worker.socket, "client-1"), DeliveryOutcome::Queued);
}

#[tokio::test]
async fn a_stranger_who_overruns_a_worker_is_refused_and_the_worker_stays() {
    let (directory, _, [mut worker, other, client]) = guarded();
    directory.register(other.socket, "s", None);
    directory.register(client.socket, "c", None);
    let deliver = |from| directory.deliver(from, "worker", MessageKind::Other, "x".into());
    for _ in 0..MAX_SENDER_MESSAGES {
        assert_eq!(deliver(other.socket), DeliveryOutcome::Queued);
    }
    assert_eq!(deliver(other.socket), DeliveryOutcome::Full);
    assert_eq!(deliver(client.socket), DeliveryOutcome::Queued);
    let crowd: Vec<OutboxReceiver> = (0..OUTBOX_QUEUE_LEN).map(|_| directory.join()).collect();
    for one in &crowd {
        deliver(one.socket);
    }
    assert_eq!(deliver(client.socket), DeliveryOutcome::Full);
    assert_eq!(ids(&directory, &client), ["worker"], "it stays");
    assert!(worker.next().await.is_some());
    assert_eq!(deliver(client.socket), DeliveryOutcome::Queued);
}

/// A worker, and a client whose offers are returned to it.
fn client_and_worker() -> (PeerDirectory, OutboxReceiver, OutboxReceiver) {
    let directory = PeerDirectory::default();
    let (client, worker) = (directory.join(), directory.join());
    directory.register(client.socket, "client", None);
    directory.return_offers(client.socket);
    directory.register(worker.socket, "worker", None);
    (directory, client, worker)
}

fn offer(directory: &PeerDirectory, from: &OutboxReceiver, to: &str) {
    let delivery = directory.deliver(from.socket, to, MessageKind::Offer, "offer".into());
    assert_eq!(delivery, DeliveryOutcome::Queued);
}

/// The peers whose offers came back.
async fn bounced(inbox: &mut OutboxReceiver) -> Vec<String> {
    let mut bounced = Vec::new();
    while let Some(text) = inbox.try_next().await {
        match wire::SignalingMessage::parse(&text) {
            wire::SignalingMessage::Bounced { target } => bounced.push(target),
            other => panic!("{other:?}"),
        }
    }
    bounced
}

#[tokio::test]
async fn an_offer_comes_back_when_its_registration_ends_without_an_answer() {
    let (directory, mut client, worker) = client_and_worker();
    offer(&directory, &client, "worker");
    // Another registration takes the id, while the socket of the first is still there.
    let again = directory.join();
    directory.register(again.socket, "worker", None);
    assert_eq!(bounced(&mut client).await, ["worker"]);
    directory.leave(worker.socket);
    assert!(bounced(&mut client).await.is_empty(), "once");

    offer(&directory, &client, "worker");
    directory.register(again.socket, "renamed", None);
    assert_eq!(bounced(&mut client).await, ["worker"]);

    offer(&directory, &client, "renamed");
    directory.leave(again.socket);
    assert_eq!(bounced(&mut client).await, ["renamed"]);
}

#[tokio::test]
async fn an_offer_that_was_answered_does_not_come_back() {
    let (directory, mut client, worker) = client_and_worker();
    offer(&directory, &client, "worker");
    directory.deliver(
        worker.socket,
        "client",
        MessageKind::Answer,
        "answer".into(),
    );
    assert_eq!(client.next().await.as_deref(), Some("answer"));
    directory.leave(worker.socket);
    assert!(bounced(&mut client).await.is_empty());
}

#[tokio::test]
async fn only_a_socket_that_asks_for_them_gets_its_offers_back() {
    let (directory, _, worker) = client_and_worker();
    let mut other = directory.join();
    directory.register(other.socket, "reference-client", None);
    offer(&directory, &other, "worker");
    directory.leave(worker.socket);
    assert!(bounced(&mut other).await.is_empty());
}

#[tokio::test]
async fn what_is_remembered_of_offers_is_bounded() {
    let (directory, mut client, worker) = client_and_worker();
    let others: Vec<OutboxReceiver> = (0..2 * MAX_OFFERS).map(|_| directory.join()).collect();
    for (index, other) in others.iter().enumerate() {
        directory.register(other.socket, &index.to_string(), None);
        offer(&directory, &client, &index.to_string());
    }
    for _ in 0..2 * MAX_OFFERS {
        offer(&directory, &client, "worker");
    }
    directory.leave(worker.socket);
    assert_eq!(bounced(&mut client).await, ["worker"]);
    for other in &others {
        directory.leave(other.socket);
    }
    assert_eq!(bounced(&mut client).await.len(), MAX_OFFERS - 1);
}
