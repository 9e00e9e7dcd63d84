//! Offers that are lost on their way to a worker: the client offers again.

use crate::common;

use std::time::Duration;

use common::{any_port, config, next, server};
use futures_util::{SinkExt, StreamExt};
use link::{Acceptor, Channel, ConnectError, ConnectionConfig, PeerConfig, connect};
use protocol::Message;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Text;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const WORKER: &str = "worker-1";

/// A worker that takes offers and answers none.
struct Mute(Socket);

impl Mute {
    async fn registered(url: &str) -> Self {
        let (mut socket, _) = connect_async(url).await.expect("connected");
        for message in [
            json!({"type": "register", "peer_id": WORKER}),
            json!({"type": "query"}),
        ] {
            let text = Text::text(message.to_string());
            socket.send(text).await.expect("sent");
        }
        socket.next().await.expect("open").expect("listed");
        Self(socket)
    }

    async fn takes_an_offer(&mut self) -> Value {
        let message = self.0.next().await.expect("open").expect("a message");
        let text = message.into_text().expect("text");
        let offer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(offer["type"], "offer");
        offer
    }
}

/// The real worker, under the same id.
async fn back(url: &str) -> Acceptor {
    let config = PeerConfig {
        peer_id: Some(WORKER.into()),
        ..config()
    };
    Acceptor::register(url, config).await.expect("registered")
}

fn connecting(url: &str, config: PeerConfig) -> JoinHandle<Result<Channel, ConnectError>> {
    let url = url.to_owned();
    tokio::spawn(async move { connect(&url, config).await })
}

/// The channel carries messages from one to the other.
async fn works(client: JoinHandle<Result<Channel, ConnectError>>, acceptor: &mut Acceptor) {
    let connected = async { tokio::join!(client, acceptor.accept()) };
    // A client that does not offer again waits for an hour.
    let connected = timeout(Duration::from_secs(120), connected).await;
    let (client, worker) = connected.expect("offered again");
    let client = client.expect("no panic").expect("connected");
    let mut worker = worker.expect("accepted");
    client.sender.send(Message::KeepAlive).await.expect("sent");
    assert_eq!(next(&mut worker.receiver).await, Message::KeepAlive);
}

/// A client whose patience would outlast the test.
fn patient() -> PeerConfig {
    PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(3600),
            ..ConnectionConfig::default()
        },
        ..PeerConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_registers_again_before_it_answers_gets_the_offer_again() {
    let (_server, url) = server().await;
    let mut mute = Mute::registered(&url).await;
    let client = connecting(&url, patient());
    mute.takes_an_offer().await;
    let mut worker = back(&url).await;
    works(client, &mut worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_leaves_before_it_answers_gets_the_offer_when_it_comes_back() {
    let (_server, url) = server().await;
    let mut mute = Mute::registered(&url).await;
    let client = connecting(&url, patient());
    mute.takes_an_offer().await;
    drop(mute);
    let mut worker = back(&url).await;
    works(client, &mut worker).await;
}

#[tokio::test]
async fn a_worker_that_leaves_for_good_is_given_up_soon() {
    let (_server, url) = server().await;
    let mut mute = Mute::registered(&url).await;
    let client = connecting(&url, patient());
    mute.takes_an_offer().await;
    drop(mute);
    let error = client.await.expect("no panic").map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, ConnectError::WorkerLeft { worker } if worker == WORKER),
        "{error}"
    );
}

/// The address of a signaling server that sends no error for messages that it cannot deliver, as the Python one.
async fn without_errors(url: String) -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a free port");
    let here = format!("ws://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let (behind, _) = connect_async(&url).await.expect("the real server");
            tokio::spawn(async move {
                let before = accept_async(stream).await.expect("a client");
                let (mut to_client, from_client) = before.split();
                let (to_server, mut from_server) = behind.split();
                let said = async {
                    while let Some(Ok(message)) = from_server.next().await {
                        let text = message.clone().into_text().unwrap_or_default();
                        let is_kept = ["bounce", "error"]
                            .iter()
                            .any(|kind| text.contains(&format!("\"type\":\"{kind}\"")));
                        if !is_kept && to_client.send(message).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::join!(from_client.forward(to_server), said)
            });
        }
    });
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_says_nothing_the_offer_is_made_again_after_a_while() {
    let (_server, url) = server().await;
    let without_errors = without_errors(url.clone()).await;
    let mut mute = Mute::registered(&url).await;
    let config = PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(9),
            ..ConnectionConfig::default()
        },
        ..PeerConfig::default()
    };
    let client = connecting(&without_errors, config);
    let first = mute.takes_an_offer().await;
    // It is the same, so that whichever of them is answered, the answer fits.
    assert_eq!(mute.takes_an_offer().await, first);
    let mut worker = back(&url).await;
    works(client, &mut worker).await;
}

#[tokio::test]
async fn the_last_words_are_those_of_the_step_that_the_deadline_cut_short() {
    let (_server, url) = server().await;
    let _mute = Mute::registered(&url).await;
    let config = PeerConfig {
        connect_by: Some(std::time::Instant::now() + Duration::from_secs(1)),
        ..patient()
    };
    let error = connect(&url, config).await.map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoAnswer { worker, .. } if worker == WORKER),
        "{error}"
    );
}
