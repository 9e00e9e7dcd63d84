//! The signaling server towards bare WebSocket clients.

use crate::common;

use std::net::SocketAddr;

use common::{any_port, record_logs};
use futures_util::{SinkExt, StreamExt};
use link::signaling::{IdReservation, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    async fn connect(server: &Server) -> Self {
        let url = format!("ws://{}", server.local_addr());
        Self(connect_async(url).await.expect("connected").0)
    }

    async fn registered(server: &Server, id: &str) -> Self {
        let mut peer = Self::connect(server).await;
        peer.register(id).await;
        peer
    }

    async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// The next text message; `None` when the server has ended the connection.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn peers(&mut self) -> Value {
        self.send(json!({"type": "query"})).await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer["type"], "available_peers");
        answer["peers"].clone()
    }

    /// Registration is not answered; what follows it is, once it has been processed.
    async fn register(&mut self, id: &str) {
        self.send(json!({"type": "register", "peer_id": id})).await;
        self.peers().await;
    }
}

async fn server() -> Server {
    record_logs();
    Server::bind(any_port()).await.expect("a free port")
}

#[tokio::test]
async fn registering_is_answered_by_nothing() {
    let server = server().await;
    let mut peer = Peer::connect(&server).await;
    peer.send(json!({"type": "register", "peer_id": "a"})).await;
    peer.send(json!({"type": "query"})).await;
    // The first message to come back belongs to the query.
    assert_eq!(
        peer.next().await,
        Some(json!({"type": "available_peers", "peers": []}))
    );
}

#[tokio::test]
async fn peers_are_listed_in_order_of_registration_without_the_asker() {
    let server = server().await;
    let mut zoe = Peer::registered(&server, "zoe").await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut mia = Peer::registered(&server, "mia").await;
    assert_eq!(zoe.peers().await, json!(["ann", "mia"]));
    assert_eq!(ann.peers().await, json!(["zoe", "mia"]));
    assert_eq!(mia.peers().await, json!(["zoe", "ann"]));
    let mut unregistered = Peer::connect(&server).await;
    assert_eq!(unregistered.peers().await, json!(["zoe", "ann", "mia"]));
}

#[tokio::test]
async fn messages_are_forwarded_with_their_sender_and_all_other_keys() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    for kind in ["offer", "answer", "candidate", "quit"] {
        let sent = json!({
            "type": kind, "target": "bob", "sender": "mallory", "sdp": "v=0\r\n",
            "candidate": {"candidate": "c", "sdpMLineIndex": 0}, "extra": [1, 2.5, null, "ü"],
        });
        ann.send(sent.clone()).await;
        let mut expected = sent;
        expected["sender"] = "ann".into();
        assert_eq!(bob.next().await, Some(expected));
    }
}

#[tokio::test]
async fn a_message_without_sender_gets_one() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    ann.send(json!({"type": "quit", "target": "bob"})).await;
    let expected = json!({"type": "quit", "target": "bob", "sender": "ann"});
    assert_eq!(bob.next().await, Some(expected));
}

#[tokio::test]
async fn a_peer_is_forgotten_when_its_socket_closes() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    bob.0.close(None).await.expect("closed");
    // The server answers the closing only after it has read it; then it forgets the peer.
    while bob.0.next().await.is_some() {}
    while ann.peers().await != json!([]) {}
}

#[tokio::test]
async fn a_second_socket_takes_an_id_over() {
    let server = server().await;
    let mut old = Peer::registered(&server, "worker").await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut new = Peer::registered(&server, "worker").await;
    assert_eq!(ann.peers().await, json!(["worker"]));
    ann.send(json!({"type": "quit", "target": "worker"})).await;
    assert_eq!(new.next().await.expect("forwarded")["sender"], "ann");
    // The old socket is served on, without an id.
    assert_eq!(old.peers().await, json!(["ann", "worker"]));
    old.0.close(None).await.expect("closed");
    while old.0.next().await.is_some() {}
    assert_eq!(ann.peers().await, json!(["worker"]));
}

#[tokio::test]
async fn registering_again_under_another_id_replaces_the_first() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    bob.register("rob").await;
    assert_eq!(ann.peers().await, json!(["rob"]));
}

#[tokio::test]
async fn bad_messages_are_refused_and_close_nothing() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    let cases = [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ("[1]", "INVALID_MESSAGE"),
        ("7", "INVALID_MESSAGE"),
        (r#"{"type":"dance"}"#, "UNKNOWN_MESSAGE_TYPE"),
        (r#"{"type":"register"}"#, "INVALID_MESSAGE"),
        (r#"{"type":"register","peer_id":""}"#, "INVALID_MESSAGE"),
        (r#"{"type":"register","peer_id":[]}"#, "INVALID_MESSAGE"),
        (r#"{"type":"offer","sdp":"v=0"}"#, "INVALID_MESSAGE"),
        (
            r#"{"type":"offer","target":"nobody","sdp":"v=0"}"#,
            "PEER_NOT_FOUND",
        ),
    ];
    for (text, code) in cases {
        ann.send_text(text).await;
        let answer = ann.next().await.expect("an answer");
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{text}"
        );
    }
    ann.0
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .expect("sent");
    assert_eq!(
        ann.next().await.expect("an answer")["code"],
        "INVALID_MESSAGE"
    );
    assert_eq!(ann.peers().await, json!(["bob"]));
    assert_eq!(bob.peers().await, json!(["ann"]));
}

#[tokio::test]
async fn only_registered_peers_are_heard() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut other = Peer::connect(&server).await;
    other
        .send(json!({"type": "offer", "target": "ann", "sdp": "v=0"}))
        .await;
    assert_eq!(
        other.next().await.expect("an answer")["code"],
        "NOT_REGISTERED"
    );
    other.register("bob").await;
    other.send(json!({"type": "quit", "target": "ann"})).await;
    assert_eq!(ann.next().await.expect("forwarded")["type"], "quit");
}

#[tokio::test]
async fn an_oversized_message_ends_its_own_socket_alone() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut bob = Peer::registered(&server, "bob").await;
    let fits = json!({"type": "quit", "target": "bob", "x": "y".repeat(100_000)});
    ann.send(fits).await;
    assert_eq!(bob.next().await.expect("forwarded")["sender"], "ann");
    // The server may end the connection before all of it is written.
    let oversized = json!({"type": "quit", "target": "bob", "x": "y".repeat(200_000)});
    let _ = ann.0.send(Message::text(oversized.to_string())).await;
    assert_eq!(ann.next().await, None);
    while bob.peers().await != json!([]) {}
}

#[tokio::test]
async fn what_is_no_websocket_client_disturbs_nobody() {
    let server = server().await;
    let mut ann = Peer::registered(&server, "ann").await;
    let mut noise = TcpStream::connect(server.local_addr())
        .await
        .expect("connected");
    noise
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .await
        .expect("written");
    let mut answer = Vec::new();
    // The connection is closed, whatever the response is.
    let _ = noise.read_to_end(&mut answer).await;
    let _silent = TcpStream::connect(server.local_addr())
        .await
        .expect("connected");
    assert_eq!(ann.peers().await, json!([]));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = server().await;
    let error = Server::bind(server.local_addr()).await.expect_err("in use");
    let text = error.to_string();
    assert!(
        text.contains("in use") && text.contains(&server.local_addr().to_string()),
        "{text}"
    );
}

#[tokio::test]
async fn a_dropped_server_stops_serving() {
    let server = server().await;
    let address: SocketAddr = server.local_addr();
    let mut ann = Peer::registered(&server, "ann").await;
    drop(server);
    assert_eq!(ann.next().await, None);
    // The port is free again.
    while Server::bind(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_in_a_browser_is_refused() {
    let server = server().await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1:8080"] {
        let mut request = format!("ws://{}", server.local_addr())
            .into_client_request()
            .expect("a request");
        let origin = origin.parse().expect("a header");
        request.headers_mut().insert("origin", origin);
        match connect_async(request).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403),
            other => panic!("{other:?}"),
        }
    }
    Peer::connect(&server).await;
}

#[tokio::test]
async fn nobody_takes_a_reserved_id() {
    let server = server().await;
    let url = format!("ws://{}", server.local_addr());
    let config = link::PeerConfig {
        peer_id: Some("worker".to_owned()),
        reservation: Some(server.reserve("worker")),
        ..common::config()
    };
    let mut attacker = Peer::connect(&server).await;
    let register = json!({"type": "register", "peer_id": "worker"});
    // Neither before the worker comes nor after.
    for _ in 0..2 {
        attacker.send(register.clone()).await;
        assert_eq!(
            attacker.next().await.expect("an answer")["code"],
            "ID_RESERVED"
        );
        let with_key = json!({"type": "register", "peer_id": "worker", "key": ""});
        attacker.send(with_key).await;
        assert_eq!(
            attacker.next().await.expect("an answer")["code"],
            "ID_RESERVED"
        );
        let worker = link::Acceptor::register(&url, config.clone()).await;
        worker.expect("registered");
    }
    let mut early = Peer::registered(&server, "worker-2").await;
    let _worker = link::Acceptor::register(&url, config)
        .await
        .expect("registered");
    // No other peer is listed to clients there.
    early.register("worker-3").await;
    let mut asker = Peer::connect(&server).await;
    assert_eq!(asker.peers().await, json!(["worker"]));
}

#[tokio::test]
async fn the_second_worker_of_a_name_is_refused_and_the_first_one_stays() {
    let server = server().await;
    let url = format!("ws://{}", server.local_addr());
    let config = |key: &str| link::PeerConfig {
        peer_id: Some("worker-rig".to_owned()),
        reservation: Some(IdReservation::with_key(key)),
        ..common::config()
    };
    let _first = link::Acceptor::register(&url, config("one")).await.unwrap();
    let second = link::Acceptor::register(&url, config("two")).await;
    let error = second.expect_err("the name is taken");
    assert!(
        matches!(error, link::SignalError::IdTaken { .. }),
        "{error}"
    );
    let keyless = link::PeerConfig {
        reservation: None,
        ..config("")
    };
    link::Acceptor::register(&url, keyless).await.unwrap_err();
    let mut asker = Peer::connect(&server).await;
    assert_eq!(asker.peers().await, json!(["worker-rig"]));
    // The same worker comes back, though its former connection is still there.
    link::Acceptor::register(&url, config("one")).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let server = server().await;
    let mut peer = Peer::connect(&server).await;
    let register = json!({"type": "register", "peer_id": "worker-rig", "key": "k".repeat(129)});
    peer.send(register).await;
    assert_eq!(
        peer.next().await.expect("an answer")["code"],
        "INVALID_MESSAGE"
    );
    assert_eq!(Peer::connect(&server).await.peers().await, json!([]));
}
