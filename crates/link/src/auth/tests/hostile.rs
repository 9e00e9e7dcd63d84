//! Peers that do not keep to the exchange.

use protocol::{Limits, Message};

use super::*;
use crate::auth::exchange::read;

/// What the worker makes of a client's first message, and what it answers.
async fn first(message: Message) -> (Result<(), HandshakeError>, Vec<Message>) {
    let (mut here, mut there) = memory_channel();
    here.send_now(message).await;
    let outcome = worker::admit(&mut there, &Auth::Bound(secret(1)), OF_WORKER, deadline()).await;
    drop(there);
    let mut answers = Vec::new();
    while let Some(answer) = here.into.recv().await {
        answers.push(answer);
    }
    (outcome, answers)
}

#[tokio::test(start_paused = true)]
async fn nothing_but_authentication_is_answered() {
    let limits = Limits::default();
    for (text, said) in [
        (r#"{"type":"STREAM_START"}"#, "STREAM_START"),
        (r#"{"type":"LANE_OFFER","lane":1,"sdp":""}"#, "LANE_OFFER"),
        ("FILE_UPLOAD_END", "FILE_UPLOAD_END"),
        ("AUTH_RESPONSE::missing", "nothing"),
        ("AUTH_SUCCESS", "AUTH_SUCCESS"),
        ("HELLO", "unknown"),
    ] {
        let message = Message::from_text(text, &limits).expect("readable");
        let (outcome, answers) = first(message).await;
        assert_eq!(outcome, Err(HandshakeError::Missing { said }), "{text}");
        let [Message::AuthChallenge(_), Message::AuthFailure(word)] = &answers[..] else {
            panic!("{text}: {answers:?}");
        };
        assert_eq!(word, "missing");
    }
    assert_eq!(read(true, &[b'a'; 1025]), AuthInput::Nonsense);
    assert_eq!(read(true, b"AUTH_PROOF::x"), AuthInput::Nonsense);
    assert_eq!(read(true, b"\xff"), AuthInput::Nonsense);
    assert_eq!(read(false, b"KEEP_ALIVE"), AuthInput::Nonsense);
}

#[tokio::test(start_paused = true)]
async fn a_proof_is_worth_nothing_a_second_time() {
    let auth = Auth::Bound(secret(1));
    // What a client proved once, seen by an attacker.
    let (mut here, mut tap) = memory_channel();
    tap.send_now(Message::AuthChallenge("A".repeat(43))).await;
    let proving = client::prove_over(&mut here, &auth, OF_CLIENT);
    let (_, seen) = tokio::join!(proving, async {
        let seen = tap.receive().await;
        drop(tap);
        seen
    });
    let AuthInput::Message(seen) = seen else {
        panic!("{seen:?}")
    };
    let (outcome, _) = first(seen).await;
    assert_eq!(outcome, Err(HandshakeError::Invalid));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_proves_nothing_is_refused_whatever_it_says() {
    let proof_of_client = |message: &Message| match message {
        Message::AuthProof(proof) => proof.proof.clone(),
        other => panic!("{other:?}"),
    };
    let invalid = |reason: &str| Message::AuthFailure(reason.to_owned());
    type Reply = Box<dyn Fn(&Message) -> Message>;
    let cases: [(Reply, AuthError); 5] = [
        (
            Box::new(|_| Message::AuthSuccess(None)),
            AuthError::Unproven,
        ),
        (
            Box::new(|_| Message::AuthSuccess(Some("A".repeat(43)))),
            AuthError::Unproven,
        ),
        // Its own words, thrown back.
        (
            Box::new(move |message| Message::AuthSuccess(Some(proof_of_client(message)))),
            AuthError::Unproven,
        ),
        // A Python worker without a secret reply so and would go on.
        (
            Box::new(move |_| invalid("missing")),
            AuthError::NoSecretThere,
        ),
        (
            Box::new(move |_| invalid("timeout")),
            AuthError::Refused {
                reason: AuthRefusal::Timeout,
            },
        ),
    ];
    for (reply, expected) in cases {
        let (mut here, mut there) = memory_channel();
        let worker = async {
            there.send_now(Message::AuthChallenge("A".repeat(43))).await;
            let AuthInput::Message(proof) = there.receive().await else {
                panic!("no proof")
            };
            there.send_now(reply(&proof)).await;
            // It goes on as if all were well.
            there.send_now(Message::AuthSuccess(None)).await;
            there
        };
        let auth = Auth::Bound(secret(1));
        let client = client::prove_over(&mut here, &auth, OF_CLIENT);
        let (outcome, _there) = tokio::join!(client, worker);
        assert_eq!(outcome, Err(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_asks_for_nothing_is_refused() {
    for asks in [
        Message::AuthSuccess(None),
        Message::AuthFailure("missing".into()),
    ] {
        let (mut here, there) = memory_channel();
        there.send_now(asks).await;
        let auth = Auth::Bound(secret(1));
        let outcome = client::prove_over(&mut here, &auth, OF_CLIENT).await;
        assert!(outcome.is_err());
    }
    // Nor does it get round it by talking without end.
    let (mut here, there) = memory_channel();
    for _ in 0..17 {
        there.send_now(Message::KeepAlive).await;
    }
    let outcome = client::prove_over(&mut here, &Auth::Bound(secret(1)), OF_CLIENT).await;
    assert_eq!(outcome, Err(AuthError::Flood));
}
