use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::config::PeerConfig;
use super::handshakes::MAX_QUEUED;
use super::registration::{BACKOFF_RANGE, Registration};
use super::worker_rendezvous::{RoomRegistration, ServerRegistration, WorkerRendezvous};
use crate::auth::{Auth, Secret};
use crate::connection::MAX_DESCRIPTION_BYTES;
use crate::signaling::rooms::{Room, RoomCredential, RoomError, WorkerProfile};
use crate::signaling::{SignalError, SignalingMessage, WorkerLoad};

fn registration(auth: Auth) -> Registration {
    let config = PeerConfig {
        auth,
        ..PeerConfig::default()
    };
    let rendezvous = WorkerRendezvous::Server(ServerRegistration::new("ws://x", None));
    Registration::new(rendezvous, config, mpsc::channel(1).0)
}

impl Registration {
    /// The answer that is to be sent next, if there is one.
    fn repeated(&mut self) -> Option<String> {
        Some(self.answers.try_recv().ok()?.sdp)
    }
}

fn in_room() -> WorkerRendezvous {
    let room = Room {
        url: "ws://x".into(),
        id: "lab".into(),
        credential: RoomCredential::Key("slp_1".into()),
        silence: Duration::from_secs(90),
    };
    WorkerRendezvous::Room(Box::new(RoomRegistration::new(
        room,
        WorkerProfile::default(),
        watch::Sender::new(WorkerLoad::default()).subscribe(),
    )))
}

fn secret() -> Auth {
    Auth::Bound(Secret::generate().expect("randomness"))
}

fn offer(registration: &mut Registration, client: &str, sdp: String) {
    let sender = client.to_owned();
    registration
        .receive(SignalingMessage::Offer { sender, sdp })
        .unwrap();
}

/// Every client has its turn, however many others came before it; and they cannot begin more
/// handshakes than the bucket holds.
#[tokio::test]
async fn offers_wait_for_their_turn_where_clients_have_to_show_who_they_are() {
    let mut registration = registration(secret());
    let places = registration.config.max_handshakes;
    for index in 0..places + MAX_QUEUED + 3 {
        offer(&mut registration, &format!("client-{index}"), "v=0".into());
    }
    assert_eq!(
        (
            registration.handshakes.running.len(),
            registration.handshakes.queued.len()
        ),
        (places, MAX_QUEUED)
    );
    assert_eq!(registration.handshakes.gate.counts().refused, 3);
    // The same client again: its first is forgotten, wherever it was.
    offer(&mut registration, "client-0", "v=1".into());
    assert_eq!(registration.handshakes.gate.counts().aborted, 1);
    assert_eq!(
        (
            registration.handshakes.running.len(),
            registration.handshakes.queued.len()
        ),
        (places, MAX_QUEUED)
    );
    // A client that left before its answer is dropped.
    let gone = |client: &str| SignalingMessage::Error {
        code: "PEER_NOT_FOUND".into(),
        message: String::new(),
        undelivered: Some(client.to_owned()),
    };
    registration.receive(gone("client-1")).unwrap();
    assert_eq!(registration.handshakes.running.len(), places - 1);
    let mut begun = 0;
    while let Some(client) = registration.handshakes.running.keys().next().cloned() {
        begun += 1;
        registration.receive(gone(&client)).unwrap();
        registration.handshakes.begin_queued(&registration.config);
    }
    // Those after the first eight, with what the bucket had left.
    assert!(begun < MAX_QUEUED, "{begun} handshakes begun at once");
    assert!(!registration.handshakes.queued.is_empty());
}

/// A client repeats an offer that may not have arrived: its handshake goes on, and it gets the answer
/// again.
#[tokio::test]
async fn the_same_offer_again_is_a_question_after_the_answer() {
    let mut registration = registration(secret());
    for _ in 0..2 {
        offer(&mut registration, "client-1", "v=0".into());
    }
    assert_eq!(registration.handshakes.running.len(), 1);
    assert_eq!(registration.handshakes.gate.counts().aborted, 0);
    assert!(registration.repeated().is_none(), "there is no answer yet");
    registration.handshakes.note_answer("client-1", "answer");
    offer(&mut registration, "client-1", "v=0".into());
    assert_eq!(registration.repeated().as_deref(), Some("answer"));
    // Another offer is another connection.
    offer(&mut registration, "client-1", "v=1".into());
    assert_eq!(registration.handshakes.gate.counts().aborted, 1);
    offer(&mut registration, "client-1", "v=1".into());
    assert!(registration.repeated().is_none());
    // The same holds for offers that wait.
    let places = registration.config.max_handshakes;
    for index in 0..places + 2 {
        offer(&mut registration, &format!("other-{index}"), "v=0".into());
    }
    let queued = registration.handshakes.queued.len();
    offer(
        &mut registration,
        &format!("other-{}", places + 1),
        "v=0".into(),
    );
    assert_eq!(registration.handshakes.queued.len(), queued);
}

#[tokio::test]
async fn an_offer_that_is_too_long_begins_nothing() {
    for auth in [secret(), Auth::None] {
        let mut registration = registration(auth);
        offer(
            &mut registration,
            "client-1",
            "x".repeat(MAX_DESCRIPTION_BYTES + 1),
        );
        assert!(
            registration.handshakes.running.is_empty() && registration.handshakes.queued.is_empty()
        );
        assert_eq!(registration.handshakes.gate.counts().refused, 1);
    }
}

#[tokio::test]
async fn pauses_grow_from_one_loss_to_the_next() {
    let mut registration = registration(Auth::None);
    let mut expected = BACKOFF_RANGE.0;
    for _ in 0..10 {
        let pause = registration.next_pause();
        assert!(
            (expected..=expected.mul_f64(1.5)).contains(&pause),
            "{pause:?}"
        );
        expected = (2 * expected).min(BACKOFF_RANGE.1);
    }
    assert_eq!(registration.backoff.peek(), BACKOFF_RANGE.1);
}

#[tokio::test]
async fn only_a_server_of_rooms_forgets_a_worker_in_words() {
    let forgotten = |code: &str| SignalingMessage::Error {
        code: code.into(),
        message: String::new(),
        undelivered: None,
    };
    let mut registration = registration(Auth::None);
    registration.receive(forgotten("NOT_IN_ROOM")).unwrap();
    registration.rendezvous = in_room();
    for code in ["NOT_IN_ROOM", "ROOM_NOT_FOUND"] {
        let error = registration.receive(forgotten(code)).unwrap_err();
        assert!(matches!(error, SignalError::Room(RoomError::NotInRoom)));
    }
    for code in ["PEER_NOT_FOUND", "INVALID_MESSAGE", ""] {
        registration.receive(forgotten(code)).unwrap();
    }
}
