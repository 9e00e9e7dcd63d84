//! The exchange over a wire in memory, in virtual time, and against the specification's vectors.

use std::time::Duration;

use protocol::{Limits, Message};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::exchange::{AuthChannel, AuthInput, read};
use super::proof::{Nonce, ProofRole, Transcript};
use super::settings::{AUTH_TIMEOUT, VERDICT_MARGIN};
use super::*;
use crate::connection::{Fingerprint, Fingerprints};

const WORKER: Fingerprint = [1; 32];
const CLIENT: Fingerprint = [2; 32];
const OF_WORKER: Fingerprints = Fingerprints {
    local: WORKER,
    remote: CLIENT,
};
const OF_CLIENT: Fingerprints = Fingerprints {
    local: CLIENT,
    remote: WORKER,
};

struct Line {
    out: mpsc::Sender<Message>,
    into: mpsc::Receiver<Message>,
}

fn line() -> (Line, Line) {
    let ((there, from_there), (here, from_here)) = (mpsc::channel(64), mpsc::channel(64));
    let client = Line {
        out: there,
        into: from_here,
    };
    let worker = Line {
        out: here,
        into: from_there,
    };
    (client, worker)
}

impl Line {
    async fn say(&self, message: Message) {
        self.send(message, deadline()).await;
    }
}

fn deadline() -> Instant {
    Instant::now() + AUTH_TIMEOUT
}

impl AuthChannel for Line {
    async fn send(&self, message: Message, until: Instant) {
        let _ = tokio::time::timeout_at(until, self.out.send(message)).await;
    }

    async fn receive(&mut self) -> AuthInput {
        self.into
            .recv()
            .await
            .map_or(AuthInput::Closed, AuthInput::Message)
    }

    fn trust(&self) {}
}

fn secret(byte: u8) -> Secret {
    super::encoding::encode(&[byte; 32])
        .parse()
        .expect("a secret")
}

fn legacy(secret: Option<Secret>) -> LegacyCredentials {
    LegacyCredentials {
        secret,
        ..LegacyCredentials::default()
    }
}

async fn both(client: Auth, worker: Auth) -> (Result<(), AuthError>, Result<(), HandshakeError>) {
    let (mut here, mut there) = line();
    tokio::join!(
        super::client::prove_over(&mut here, &client, OF_CLIENT),
        super::worker::admit(&mut there, &worker, OF_WORKER, deadline()),
    )
}

fn refused() -> Result<(), AuthError> {
    let reason = "invalid".to_owned();
    Err(AuthError::Refused { reason })
}

#[tokio::test(start_paused = true)]
async fn the_same_secret_lets_in_and_another_does_not() {
    let bound = |byte| Auth::Bound(secret(byte));
    assert_eq!(both(bound(1), bound(1)).await, (Ok(()), Ok(())));
    let other = both(bound(1), bound(2)).await;
    assert_eq!(other, (refused(), Err(HandshakeError::Invalid)));
}

#[tokio::test(start_paused = true)]
async fn the_plain_form_is_taken_where_both_ask_for_it_alone() {
    let bound = || Auth::Bound(secret(1));
    let shared = || Auth::Legacy(legacy(Some(secret(1))));
    assert_eq!(both(shared(), shared()).await, (Ok(()), Ok(())));
    // A worker that takes Python peers takes others no less.
    assert_eq!(both(bound(), shared()).await, (Ok(()), Ok(())));
    let unbound = both(shared(), bound()).await;
    assert_eq!(unbound, (refused(), Err(HandshakeError::Unbound)));
    let other = both(shared(), Auth::Legacy(legacy(Some(secret(2))))).await;
    assert_eq!(other, (refused(), Err(HandshakeError::Invalid)));
}

#[tokio::test(start_paused = true)]
async fn keys_sign_what_workers_ask_and_nothing_else() {
    let vectors = vectors();
    let plain_of = |vector: &Value| {
        let text = |key: &str| vector[key].as_str().expect("a text").to_owned();
        let client = Auth::Legacy(LegacyCredentials {
            key: text("private_key").parse().ok(),
            ..LegacyCredentials::default()
        });
        let worker = Auth::Legacy(LegacyCredentials {
            authorized: vec![text("public_key").parse().expect("a key")],
            ..LegacyCredentials::default()
        });
        (client, worker)
    };
    let (one, other) = (&vectors["plain"][0], &vectors["plain"][1]);
    let ((client, worker), (other_client, _)) = (plain_of(one), plain_of(other));
    assert_eq!(both(client.clone(), worker.clone()).await, (Ok(()), Ok(())));
    let refusal = both(other_client, worker).await;
    assert_eq!(refusal, (refused(), Err(HandshakeError::Invalid)));
    for challenge in ["", "transfer 100 to mallory", "AAAA", &"A".repeat(200)] {
        let (mut here, there) = line();
        there
            .say(Message::AuthChallenge(challenge.to_owned()))
            .await;
        let outcome = super::client::prove_over(&mut here, &client, OF_CLIENT).await;
        assert_eq!(outcome, Err(AuthError::Challenge), "{challenge}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_ten_seconds_on_both_sides() {
    let auth = Auth::Bound(secret(1));
    let began = Instant::now();
    let (here, mut there) = line();
    let outcome = super::worker::admit(&mut there, &auth, OF_WORKER, deadline()).await;
    let waited = Duration::from_secs(10);
    assert_eq!(outcome, Err(HandshakeError::Timeout { waited }));
    assert_eq!(began.elapsed(), waited);
    drop(here);

    let (mut here, _there) = line();
    let outcome = super::client::prove_over(&mut here, &auth, OF_CLIENT).await;
    assert_eq!(outcome, Err(AuthError::NotAsked { waited }));
    assert_eq!(began.elapsed(), 2 * waited);

    let (mut here, there) = line();
    there.say(Message::AuthChallenge("A".repeat(43))).await;
    let outcome = super::client::prove_over(&mut here, &auth, OF_CLIENT).await;
    assert_eq!(outcome, Err(AuthError::NoVerdict { waited }));
}

/// Counted from the open channel, whatever the client does.
#[tokio::test(start_paused = true)]
async fn an_unauthenticated_client_is_gone_after_ten_seconds_and_a_moment() {
    let auth = Auth::Bound(secret(1));
    let answer = |text: &str| Message::AuthResponse(text.to_owned());
    let cases: [(Option<Duration>, bool); 5] = [
        (None, true),
        (Some(Duration::ZERO), true),
        (Some(Duration::from_millis(9_500)), true),
        (Some(Duration::from_millis(9_999)), true),
        // It reads nothing either.
        (None, false),
    ];
    for (says_after, reads) in cases {
        let gate = AuthGate::default();
        let (mut here, mut there) = line();
        if !reads {
            while there.out.try_send(Message::KeepAlive).is_ok() {}
        }
        let began = Instant::now();
        let client = async {
            if let Some(pause) = says_after {
                tokio::time::sleep(pause).await;
                here.say(answer("missing")).await;
            }
            while reads
                && !matches!(
                    here.receive().await,
                    AuthInput::Message(Message::AuthFailure(_))
                )
            {}
        };
        let judged = gate.judge(&mut there, &auth, OF_WORKER, deadline());
        let (outcome, ()) = tokio::join!(judged, client);
        assert!(outcome.is_err());
        let stayed = began.elapsed();
        assert!(
            stayed <= AUTH_TIMEOUT + VERDICT_MARGIN,
            "{says_after:?}: {stayed:?}"
        );
        assert_eq!(gate.counts().failed(), 1);
    }
}

/// What the worker makes of a client's first message, and what it answers.
async fn first(message: Message) -> (Result<(), HandshakeError>, Vec<Message>) {
    let (mut here, mut there) = line();
    here.say(message).await;
    let outcome =
        super::worker::admit(&mut there, &Auth::Bound(secret(1)), OF_WORKER, deadline()).await;
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
    let (mut here, mut tap) = line();
    tap.say(Message::AuthChallenge("A".repeat(43))).await;
    let proving = super::client::prove_over(&mut here, &auth, OF_CLIENT);
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
    type Says = Box<dyn Fn(&Message) -> Message>;
    let cases: [(Says, AuthError); 5] = [
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
        // A Python worker without a secret says so and would go on.
        (
            Box::new(move |_| invalid("missing")),
            AuthError::NoSecretThere,
        ),
        (
            Box::new(move |_| invalid("timeout")),
            AuthError::Refused {
                reason: "timeout".into(),
            },
        ),
    ];
    for (says, expected) in cases {
        let (mut here, mut there) = line();
        let worker = async {
            there.say(Message::AuthChallenge("A".repeat(43))).await;
            let AuthInput::Message(proof) = there.receive().await else {
                panic!("no proof")
            };
            there.say(says(&proof)).await;
            // It goes on as if all were well.
            there.say(Message::AuthSuccess(None)).await;
            there
        };
        let auth = Auth::Bound(secret(1));
        let client = super::client::prove_over(&mut here, &auth, OF_CLIENT);
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
        let (mut here, there) = line();
        there.say(asks).await;
        let auth = Auth::Bound(secret(1));
        let outcome = super::client::prove_over(&mut here, &auth, OF_CLIENT).await;
        assert!(outcome.is_err());
    }
    // Nor does it get round it by talking without end.
    let (mut here, there) = line();
    for _ in 0..17 {
        there.say(Message::KeepAlive).await;
    }
    let outcome = super::client::prove_over(&mut here, &Auth::Bound(secret(1)), OF_CLIENT).await;
    assert_eq!(outcome, Err(AuthError::Flood));
}

/// Every part of the transcript counts.
#[test]
fn a_proof_is_bound_to_nonces_certificates_role_and_secret() {
    let transcript = Transcript {
        worker_nonce: Nonce([3; 32]),
        client_nonce: Nonce([4; 32]),
        worker: WORKER,
        client: CLIENT,
    };
    let proof = transcript.prove(&secret(1), ProofRole::SignalingClient);
    assert!(transcript.verify(&secret(1), ProofRole::SignalingClient, &proof));
    assert!(!transcript.verify(&secret(1), ProofRole::Worker, &proof));
    assert!(!transcript.verify(&secret(2), ProofRole::SignalingClient, &proof));
    for other in [
        Transcript {
            worker_nonce: Nonce([4; 32]),
            ..transcript
        },
        Transcript {
            client_nonce: Nonce([3; 32]),
            ..transcript
        },
        Transcript {
            worker: [9; 32],
            ..transcript
        },
        Transcript {
            client: [9; 32],
            ..transcript
        },
        Transcript {
            worker: CLIENT,
            client: WORKER,
            ..transcript
        },
    ] {
        assert!(
            !other.verify(&secret(1), ProofRole::SignalingClient, &proof),
            "{other:?}"
        );
    }
    for damaged in ["", "A", &proof[1..], &proof.to_lowercase()] {
        assert!(!transcript.verify(&secret(1), ProofRole::SignalingClient, damaged));
    }
}

fn vectors() -> Value {
    let text = include_str!("../../../protocol/tests/vectors/auth.json");
    serde_json::from_str(text).expect("vectors")
}

#[test]
fn the_vectors_of_the_specification_hold() {
    let vectors = vectors();
    let unhex = |text: &str| -> Vec<u8> {
        let octets = text.as_bytes().chunks(2);
        octets
            .map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 16).unwrap())
            .collect()
    };
    let bound = vectors["bound"].as_array().expect("a list");
    assert_eq!(bound.len(), 3);
    for vector in bound {
        let text = |key: &str| vector[key].as_str().expect("a text");
        let after = |key: &str| text(key).split_once("::").expect("a word").1;
        let (client_nonce, client_proof) = after("answer").split_once(':').expect("two fields");
        let transcript = Transcript {
            worker_nonce: Nonce::parse(after("challenge")).expect("a nonce"),
            client_nonce: Nonce::parse(client_nonce).expect("a nonce"),
            worker: Fingerprints::of(&unhex(text("worker_certificate"))),
            client: Fingerprints::of(&unhex(text("client_certificate"))),
        };
        assert_eq!(transcript.bytes(), unhex(text("transcript")));
        let secret: Secret = text("secret").parse().expect("a secret");
        assert_eq!(
            transcript.prove(&secret, ProofRole::SignalingClient),
            client_proof
        );
        assert_eq!(
            transcript.prove(&secret, ProofRole::Worker),
            after("success")
        );
    }
    for vector in vectors["plain"].as_array().expect("a list") {
        let text = |key: &str| vector[key].as_str().expect("a text");
        let after = |key: &str| text(key).split_once("::").expect("a word").1;
        let by_secret = legacy(text("secret").parse().ok());
        let by_key = LegacyCredentials {
            key: text("private_key").parse().ok(),
            ..LegacyCredentials::default()
        };
        for (credentials, answer) in [(by_secret, "hmac_answer"), (by_key, "ed25519_answer")] {
            let given = super::legacy::answer(&credentials, after("challenge"));
            assert_eq!(given.as_deref(), Some(after(answer)));
        }
    }
}
