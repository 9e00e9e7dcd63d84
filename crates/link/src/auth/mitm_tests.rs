//! Somebody in the middle: a signaling server that gives each side a description of its own, ends
//! both connections itself and passes every message on.

use std::sync::Arc;
use std::time::Duration;

use protocol::Message;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use super::{Auth, Plain, Secret};
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::{AuthError, ConnectError, PeerError};
use crate::peer::Peer;
use crate::signaling::{self, Client, Incoming, Server};
use crate::{Acceptor, connect};

const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDMyISE";

fn config(auth: Auth) -> PeerConfig {
    PeerConfig {
        connect_timeout: Duration::from_secs(30),
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

async fn signal(url: &str, id: &str) -> Client {
    let wait = Duration::from_secs(30);
    let mut client = Client::connect(url, wait).await.expect("connected");
    let register = signaling::register(id, None);
    client.send(&register).await.expect("sent");
    client.peers(wait).await.expect("listed");
    client
}

/// Stands between the clients at `front` and the worker at `back`; passes messages on for as long as
/// both ends live, and says how many.
async fn stand_between(mut front: Client, back: String, worker: String) -> usize {
    let (client, offer) = loop {
        if let Incoming::Offer { sender, sdp } = front.next().await.expect("open") {
            break (sender, sdp);
        }
    };
    let mut own = config(Auth::None);
    // To the worker it is a client.
    own.peer_id = Some("client-in-the-middle".to_owned());
    let mut behind = signal(&back, "client-in-the-middle").await;
    let to_worker = Peer::new(&own).await.expect("peer");
    let (back_data, sdp) = to_worker.offer().await.expect("offer");
    let offered = signaling::offer("client-in-the-middle", &worker, &sdp);
    behind.send(&offered).await.expect("sent");
    let answer = loop {
        if let Incoming::Answer { sdp, .. } = behind.next().await.expect("open") {
            break sdp;
        }
    };
    to_worker.take_answer(answer).await.expect("taken");

    let to_client = Peer::new(&own).await.expect("peer");
    let sdp = to_client.answer(offer).await.expect("answer");
    let answer = signaling::answer("worker-in-the-middle", &client, &sdp);
    front.send(&answer).await.expect("sent");
    let front_data = to_client.incoming().await.expect("a channel");
    to_client.opened(&front_data).await.expect("open");
    to_worker.opened(&back_data).await.expect("open");
    let passed = tokio::join!(
        pass_on(&front_data, &back_data),
        pass_on(&back_data, &front_data)
    );
    passed.0 + passed.1
}

async fn pass_on(from: &Arc<dyn DataChannel>, to: &Arc<dyn DataChannel>) -> usize {
    let mut passed = 0;
    loop {
        match from.poll().await {
            Some(DataChannelEvent::OnMessage(message)) => {
                let sent = match message.is_string {
                    true => to.send_text(&String::from_utf8_lossy(&message.data)).await,
                    false => to.send(message.data).await,
                };
                passed += usize::from(sent.is_ok());
            }
            Some(DataChannelEvent::OnClose) | None => {
                let _ = to.close().await;
                return passed;
            }
            Some(_) => {}
        }
    }
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

fn plain() -> Auth {
    Auth::Plain(Plain {
        secret: SECRET.parse().ok(),
        ..Plain::default()
    })
}

/// Whether what the client says reaches the worker, through the middle.
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

/// The controls: this middle works, where nobody asks or where the proof is bound to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_proof_nobody_notices() {
    assert!(is_heard(scene(Auth::None, Auth::None).await).await);
    assert!(is_heard(scene(plain(), plain()).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stands_in_the_middle_is_noticed_by_both_sides() {
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
