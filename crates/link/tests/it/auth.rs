//! Who is let in over a real connection, and what the others can cause.

use crate::common;

use std::time::Duration;

use common::{config, next, pair_with, record_logs, server};
use link::{
    Acceptor, Auth, AuthError, ChannelConfig, CloseReason, ConnectError, ConnectionConfig,
    LegacyCredentials, PeerConfig, PeerError, connect,
};
use protocol::{Encoding, Frame, FrameMeta, Message};

const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDMyISE";
const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE";

fn bound(secret: &str) -> PeerConfig {
    PeerConfig {
        auth: Auth::Bound(secret.parse().expect("a secret")),
        ..config()
    }
}

fn plain(secret: &str) -> PeerConfig {
    PeerConfig {
        auth: Auth::Legacy(LegacyCredentials {
            secret: secret.parse().ok(),
            ..LegacyCredentials::default()
        }),
        ..config()
    }
}

async fn acceptor(url: &str, config: PeerConfig) -> Acceptor {
    Acceptor::register(url, config).await.expect("registered")
}

fn cause(outcome: Result<link::Channel, ConnectError>) -> AuthError {
    match outcome {
        Err(ConnectError::Peer {
            source: PeerError::Auth(cause),
            ..
        }) => cause,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("connected"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_know_the_secret_and_the_channel_does_all_it_does() {
    let worker = PeerConfig {
        channel: ChannelConfig {
            max_lanes: 3,
            ..ChannelConfig::default()
        },
        ..bound(SECRET)
    };
    let mut pair = pair_with(bound(SECRET), worker).await;
    let sender = pair.client.sender.clone();
    // Offers of lanes are handled only while the receiver is read.
    let reading = tokio::spawn(async move {
        let mut sizes = Vec::new();
        while let Some(Ok(message)) = pair.worker.receiver.recv().await {
            if let Message::Chunk(chunk) = message {
                sizes.push(chunk.len());
            }
        }
        sizes
    });
    assert_eq!(sender.open_lanes(&mut pair.client.receiver, 3).await, 3);
    let data = vec![7; 300_000];
    let meta = FrameMeta {
        frame_id: 1,
        height: 500,
        width: 600,
        channels: 1,
        encoding: Encoding::U8,
        nbytes: data.len() as u64,
        captured_us: None,
        clock: None,
    };
    for _ in 0..8 {
        let frame = Frame::new(meta.clone(), data.clone().into()).expect("a frame");
        sender.send_frame(frame).await.expect("queued");
    }
    sender.flush().await.expect("flushed");
    sender.close().await;
    let sizes = reading.await.expect("read");
    assert_eq!(sizes.iter().sum::<usize>(), 8 * data.len());
    assert_eq!(pair.acceptor.auth_counts().succeeded, 1);
    assert_eq!(pair.acceptor.auth_counts().failed(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_another_secret_stays_out_and_holds_nobody_up() {
    let (_server, url) = server().await;
    let mut acceptor = acceptor(&url, bound(SECRET)).await;
    let refused = cause(connect(&url, bound(OTHER)).await);
    assert!(matches!(refused, AuthError::Refused { .. }), "{refused}");
    assert_eq!(acceptor.auth_counts().invalid, 1);
    let (client, worker) = tokio::join!(connect(&url, bound(SECRET)), acceptor.accept());
    let (client, mut worker) = (client.expect("connected"), worker.expect("accepted"));
    client.sender.send(Message::KeepAlive).await.expect("sent");
    assert_eq!(next(&mut worker.receiver).await, Message::KeepAlive);
    assert_eq!(acceptor.auth_counts().succeeded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_secret_is_asked_and_sent_away() {
    let (_server, url) = server().await;
    let acceptor = acceptor(&url, bound(SECRET)).await;
    let mut client = connect(&url, config()).await.expect("a channel, so far");
    let asked = next(&mut client.receiver).await;
    assert!(matches!(asked, Message::AuthChallenge(_)), "{asked:?}");
    let start = Message::StreamStart(protocol::StreamStart::default());
    client.sender.send(start).await.expect("sent");
    let refused = next(&mut client.receiver).await;
    assert_eq!(refused, Message::AuthFailure("missing".to_owned()));
    assert!(client.receiver.recv().await.is_none());
    assert_eq!(client.receiver.closed_because(), Some(CloseReason::Remote));
    assert_eq!(acceptor.auth_counts().missing, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_given_a_secret_goes_on_with_nobody_who_asks_for_none() {
    let (_server, url) = server().await;
    let mut acceptor = acceptor(&url, config()).await;
    let (refused, _channel) = tokio::join!(connect(&url, bound(SECRET)), acceptor.accept());
    let refused = cause(refused);
    assert!(matches!(refused, AuthError::NotAsked { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_form_is_never_taken_for_the_bound_one() {
    let (_server, url) = server().await;
    let acceptor = acceptor(&url, bound(SECRET)).await;
    let refused = cause(connect(&url, plain(SECRET)).await);
    assert!(matches!(refused, AuthError::Refused { .. }), "{refused}");
    assert_eq!(acceptor.auth_counts().invalid, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_much_before_it_is_known_is_cut_off() {
    record_logs();
    let (_server, url) = server().await;
    let mut acceptor = acceptor(&url, bound(SECRET)).await;
    let flood = connect(&url, config()).await.expect("a channel, so far");
    // One message, of which the worker must not take so much as the whole.
    let chunk = Message::Chunk(vec![0; 250_000].into());
    flood.sender.send(chunk).await.expect("queued");
    while acceptor.auth_counts().flooded == 0 {
        tokio::task::yield_now().await;
    }
    // Others are served meanwhile and after.
    let (client, worker) = tokio::join!(connect(&url, bound(SECRET)), acceptor.accept());
    client.expect("connected");
    worker.expect("accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_hold_all_places_give_way() {
    let (_server, url) = server().await;
    let worker = PeerConfig {
        max_handshakes: 2,
        ..bound(SECRET)
    };
    let mut acceptor = acceptor(&url, worker).await;
    // Clients that are connected and silent.
    let (one, other) = tokio::join!(connect(&url, config()), connect(&url, config()));
    let _silent = (one.expect("a channel"), other.expect("a channel"));
    let impatient = PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(1),
            ..ConnectionConfig::default()
        },
        ..bound(SECRET)
    };
    let client = async {
        loop {
            if let Ok(client) = connect(&url, impatient.clone()).await {
                return client;
            }
        }
    };
    let (_client, worker) = tokio::join!(client, acceptor.accept());
    worker.expect("accepted");
    assert_eq!(acceptor.auth_counts().timed_out, 0, "before their time");
}
