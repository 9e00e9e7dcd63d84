//! Two peers over the embedded signaling server: what one sends is what the other gets.

use std::time::Duration;

use crate::common;

use bytes::Bytes;
use common::{assert_no_error_was_logged, next, pair, pattern};
use link::{ChannelConfig, CloseReason, SendError};
use protocol::{Encoding, Frame, FrameMeta, Limits, Message, Reassembler};

fn frame(id: u64, len: usize) -> Frame {
    let meta = FrameMeta {
        frame_id: id,
        height: 1,
        width: 1,
        channels: 1,
        encoding: Encoding::Jpeg,
        nbytes: len as u64,
        captured_us: Some(id * 33_333),
        clock: None,
    };
    Frame {
        meta,
        data: pattern(id, len).into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_all_sizes_arrive_unchanged_in_both_directions() {
    let mut pair = pair().await;
    let sizes = [
        1, 2, 9, 11, 1_000, 1_191, 1_192, 1_400, 16_384, 65_535, 65_536, 3, 262_144,
    ];
    let messages = |seed: u64| {
        sizes
            .iter()
            .enumerate()
            .map(move |(index, len)| Message::Chunk(pattern(seed + index as u64, *len).into()))
    };
    for (a, b) in messages(1).zip(messages(100)) {
        pair.client.sender.send(a).await.expect("sent");
        pair.worker.sender.send(b).await.expect("sent");
    }
    for (a, b) in messages(1).zip(messages(100)) {
        assert_eq!(next(&mut pair.worker.receiver).await, a);
        assert_eq!(next(&mut pair.client.receiver).await, b);
    }
    let total: usize = sizes.iter().sum();
    let stats = pair.client.sender.stats();
    assert_eq!(
        (stats.messages_sent, stats.bytes_sent),
        (sizes.len() as u64, total as u64)
    );
    assert_eq!(
        (stats.messages_received, stats.bytes_received),
        (13, total as u64)
    );
    assert_eq!(stats.max_message_bytes, 262_144);
    assert!(stats.socket_receive_buffer > 0 && stats.socket_send_buffer > 0);
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_control_messages_arrive_whole_and_in_the_order_of_sending() {
    let mut pair = pair().await;
    let sizes = [150_000, 1, 65_536, 65_537, 6_220_800, 40_000];
    let sender = pair.client.sender.clone();
    let sending = tokio::spawn(async move {
        for (id, len) in sizes.into_iter().enumerate() {
            sender
                .send(Message::BatchStart(id as u32))
                .await
                .expect("sent");
            let handoff = sender
                .send_frame(frame(id as u64, len))
                .await
                .expect("queued");
            sender
                .send(Message::BatchEnd(id as u32))
                .await
                .expect("sent");
            assert!(handoff.await.is_some());
        }
    });
    let mut reassembler = Reassembler::new(Limits::default());
    for (id, len) in sizes.into_iter().enumerate() {
        assert_eq!(
            next(&mut pair.worker.receiver).await,
            Message::BatchStart(id as u32)
        );
        let received = loop {
            let pushed = reassembler.push(next(&mut pair.worker.receiver).await);
            assert!(pushed.dropped.is_none(), "{:?}", pushed.dropped);
            if let Some(frame) = pushed.frame {
                break frame;
            }
        };
        assert_eq!(received, frame(id as u64, len));
        assert_eq!(
            next(&mut pair.worker.receiver).await,
            Message::BatchEnd(id as u32)
        );
    }
    sending.await.expect("sender");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_as_long_as_configured() {
    let client = link::PeerConfig {
        channel: ChannelConfig {
            chunk_bytes: 1_000,
            ..ChannelConfig::default()
        },
        ..common::config()
    };
    let mut pair = common::pair_with(client, common::config()).await;
    pair.client
        .sender
        .send_frame(frame(7, 2_500))
        .await
        .expect("queued");
    assert!(matches!(
        next(&mut pair.worker.receiver).await,
        Message::FrameMeta(_)
    ));
    for len in [1_000, 1_000, 500] {
        match next(&mut pair.worker.receiver).await {
            Message::Chunk(data) => assert_eq!(data.len(), len),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next(&mut pair.worker.receiver).await, Message::FrameEnd(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_above_the_peers_limit_is_refused_and_the_channel_goes_on() {
    let mut pair = pair().await;
    let oversized = Message::Chunk(Bytes::from(vec![0; 262_145]));
    assert_eq!(
        pair.client.sender.send(oversized).await,
        Err(SendError::TooLarge {
            bytes: 262_145,
            max: 262_144
        })
    );
    pair.client
        .sender
        .send(Message::KeepAlive)
        .await
        .expect("sent");
    assert_eq!(next(&mut pair.worker.receiver).await, Message::KeepAlive);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_delivers_what_was_sent_and_ends_the_peers_receiver() {
    let mut pair = pair().await;
    for id in 0..50 {
        pair.client
            .sender
            .send(Message::FrameEnd(id))
            .await
            .expect("sent");
    }
    pair.client
        .sender
        .send_frame(frame(0, 3_000_000))
        .await
        .expect("queued");
    let receiving = tokio::spawn(async move {
        let mut messages = 0;
        while let Some(message) = pair.worker.receiver.recv().await {
            message.expect("valid");
            messages += 1;
        }
        (messages, pair.worker.receiver.closed_because())
    });
    pair.client.sender.clone().close().await;
    let chunks = 3_000_000_usize.div_ceil(65_536);
    assert_eq!(
        receiving.await.expect("receiver"),
        (52 + chunks, Some(CloseReason::Remote))
    );
    assert!(pair.client.receiver.recv().await.is_none());
    assert_eq!(
        pair.client.receiver.closed_because(),
        Some(CloseReason::Local)
    );
    let refused = pair.client.sender.send(Message::KeepAlive).await;
    assert_eq!(refused, Err(SendError::Closed(CloseReason::Local)));
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn flushing_waits_until_nothing_is_outstanding() {
    let mut pair = pair().await;
    let reading = tokio::spawn(async move {
        while pair.worker.receiver.recv().await.is_some() {}
        pair.worker
    });
    for id in 0..4 {
        pair.client
            .sender
            .send_frame(frame(id, 2_000_000))
            .await
            .expect("queued");
    }
    pair.client.sender.flush().await.expect("flushed");
    let stats = pair.client.sender.stats();
    assert_eq!(stats.queued_bytes, 0);
    // `None` would mean that the connection was busy at that moment, with nothing to send.
    assert!(
        matches!(stats.outstanding_bytes, Some(0) | None),
        "{stats:?}"
    );
    let chunks = 4 * 2_000_000_u64.div_ceil(65_536);
    assert_eq!(stats.messages_sent, 8 + chunks);
    pair.client.sender.close().await;
    reading.await.expect("reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_both_halves_closes_the_channel() {
    let mut pair = pair().await;
    pair.client
        .sender
        .send(Message::FrameEnd(3))
        .await
        .expect("sent");
    drop(pair.client);
    assert_eq!(next(&mut pair.worker.receiver).await, Message::FrameEnd(3));
    assert!(pair.worker.receiver.recv().await.is_none());
    assert_eq!(
        pair.worker.receiver.closed_because(),
        Some(CloseReason::Remote)
    );
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_read_stops_the_sender() {
    let mut pair = pair().await;
    let sender = pair.client.sender.clone();
    let total = 160_000_000_usize;
    let mut sending = tokio::spawn(async move {
        for id in 0..20 {
            sender
                .send_frame(frame(id, total / 20))
                .await
                .expect("queued");
        }
    });
    // What the library keeps at least: its 256 messages.
    while pair.client.sender.stats().bytes_sent < 256 * 65_536 {
        tokio::task::yield_now().await;
    }
    // Nothing is read, so sending never ends, however long one waits.
    let never = tokio::time::timeout(std::time::Duration::from_secs(2), &mut sending).await;
    assert!(
        never.is_err(),
        "everything was sent though nothing was read"
    );
    let accepted = pair.client.sender.stats().bytes_sent;
    // Three queues of 256 messages in the library, the receive window, the send buffer, rounding.
    let bound = (3 * 256 * 65_536) + (4 << 20) + (2 << 20) + (4 << 20);
    assert!(
        accepted < bound,
        "{accepted} bytes accepted, at most {bound} expected"
    );

    let mut bytes = 0;
    while bytes < total {
        if let Message::Chunk(data) = next(&mut pair.worker.receiver).await {
            bytes += data.len();
        }
    }
    sending.await.expect("sender");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_whose_keep_alive_messages_end_is_noticed_and_one_that_goes_on_is_not() {
    const INTERVAL: Duration = Duration::from_millis(20);
    let mut pair = pair().await;
    let beats = pair.worker.sender.clone();
    beats.set_keep_alive(Some(INTERVAL));
    pair.client.receiver.set_silence_limit(Some(100 * INTERVAL));
    let heard = |message| matches!(message, Some(Ok(Message::KeepAlive)));
    for _ in 0..150 {
        assert!(heard(pair.client.receiver.recv().await));
    }
    assert_eq!(pair.client.receiver.closed_because(), None);
    beats.set_keep_alive(None);
    while let Some(message) = pair.client.receiver.recv().await {
        assert!(heard(Some(message)));
    }
    let silent = Some(CloseReason::Silent);
    assert_eq!(pair.client.receiver.closed_because(), silent);
    let refused = pair.client.sender.send(Message::KeepAlive).await;
    assert!(matches!(
        refused,
        Err(SendError::Closed(CloseReason::Silent))
    ));
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_messages_end_with_the_channel() {
    let mut pair = pair().await;
    pair.worker
        .sender
        .set_keep_alive(Some(Duration::from_millis(20)));
    drop(pair.worker);
    while let Some(message) = pair.client.receiver.recv().await {
        assert_eq!(message.expect("valid"), Message::KeepAlive);
    }
    assert_eq!(
        pair.client.receiver.closed_because(),
        Some(CloseReason::Remote)
    );
}
