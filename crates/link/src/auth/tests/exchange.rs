//! Both sides of the exchange, and how long each waits for the other.

use std::time::Duration;

use protocol::Message;
use serde_json::Value;
use tokio::time::Instant;

use super::*;
use crate::auth::settings::VERDICT_MARGIN;

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
        let (mut here, there) = memory_channel();
        there
            .send_now(Message::AuthChallenge(challenge.to_owned()))
            .await;
        let outcome = client::prove_over(&mut here, &client, OF_CLIENT).await;
        assert_eq!(outcome, Err(AuthError::Challenge), "{challenge}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_ten_seconds_on_both_sides() {
    let auth = Auth::Bound(secret(1));
    let began = Instant::now();
    let (here, mut there) = memory_channel();
    let outcome = worker::admit(&mut there, &auth, OF_WORKER, deadline()).await;
    let waited = Duration::from_secs(10);
    assert_eq!(outcome, Err(HandshakeError::Timeout { waited }));
    assert_eq!(began.elapsed(), waited);
    drop(here);

    let (mut here, _there) = memory_channel();
    let outcome = client::prove_over(&mut here, &auth, OF_CLIENT).await;
    assert_eq!(outcome, Err(AuthError::NotAsked { waited }));
    assert_eq!(began.elapsed(), 2 * waited);

    let (mut here, there) = memory_channel();
    there.send_now(Message::AuthChallenge("A".repeat(43))).await;
    let outcome = client::prove_over(&mut here, &auth, OF_CLIENT).await;
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
    for (sends_after, reads) in cases {
        let gate = AuthGate::default();
        let (mut here, mut there) = memory_channel();
        if !reads {
            while there.out.try_send(Message::KeepAlive).is_ok() {}
        }
        let began = Instant::now();
        let client = async {
            if let Some(pause) = sends_after {
                tokio::time::sleep(pause).await;
                here.send_now(answer("missing")).await;
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
            "{sends_after:?}: {stayed:?}"
        );
        assert_eq!(gate.counts().failed(), 1);
    }
}
