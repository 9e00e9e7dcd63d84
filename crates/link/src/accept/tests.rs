use std::time::Duration;

use super::desk::BACKOFF;
use super::guests::MAX_WAITING;
use super::*;
use crate::auth::{Auth, Secret};
use crate::peer::MAX_DESCRIPTION_BYTES;
use crate::signaling::Incoming;
use crate::signaling::rooms::{Credential, RoomError};

fn desk(auth: Auth) -> Desk {
    let config = PeerConfig {
        auth,
        ..PeerConfig::default()
    };
    let place = Place::Server("ws://x".into());
    Desk::new(place, config, mpsc::channel(1).0)
}

impl Desk {
    /// The answer that is to be sent next, if there is one.
    fn repeated(&mut self) -> Option<String> {
        Some(self.answers.try_recv().ok()?.sdp)
    }
}

fn in_room() -> Place {
    let room = Room {
        url: "ws://x".into(),
        id: "lab".into(),
        credential: Credential::Key("slp_1".into()),
        silence: Duration::from_secs(90),
    };
    Place::Room(Box::new(InRoom::new(
        room,
        Profile::default(),
        watch::Sender::new(false).subscribe(),
    )))
}

fn secret() -> Auth {
    Auth::Bound(Secret::generate().expect("randomness"))
}

fn offer(desk: &mut Desk, client: &str, sdp: String) {
    let sender = client.to_owned();
    desk.receive(Incoming::Offer { sender, sdp }).unwrap();
}

/// Every client has its turn, however many strangers came before it; and they cannot have more
/// done than the bucket holds.
#[tokio::test]
async fn offers_wait_for_their_turn_where_clients_have_to_show_who_they_are() {
    let mut desk = desk(secret());
    let places = desk.config.max_handshakes;
    for index in 0..places + MAX_WAITING + 3 {
        offer(&mut desk, &format!("client-{index}"), "v=0".into());
    }
    assert_eq!(
        (desk.guests.under_way.len(), desk.guests.waiting.len()),
        (places, MAX_WAITING)
    );
    assert_eq!(desk.guests.gate.counts().turned_away, 3);
    // The same client again: its first is forgotten, wherever it was.
    offer(&mut desk, "client-0", "v=1".into());
    assert_eq!(desk.guests.gate.counts().aborted, 1);
    assert_eq!(
        (desk.guests.under_way.len(), desk.guests.waiting.len()),
        (places, MAX_WAITING)
    );
    // Whoever is gone before its answer keeps no place.
    let gone = |client: &str| Incoming::Error {
        code: "PEER_NOT_FOUND".into(),
        message: String::new(),
        undelivered: Some(client.to_owned()),
    };
    desk.receive(gone("client-1")).unwrap();
    assert_eq!(desk.guests.under_way.len(), places - 1);
    let mut begun = 0;
    while let Some(client) = desk.guests.under_way.keys().next().cloned() {
        begun += 1;
        desk.receive(gone(&client)).unwrap();
        desk.guests.begin_waiting(&desk.config);
    }
    // Those after the first eight, with what the bucket had left.
    assert!(begun < MAX_WAITING, "{begun} handshakes begun at once");
    assert!(!desk.guests.waiting.is_empty());
}

/// A client repeats an offer that may not have arrived: its handshake goes on, and it hears the answer
/// again.
#[tokio::test]
async fn the_same_offer_again_is_a_question_after_the_answer() {
    let mut desk = desk(secret());
    for _ in 0..2 {
        offer(&mut desk, "client-1", "v=0".into());
    }
    assert_eq!(desk.guests.under_way.len(), 1);
    assert_eq!(desk.guests.gate.counts().aborted, 0);
    assert!(desk.repeated().is_none(), "there is no answer yet");
    desk.guests.answers_with("client-1", "answer");
    offer(&mut desk, "client-1", "v=0".into());
    assert_eq!(desk.repeated().as_deref(), Some("answer"));
    // Another offer is another connection.
    offer(&mut desk, "client-1", "v=1".into());
    assert_eq!(desk.guests.gate.counts().aborted, 1);
    offer(&mut desk, "client-1", "v=1".into());
    assert!(desk.repeated().is_none());
    // The same holds for offers that wait.
    let places = desk.config.max_handshakes;
    for index in 0..places + 2 {
        offer(&mut desk, &format!("other-{index}"), "v=0".into());
    }
    let waiting = desk.guests.waiting.len();
    offer(&mut desk, &format!("other-{}", places + 1), "v=0".into());
    assert_eq!(desk.guests.waiting.len(), waiting);
}

#[tokio::test]
async fn an_offer_that_is_too_long_begins_nothing() {
    for auth in [secret(), Auth::None] {
        let mut desk = desk(auth);
        offer(&mut desk, "client-1", "x".repeat(MAX_DESCRIPTION_BYTES + 1));
        assert!(desk.guests.under_way.is_empty() && desk.guests.waiting.is_empty());
        assert_eq!(desk.guests.gate.counts().turned_away, 1);
    }
}

#[tokio::test]
async fn pauses_grow_from_one_loss_to_the_next() {
    let mut desk = desk(Auth::None);
    let mut expected = BACKOFF.0;
    for _ in 0..10 {
        let pause = desk.next_pause();
        assert!(
            (expected..=expected.mul_f64(1.5)).contains(&pause),
            "{pause:?}"
        );
        expected = (2 * expected).min(BACKOFF.1);
    }
    assert_eq!(desk.pause, BACKOFF.1);
}

#[tokio::test]
async fn only_a_server_of_rooms_forgets_a_worker_in_words() {
    let forgotten = |code: &str| Incoming::Error {
        code: code.into(),
        message: String::new(),
        undelivered: None,
    };
    let mut desk = desk(Auth::None);
    desk.receive(forgotten("NOT_IN_ROOM")).unwrap();
    desk.place = in_room();
    for code in ["NOT_IN_ROOM", "ROOM_NOT_FOUND"] {
        let error = desk.receive(forgotten(code)).unwrap_err();
        assert!(matches!(error, SignalError::Room(RoomError::NotInRoom)));
    }
    for code in ["PEER_NOT_FOUND", "INVALID_MESSAGE", ""] {
        desk.receive(forgotten(code)).unwrap();
    }
}
