//! An attacker in the middle: a signaling server that gives each side a description of its own, ends
//! both connections itself and passes every message on.

use std::time::Duration;

use protocol::{Message, Payload};

use super::config::PeerConfig;
use super::error::ConnectError;
use crate::auth::{Auth, AuthError, LegacyCredentials, PeerError, Secret};
use crate::channel::Channel;
use crate::connection::{Association, ConnectionConfig, Delivery, Negotiation};
use crate::signaling::{self, Server, SignalingClient, SignalingMessage};
use crate::{Acceptor, connect};

const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDMyISE";

fn config(auth: Auth) -> PeerConfig {
    PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(30),
            ..ConnectionConfig::default()
        },
        auth,
        ..PeerConfig::default()
    }
}

async fn server() -> (Server, String) {
    let any_port = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(any_port).await.expect("a free port");
    let url = format!("ws://{}", server.local_addr());
    (server, url)
}

async fn signal(url: &str, id: &str) -> SignalingClient {
    let wait = Duration::from_secs(30);
    let mut client = SignalingClient::connect(url, wait)
        .await
        .expect("connected");
    let register = signaling::register(id, None);
    client.send(&register).await.expect("sent");
    client.peers(wait).await.expect("listed");
    client
}

/// Stands between the clients at `front` and the worker at `back`; forwards messages as long as
/// both connections are open, and returns their number.
async fn stand_between(mut front: SignalingClient, back: String, worker: String) -> usize {
    let (client, offer) = loop {
        if let SignalingMessage::Offer { sender, sdp } = front.next().await.expect("open") {
            break (sender, sdp);
        }
    };
    let own = config(Auth::None).connection;
    // To the worker it is a client.
    let mut behind = signal(&back, "client-in-the-middle").await;
    let to_worker = Negotiation::new(&own, false).await.expect("peer");
    let sdp = to_worker.offer(Delivery::Reliable).await.expect("offer");
    let offered = signaling::offer("client-in-the-middle", &worker, &sdp);
    behind.send(&offered).await.expect("sent");
    let answer = loop {
        if let SignalingMessage::Answer { sdp, .. } = behind.next().await.expect("open") {
            break sdp;
        }
    };
    to_worker.take_answer(answer).await.expect("taken");

    let to_client = Negotiation::new(&own, false).await.expect("peer");
    let sdp = to_client.answer(offer).await.expect("answer");
    let answer = signaling::answer("worker-in-the-middle", &client, &sdp);
    front.send(&answer).await.expect("sent");
    to_client.opened().await.expect("open");
    to_worker.opened().await.expect("open");
    let front = to_client.into_connection().await.expect("open");
    let back = to_worker.into_connection().await.expect("open");
    let (front, back) = (front.association(), back.association());
    let passed = tokio::join!(pass_on(front, back), pass_on(back, front));
    passed.0 + passed.1
}

async fn pass_on(from: &Association, to: &Association) -> usize {
    let mut passed = 0;
    while let Some(message) = from.next().await {
        let payload = match message.is_text {
            true => Payload::Text(String::from_utf8_lossy(&message.data).into_owned()),
            false => Payload::Binary(message.data),
        };
        passed += usize::from(to.send(&payload).await.is_ok());
    }
    to.close().await;
    passed
}

struct Scene {
    client: Result<Channel, ConnectError>,
    acceptor: Acceptor,
    middle: tokio::task::JoinHandle<usize>,
    _servers: [Server; 2],
}

async fn scene(client: Auth, worker: Auth) -> Scene {
    let ((front, front_url), (back, back_url)) = (server().await, server().await);
    let acceptor = Acceptor::register(&back_url, config(worker)).await;
    let acceptor = acceptor.expect("registered");
    let id = acceptor.id().to_owned();
    let at_front = signal(&front_url, "worker-in-the-middle").await;
    let middle = tokio::spawn(stand_between(at_front, back_url, id));
    let client = connect(&front_url, config(client)).await;
    Scene {
        client,
        acceptor,
        middle,
        _servers: [front, back],
    }
}

fn bound() -> Auth {
    Auth::Bound(SECRET.parse::<Secret>().expect("a secret"))
}

fn legacy() -> Auth {
    Auth::Legacy(LegacyCredentials {
        secret: SECRET.parse().ok(),
        ..LegacyCredentials::default()
    })
}

/// Whether the client's message reaches the worker through the man in the middle.
async fn is_heard(mut scene: Scene) -> bool {
    let client = scene.client.expect("connected");
    let mut worker = scene.acceptor.accept().await.expect("accepted");
    client
        .sender
        .send(Message::FrameEnd(7))
        .await
        .expect("sent");
    let heard = worker.receiver.recv().await;
    scene.middle.abort();
    matches!(heard, Some(Ok(Message::FrameEnd(7))))
}

/// The controls: the attack works without authentication, and where the proof is not bound to the
/// connection.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_proof_the_attack_is_not_noticed() {
    assert!(is_heard(scene(Auth::None, Auth::None).await).await);
    assert!(is_heard(scene(legacy(), legacy()).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_in_the_middle_is_noticed_by_both_sides() {
    let scene = scene(bound(), bound()).await;
    let error = match scene.client {
        Ok(_) => panic!("connected through the middle"),
        Err(ConnectError::Peer { source, .. }) => source,
        Err(other) => panic!("{other}"),
    };
    // The worker's refusal, passed on.
    assert!(
        matches!(error, PeerError::Auth(AuthError::Refused { .. })),
        "{error}"
    );
    assert_eq!(scene.acceptor.auth_counts().invalid, 1);
    assert_eq!(scene.acceptor.auth_counts().succeeded, 0);
    let passed = scene.middle.await.expect("no panic");
    assert!(passed >= 2, "{passed} messages passed");
}
