use protocol::{CHANNEL_LABEL, Limits, Message};
use webrtc::data_channel::DataChannelEvent;

use super::negotiation::MAX_EARLY;
use super::*;
use crate::close::CloseReason;
use crate::ice::IceCandidate;
use crate::udp;

/// The peer that offers and the one that answers, connecting; `others` are further channels
/// that the first creates before the one for frames.
async fn connecting(others: &[&str]) -> (Negotiation, Negotiation) {
    let config = ConnectionConfig::default();
    let (client, worker) = (
        Negotiation::new(&config, false).await,
        Negotiation::new(&config, false).await,
    );
    let (client, worker) = (client.expect("client"), worker.expect("worker"));
    for label in others {
        let channel = client.peer.library.create_data_channel(label, None).await;
        channel.expect("another channel");
    }
    let offer = client.offer(Delivery::Reliable).await.expect("offer");
    let answer = worker.answer(offer).await.expect("answer");
    client.take_answer(answer).await.expect("taken");
    (client, worker)
}

#[tokio::test]
async fn an_offer_carries_all_candidates_and_the_longest_message() {
    let peer = Negotiation::new(&ConnectionConfig::default(), false)
        .await
        .expect("peer");
    let offer = peer.offer(Delivery::Reliable).await.expect("offer");
    assert!(offer.contains("a=max-message-size:262144"), "{offer}");
    for address in udp::bindable(&udp::UdpConfig::default()).expect("loopback") {
        assert!(offer.contains(&format!(" {} ", address.ip())), "{offer}");
    }
    assert!(offer.contains("a=end-of-candidates"), "{offer}");
}

#[tokio::test]
async fn channels_with_another_label_are_closed_and_do_not_disturb() {
    let (client, worker) = connecting(&["chat", "video"]).await;
    let incoming = worker.incoming().await.expect("the channel for frames");
    assert_eq!(incoming.label().await.ok().as_deref(), Some(CHANNEL_LABEL));
    worker.opened().await.expect("open");
    client.opened().await.expect("open");
    let (client, worker) = (
        client.into_connection().await,
        worker.into_connection().await,
    );
    let (client, worker) = (client.expect("open"), worker.expect("open"));
    let message = Message::KeepAlive.encode();
    client.association().send(&message).await.expect("sent");
    let received = worker.association().next().await.expect("open");
    let received = received.decode(&Limits::default()).expect("valid");
    assert_eq!(received, Message::KeepAlive);
}

#[tokio::test]
async fn a_second_channel_for_frames_is_closed() {
    let (client, worker) = connecting(&[]).await;
    client.opened().await.expect("open");
    worker.opened().await.expect("open");
    let second = client
        .peer
        .library
        .create_data_channel(CHANNEL_LABEL, None)
        .await;
    let second = second.expect("created");
    while !matches!(second.poll().await, Some(DataChannelEvent::OnClose) | None) {}
    assert!(client.peer.events.closed.reason().is_none());
}

#[tokio::test]
async fn candidates_may_follow_the_descriptions() {
    /// A description without its candidates, and those.
    fn split(sdp: &str) -> (String, Vec<IceCandidate>) {
        let (candidates, rest): (Vec<&str>, Vec<&str>) = sdp
            .lines()
            .filter(|line| *line != "a=end-of-candidates")
            .partition(|line| line.starts_with("a=candidate:"));
        let candidates = candidates.into_iter().map(|line| IceCandidate {
            candidate: line.trim_start_matches("a=").to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
        });
        (rest.join("\r\n") + "\r\n", candidates.collect())
    }

    let config = ConnectionConfig::default();
    let client = Negotiation::new(&config, false).await.expect("client");
    let worker = Negotiation::new(&config, false).await.expect("worker");
    let offer = client.offer(Delivery::Reliable).await.expect("offer");
    let (offer, of_client) = split(&offer);
    let (answer, of_worker) = split(&worker.answer(offer).await.expect("answer"));
    client.take_answer(answer).await.expect("taken");
    assert!(!of_client.is_empty() && !of_worker.is_empty());
    let bad = IceCandidate {
        candidate: "nonsense".to_owned(),
        sdp_mid: None,
        sdp_mline_index: Some(9),
    };
    worker.add_candidate(bad).await;
    for candidate in of_client {
        worker.add_candidate(candidate).await;
    }
    for candidate in of_worker {
        client.add_candidate(candidate).await;
    }
    client.opened().await.expect("open");
}

/// `sdp` with the fingerprint of a certificate that does not exist.
fn with_another_fingerprint(sdp: &str) -> String {
    let lines = sdp
        .lines()
        .map(|line| match line.split_once("a=fingerprint:sha-256 ") {
            Some(_) => format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")),
            None => line.to_owned(),
        });
    lines.map(|line| line + "\r\n").collect()
}

#[tokio::test]
async fn certificates_are_held_against_the_descriptions() {
    for swapped in ["offer", "answer"] {
        let config = ConnectionConfig::default();
        let client = Negotiation::new(&config, false).await.expect("client");
        let worker = Negotiation::new(&config, false).await.expect("worker");
        let offer = client.offer(Delivery::Reliable).await.expect("offer");
        let offer = match swapped {
            "offer" => with_another_fingerprint(&offer),
            _ => offer,
        };
        let answer = worker.answer(offer).await.expect("answer");
        let answer = match swapped {
            "answer" => with_another_fingerprint(&answer),
            _ => answer,
        };
        client.take_answer(answer).await.expect("taken");
        let noticed = match swapped {
            // The side that was given the wrong fingerprint.
            "offer" => worker.incoming().await.map(|_| ()),
            _ => client.opened().await,
        };
        assert!(
            matches!(noticed, Err(ConnectionError::Dtls)),
            "{swapped}: {noticed:?}"
        );
    }
}

#[tokio::test]
async fn both_sides_see_the_same_two_certificates() {
    let (client, worker) = connecting(&[]).await;
    client.opened().await.expect("open");
    worker.opened().await.expect("open");
    let (client, worker) = (
        client.into_connection().await,
        worker.into_connection().await,
    );
    let (client, worker) = (client.expect("open"), worker.expect("open"));
    let (here, there) = (client.fingerprints().await, worker.fingerprints().await);
    let (here, there) = (here.expect("client"), there.expect("worker"));
    assert_eq!((here.local, here.remote), (there.remote, there.local));
    assert_ne!(here.local, here.remote);
    let (other, _worker) = connecting(&[]).await;
    other.opened().await.expect("open");
    let other = other.into_connection().await.expect("open");
    let other = other.fingerprints().await.expect("another connection");
    assert_ne!(other.local, here.local, "each has its own");
}

#[tokio::test]
async fn a_peer_that_opens_many_channels_is_cut_off() {
    let labels: Vec<String> = (0..40).map(|label| label.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let (_client, worker) = connecting(&labels).await;
    assert_eq!(
        worker.peer.events.closed.closed().await,
        CloseReason::Violation
    );
}

#[tokio::test]
async fn what_comes_before_the_channel_is_open_is_kept() {
    let message = |text: &str| RawMessage {
        is_text: true,
        data: text.to_owned().into(),
    };
    let (client, worker) = connecting(&[]).await;
    for text in ["READY", "FRAME_END::7"] {
        client.keep_early(message(text)).expect("room");
    }
    client.opened().await.expect("open");
    worker.incoming().await.expect("the channel for frames");
    let client = client.into_connection().await.expect("open");
    let next = async || {
        let message = client.association().next().await.expect("open");
        message.decode(&Limits::default()).expect("valid")
    };
    assert_eq!(next().await, Message::Ready);
    assert_eq!(next().await, Message::FrameEnd(7));
    for _ in 0..MAX_EARLY {
        worker.keep_early(message("")).expect("room");
    }
    assert!(worker.keep_early(message("")).is_err());
}
