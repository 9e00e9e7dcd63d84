use super::*;

/// The peer that offers and the one that answers, connecting; `others` are further channels
/// that the first creates before the one for frames.
async fn connecting(others: &[&str]) -> (Peer, Arc<dyn DataChannel>, Peer) {
    let config = PeerConfig::default();
    let (client, worker) = (Peer::new(&config).await, Peer::new(&config).await);
    let (client, worker) = (client.expect("client"), worker.expect("worker"));
    for label in others {
        let channel = client.connection.create_data_channel(label, None).await;
        channel.expect("another channel");
    }
    let (data, offer) = client.offer().await.expect("offer");
    let answer = worker.answer(offer).await.expect("answer");
    client.take_answer(answer).await.expect("taken");
    (client, data, worker)
}

#[tokio::test]
async fn an_offer_carries_all_candidates_and_the_longest_message() {
    let peer = Peer::new(&PeerConfig::default()).await.expect("peer");
    let (_data, offer) = peer.offer().await.expect("offer");
    assert!(offer.contains("a=max-message-size:262144"), "{offer}");
    for address in interfaces::bindable(&PeerConfig::default()).expect("loopback") {
        assert!(offer.contains(&format!(" {} ", address.ip())), "{offer}");
    }
    assert!(offer.contains("a=end-of-candidates"), "{offer}");
}

#[tokio::test]
async fn channels_with_another_label_are_closed_and_do_not_disturb() {
    let (client, data, worker) = connecting(&["chat", "video"]).await;
    let incoming = worker.incoming().await.expect("the channel for frames");
    assert_eq!(incoming.label().await.ok().as_deref(), Some(CHANNEL_LABEL));
    worker.opened(&incoming).await.expect("open");
    client.opened(&data).await.expect("open");
    let mut worker = worker.into_channel(incoming).await;
    let client = client.into_channel(data).await;
    client
        .sender
        .send(protocol::Message::KeepAlive)
        .await
        .expect("sent");
    let received = worker.receiver.recv().await.expect("open").expect("valid");
    assert_eq!(received, protocol::Message::KeepAlive);
}

#[tokio::test]
async fn a_second_channel_for_frames_is_closed() {
    let (client, first, worker) = connecting(&[]).await;
    client.opened(&first).await.expect("open");
    let served = worker.incoming().await.expect("the channel for frames");
    worker.opened(&served).await.expect("open");
    let second = client
        .connection
        .create_data_channel(CHANNEL_LABEL, None)
        .await;
    let second = second.expect("created");
    while !matches!(second.poll().await, Some(DataChannelEvent::OnClose) | None) {}
    assert!(client.signals.closed_because().is_none());
}

#[tokio::test]
async fn candidates_may_follow_the_descriptions() {
    /// A description without its candidates, and those.
    fn split(sdp: &str) -> (String, Vec<Candidate>) {
        let (candidates, rest): (Vec<&str>, Vec<&str>) = sdp
            .lines()
            .filter(|line| *line != "a=end-of-candidates")
            .partition(|line| line.starts_with("a=candidate:"));
        let candidates = candidates.into_iter().map(|line| Candidate {
            candidate: line.trim_start_matches("a=").to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
        });
        (rest.join("\r\n") + "\r\n", candidates.collect())
    }

    let config = PeerConfig::default();
    let client = Peer::new(&config).await.expect("client");
    let worker = Peer::new(&config).await.expect("worker");
    let (data, offer) = client.offer().await.expect("offer");
    let (offer, of_client) = split(&offer);
    let (answer, of_worker) = split(&worker.answer(offer).await.expect("answer"));
    client.take_answer(answer).await.expect("taken");
    assert!(!of_client.is_empty() && !of_worker.is_empty());
    let bad = Candidate {
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
    client.opened(&data).await.expect("open");
}

/// `sdp` with the fingerprint of a certificate that nobody has.
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
        let config = PeerConfig::default();
        let client = Peer::new(&config).await.expect("client");
        let worker = Peer::new(&config).await.expect("worker");
        let (data, offer) = client.offer().await.expect("offer");
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
            // Whoever was told the wrong fingerprint.
            "offer" => worker.incoming().await.map(|_| ()),
            _ => client.opened(&data).await,
        };
        assert!(
            matches!(noticed, Err(PeerError::Dtls)),
            "{swapped}: {noticed:?}"
        );
    }
}

#[tokio::test]
async fn both_sides_see_the_same_two_certificates() {
    let (client, data, worker) = connecting(&[]).await;
    client.opened(&data).await.expect("open");
    let incoming = worker.incoming().await.expect("the channel for frames");
    worker.opened(&incoming).await.expect("open");
    let (here, there) = (client.fingerprints().await, worker.fingerprints().await);
    let (here, there) = (here.expect("client"), there.expect("worker"));
    assert_eq!((here.local, here.remote), (there.remote, there.local));
    assert_ne!(here.local, here.remote);
    let (other, data, _worker) = connecting(&[]).await;
    other.opened(&data).await.expect("open");
    let other = other.fingerprints().await.expect("another connection");
    assert_ne!(other.local, here.local, "each has its own");
}

#[tokio::test]
async fn a_peer_that_opens_many_channels_is_cut_off() {
    let labels: Vec<String> = (0..40).map(|label| label.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let (_client, _data, worker) = connecting(&labels).await;
    assert_eq!(worker.signals.closed().await, CloseReason::Violation);
}

#[tokio::test]
async fn what_comes_before_the_channel_is_open_is_kept() {
    let message = |text: &str| RTCDataChannelMessage {
        is_string: true,
        data: text.into(),
    };
    let (client, data, worker) = connecting(&[]).await;
    for text in ["READY", "FRAME_END::7"] {
        client.keep_early(message(text)).expect("room");
    }
    client.opened(&data).await.expect("open");
    let incoming = worker.incoming().await.expect("the channel for frames");
    let mut channel = client.into_channel(data).await;
    let mut next = async || channel.receiver.recv().await.expect("open").expect("valid");
    assert_eq!(next().await, protocol::Message::Ready);
    assert_eq!(next().await, protocol::Message::FrameEnd(7));
    drop(incoming);
    for _ in 0..MAX_EARLY {
        worker.keep_early(message("")).expect("room");
    }
    assert!(worker.keep_early(message("")).is_err());
}
