//! Connections that cannot come up, and peers that go away.

use crate::common;

use std::time::Duration;

use common::{any_port, assert_no_error_was_logged, config, next, pair_with, server};
use futures_util::{SinkExt, StreamExt};
use link::signaling::Server;
use link::{
    Acceptor, CloseReason, ConnectError, ConnectionConfig, PeerConfig, SignalError, connect,
};
use protocol::Message;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Text;

fn patient_for(seconds: u64) -> PeerConfig {
    PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(seconds),
            ..ConnectionConfig::default()
        },
        ..PeerConfig::default()
    }
}

/// Why connecting failed.
async fn refusal(url: &str, config: PeerConfig) -> ConnectError {
    match connect(url, config).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn without_a_signaling_server_its_address_is_named() {
    let url = {
        let server = Server::bind(any_port()).await.expect("a free port");
        format!("ws://{}", server.local_addr())
    };
    // Dropping the server ends its task soon, not at once.
    let error = loop {
        match refusal(&url, config()).await {
            ConnectError::Signal(error @ SignalError::Unreachable { .. }) => break error,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(error.to_string(), format!("no signaling server at {url}"));
    let error = Acceptor::register(&url, config())
        .await
        .expect_err("nobody there");
    assert!(matches!(error, SignalError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn addresses_that_cannot_work_are_told_apart() {
    let wrong = refusal("localhost:8080", config()).await;
    assert!(
        matches!(wrong, ConnectError::Signal(SignalError::Url { .. })),
        "{wrong}"
    );
    let server = Server::bind(any_port()).await.expect("a free port");
    let plain = format!("wss://{}", server.local_addr());
    let tls = refusal(&plain, config()).await;
    assert!(
        matches!(tls, ConnectError::Signal(SignalError::Tls { .. })),
        "{tls}"
    );
    let listener = tokio::net::TcpListener::bind(any_port())
        .await
        .expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await
    });
    let web = refusal(&url, config()).await;
    assert!(
        matches!(web, ConnectError::Signal(SignalError::NotSignaling { .. })),
        "{web}"
    );
    answering.await.expect("answered").expect("written");
}

#[tokio::test]
async fn without_a_worker_there_is_a_word_for_it() {
    let (_server, url) = server().await;
    let error = refusal(&url, config()).await;
    assert!(
        matches!(error, ConnectError::NoWorker { others: 0, .. }),
        "{error}"
    );
    let chosen = PeerConfig {
        worker_id: Some("w7".into()),
        ..config()
    };
    let error = refusal(&url, chosen).await;
    assert!(
        matches!(error, ConnectError::UnknownWorker { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_worker_that_does_not_answer_is_given_up() {
    let (_server, url) = server().await;
    let (mut mute, _) = connect_async(&url).await.expect("connected");
    mute.send(Text::text(r#"{"type":"register","peer_id":"worker-mute"}"#))
        .await
        .expect("sent");
    mute.send(Text::text(r#"{"type":"query"}"#))
        .await
        .expect("sent");
    mute.next().await.expect("open").expect("listed");
    let error = refusal(&url, patient_for(1)).await;
    match error {
        ConnectError::NoAnswer { worker, .. } => assert_eq!(worker, "worker-mute"),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_offers_disturb_nobody() {
    let (_server, url) = server().await;
    let mut acceptor = Acceptor::register(&url, config())
        .await
        .expect("registered");
    let (mut attacker, _) = connect_async(&url).await.expect("connected");
    attacker
        .send(Text::text(r#"{"type":"register","peer_id":"m"}"#))
        .await
        .expect("sent");
    let target = acceptor.id().to_owned();
    for sdp in [
        json!("nonsense"),
        json!(""),
        json!({"sdp": "v=0"}),
        json!(7),
        json!(null),
    ] {
        let offer = json!({"type": "offer", "target": target, "sdp": sdp});
        attacker
            .send(Text::text(offer.to_string()))
            .await
            .expect("sent");
        let candidate = json!({"type": "candidate", "target": target, "candidate": sdp});
        attacker
            .send(Text::text(candidate.to_string()))
            .await
            .expect("sent");
    }
    let (client, worker) = tokio::join!(connect(&url, config()), acceptor.accept());
    let (client, mut worker) = (client.expect("connected"), worker.expect("accepted"));
    client.sender.send(Message::KeepAlive).await.expect("sent");
    assert_eq!(next(&mut worker.receiver).await, Message::KeepAlive);
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_handshakes_do_not_hold_others_up() {
    let (_server, url) = server().await;
    let mut acceptor = Acceptor::register(&url, config())
        .await
        .expect("registered");
    let target = acceptor.id().to_owned();
    // A real offer, so that the worker waits for a client that never connects.
    let (mut attacker, _) = connect_async(&url).await.expect("connected");
    let decoy = PeerConfig {
        worker_id: Some("attacker".into()),
        ..patient_for(10)
    };
    let register = json!({"type": "register", "peer_id": "attacker"});
    attacker
        .send(Text::text(register.to_string()))
        .await
        .expect("sent");
    attacker
        .send(Text::text(r#"{"type":"query"}"#))
        .await
        .expect("sent");
    attacker.next().await.expect("open").expect("listed");
    let decoy = tokio::spawn({
        let url = url.clone();
        async move { connect(&url, decoy).await.map(|_| ()) }
    });
    let offer = attacker
        .next()
        .await
        .expect("open")
        .expect("an offer")
        .into_text()
        .expect("text");
    let mut offer: Value = serde_json::from_str(&offer).expect("JSON");
    decoy.abort();
    offer["target"] = target.into();
    for _ in 0..3 {
        attacker
            .send(Text::text(offer.to_string()))
            .await
            .expect("sent");
    }
    // Its answer shows that the handshake is under way.
    let answer = attacker
        .next()
        .await
        .expect("open")
        .expect("an answer")
        .into_text()
        .expect("text");
    assert!(answer.contains("\"answer\""), "{answer}");

    let worker = PeerConfig {
        worker_id: Some(acceptor.id().to_owned()),
        ..config()
    };
    let (client, worker) = tokio::join!(connect(&url, worker), acceptor.accept());
    let (client, mut worker) = (client.expect("connected"), worker.expect("accepted"));
    client.sender.send(Message::KeepAlive).await.expect("sent");
    assert_eq!(next(&mut worker.receiver).await, Message::KeepAlive);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_clients_are_served_at_once() {
    let (_server, url) = server().await;
    let mut acceptor = Acceptor::register(&url, config())
        .await
        .expect("registered");
    let (a, b, c) = tokio::join!(
        connect(&url, config()),
        connect(&url, config()),
        connect(&url, config()),
    );
    for (id, client) in [a, b, c].into_iter().enumerate() {
        let client = client.expect("connected");
        client
            .sender
            .send(Message::FrameEnd(id as u64))
            .await
            .expect("sent");
        client.sender.flush().await.expect("flushed");
        client.sender.close().await;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut worker = acceptor.accept().await.expect("accepted");
        while let Some(message) = worker.receiver.recv().await {
            seen.push(message.expect("valid").kind().to_owned());
        }
        assert_eq!(worker.receiver.closed_because(), Some(CloseReason::Remote));
    }
    assert_eq!(seen.len(), 3);
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_is_noticed_by_both_halves() {
    let (_server, url) = server().await;
    let watchful = PeerConfig {
        connection: ConnectionConfig {
            peer_timeout: Duration::from_secs(2),
            ..config().connection
        },
        ..config()
    };
    let mut acceptor = Acceptor::register(&url, watchful)
        .await
        .expect("registered");
    // A runtime of its own, whose tasks can be stopped without a message to the peer.
    let client = std::thread::spawn({
        let url = url.clone();
        move || {
            let runtime = tokio::runtime::Runtime::new().expect("runtime");
            let channel = runtime
                .block_on(connect(&url, config()))
                .expect("connected");
            runtime
                .block_on(channel.sender.send(Message::KeepAlive))
                .expect("sent");
            runtime.block_on(channel.sender.flush()).expect("flushed");
            runtime.shutdown_background();
            std::mem::forget(channel);
        }
    });
    let mut worker = acceptor.accept().await.expect("accepted");
    client.join().expect("client");
    assert_eq!(next(&mut worker.receiver).await, Message::KeepAlive);
    // A sender that has filled every buffer is released as well.
    let sender = worker.sender.clone();
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = sender.send(Message::Chunk(vec![0; 65_536].into())).await {
                return error;
            }
        }
    });
    // A caller that cancels the wait now and then, as one with a timer does, is notified too.
    let end = loop {
        let look_away = std::time::Duration::from_millis(50);
        if let Ok(end) = tokio::time::timeout(look_away, worker.receiver.recv()).await {
            break end;
        }
    };
    assert!(end.is_none());
    assert_eq!(
        worker.receiver.closed_because(),
        Some(CloseReason::PeerLost)
    );
    let error = sending.await.expect("sender");
    assert_eq!(error, link::SendError::Closed(CloseReason::PeerLost));
    worker.sender.close().await;
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_registers_again_and_channels_outlive_the_signaling_server() {
    let mut pair = pair_with(config(), config()).await;
    let address = pair.server.local_addr();
    drop(pair.server);
    let _server = loop {
        match Server::bind(address).await {
            Ok(server) => break server,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    pair.client
        .sender
        .send(Message::KeepAlive)
        .await
        .expect("sent");
    assert_eq!(next(&mut pair.worker.receiver).await, Message::KeepAlive);
    // Until the worker is back, there is none.
    let second = loop {
        match connect(&pair.url, config()).await {
            Ok(channel) => break channel,
            Err(ConnectError::NoWorker { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let mut accepted = pair.acceptor.accept().await.expect("accepted");
    second
        .sender
        .send(Message::FrameEnd(2))
        .await
        .expect("sent");
    assert_eq!(next(&mut accepted.receiver).await, Message::FrameEnd(2));
}
