//! Several lanes over real connections.

use crate::common;

use bytes::Bytes;
use common::{Pair, assert_no_error_was_logged, config, frame, next, pair_with, prediction};
use link::{ChannelConfig, CloseReason, PeerConfig, Sender};
use protocol::{LaneOffer, Limits, Message, Reassembler, UnitHeader};

fn worker_config(max_lanes: usize) -> PeerConfig {
    PeerConfig {
        channel: ChannelConfig {
            max_lanes,
            ..ChannelConfig::default()
        },
        ..config()
    }
}

/// A pair with `lanes` lanes. The worker's side reads, as a worker does.
async fn widened(lanes: usize) -> Pair {
    let mut pair = pair_with(config(), worker_config(8)).await;
    let opened = {
        let opening = pair
            .client
            .sender
            .open_lanes(&mut pair.client.receiver, lanes);
        tokio::select! {
            opened = opening => opened,
            message = pair.worker.receiver.recv() => panic!("nothing was sent: {message:?}"),
        }
    };
    assert_eq!(opened, lanes);
    pair
}

async fn send_frames(sender: Sender, frames: u64) {
    for id in 0..frames {
        let len = 1 + (id as usize * 7_919) % 300_000;
        sender.send_frame(frame(id, len)).await.expect("open");
        sender.ready().await;
    }
    sender
        .send(Message::BatchEnd(7))
        .await
        .expect("open until the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_over_four_lanes_arrive_whole_once_and_in_order() {
    let Pair {
        client, mut worker, ..
    } = widened(4).await;
    let sending = tokio::spawn(send_frames(client.sender.clone(), 200));
    let mut reassembler = Reassembler::new(Limits::default());
    let mut expected = 0;
    loop {
        let message = next(&mut worker.receiver).await;
        if message == Message::BatchEnd(7) {
            break;
        }
        let pushed = reassembler.push(message);
        assert_eq!(pushed.dropped, None);
        if let Some(arrived) = pushed.frame {
            assert_eq!(arrived.meta.frame_id, expected);
            assert_eq!(arrived, frame(expected, arrived.data.len()));
            expected += 1;
        }
    }
    assert_eq!(expected, 200);
    sending.await.expect("sent");
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_back_over_lanes_and_the_end_after_all_of_them() {
    let Pair {
        mut client,
        mut worker,
        ..
    } = widened(3).await;
    client.sender.let_frames_pass(true);
    let sending = tokio::spawn(send_frames(client.sender.clone(), 60));
    let answering = tokio::spawn(async move {
        let mut reassembler = Reassembler::new(Limits::default());
        loop {
            let message = next(&mut worker.receiver).await;
            if message == Message::BatchEnd(7) {
                break;
            }
            let pushed = reassembler.push(message);
            assert_eq!(pushed.dropped, None);
            if let Some(frame) = pushed.frame {
                let answer = prediction(frame.meta.frame_id);
                worker.sender.send(answer).await.expect("open");
            }
        }
        let end = Message::BatchEnd(8);
        worker.sender.send(end).await.expect("open");
        worker.sender.close().await;
    });
    let mut answered = Vec::new();
    loop {
        match next(&mut client.receiver).await {
            Message::Prediction(answer) => answered.push(answer.frame_id),
            Message::BatchEnd(8) => break,
            other => panic!("{other:?}"),
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..60).collect::<Vec<_>>());
    assert!(client.receiver.recv().await.is_none());
    assert_eq!(client.receiver.closed_because(), Some(CloseReason::Remote));
    sending.await.expect("sent");
    answering.await.expect("answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_closes_as_a_whole_and_gives_out_what_was_sent_before() {
    let Pair {
        client, mut worker, ..
    } = widened(4).await;
    for id in 0..8 {
        client
            .sender
            .send_frame(frame(id, 200_000))
            .await
            .expect("open");
    }
    let closing = tokio::spawn(client.sender.close());
    let mut reassembler = Reassembler::new(Limits::default());
    let mut frames = 0;
    while let Some(message) = worker.receiver.recv().await {
        let pushed = reassembler.push(message.expect("valid"));
        frames += u64::from(pushed.frame.is_some());
    }
    assert_eq!(frames, 8);
    assert_eq!(worker.receiver.closed_because(), Some(CloseReason::Remote));
    closing.await.expect("closed");
}

/// Reads until the worker answers for `lane` without a description; returns its message.
async fn refusal(pair: &mut Pair, offer: LaneOffer) -> String {
    let lane = offer.lane;
    let sent = pair.client.sender.send(Message::LaneOffer(offer)).await;
    sent.expect("open");
    let answer = tokio::select! {
        message = pair.worker.receiver.recv() => panic!("not for the worker: {message:?}"),
        answer = next(&mut pair.client.receiver) => answer,
    };
    match answer {
        Message::LaneAnswer(answer) if answer.lane == lane => {
            assert_eq!(answer.sdp, None);
            answer.message.expect("a reason")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_are_not_to_be_are_refused() {
    let mut pair = pair_with(config(), worker_config(3)).await;
    let offer = |lane| LaneOffer {
        lane,
        sdp: "not a description".into(),
        shards: false,
    };
    assert!(refusal(&mut pair, offer(0)).await.contains("not that many"));
    assert!(refusal(&mut pair, offer(3)).await.contains("not that many"));
    assert!(
        refusal(&mut pair, offer(1))
            .await
            .contains("session description")
    );
    assert!(refusal(&mut pair, offer(1)).await.contains("before"));
    // None is open, so none can be announced; and the channel goes on.
    for message in [Message::Lanes(3), Message::BatchStart(2)] {
        pair.client.sender.send(message).await.expect("open");
    }
    let arrived = next(&mut pair.worker.receiver).await;
    assert_eq!(arrived, Message::BatchStart(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_takes_no_lanes_leaves_the_channel_with_one() {
    let mut pair = pair_with(config(), config()).await;
    let opening = pair.client.sender.open_lanes(&mut pair.client.receiver, 4);
    let opened = tokio::select! {
        opened = opening => opened,
        message = pair.worker.receiver.recv() => panic!("nothing was sent: {message:?}"),
    };
    assert_eq!(opened, 1);
    pair.client
        .sender
        .send_frame(frame(1, 10))
        .await
        .expect("open");
    let arrived = next(&mut pair.worker.receiver).await;
    assert!(matches!(arrived, Message::FrameMeta(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_break_the_rules_close_the_channel() {
    let mut pair = pair_with(config(), worker_config(2)).await;
    // One lane counts too: from here on the worker expects units.
    for message in [
        Message::Lanes(1),
        Message::Unit(UnitHeader {
            number: 0,
            messages: 1,
            after: 0,
        }),
        Message::Chunk(Bytes::from_static(b"in a unit")),
        Message::Chunk(Bytes::from_static(b"in none")),
    ] {
        pair.client.sender.send(message).await.expect("open");
    }
    let arrived = next(&mut pair.worker.receiver).await;
    assert_eq!(arrived, Message::Chunk(Bytes::from_static(b"in a unit")));
    assert!(pair.worker.receiver.recv().await.is_none());
    let reason = pair.worker.receiver.closed_because();
    assert_eq!(reason, Some(CloseReason::Violation));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_never_comes_closes_a_channel_whose_lanes_are_full() {
    let mut pair = pair_with(config(), worker_config(2)).await;
    let sender = pair.client.sender.clone();
    let sending = tokio::spawn(async move {
        let mut sent = sender.send(Message::Lanes(1)).await;
        let mut number = 0;
        // Unit 0 is left out, for as long as the worker listens.
        while sent.is_ok() {
            number += 1;
            let unit = Message::Unit(UnitHeader {
                number,
                messages: 1,
                after: number,
            });
            sent = sender.send(unit).await;
            if sent.is_ok() {
                let chunk = Bytes::from(vec![7; 60_000]);
                sent = sender.send(Message::Chunk(chunk)).await;
            }
        }
    });
    let received = tokio::select! {
        received = pair.worker.receiver.recv() => received,
        ended = sending => panic!("the worker did not listen: {ended:?}"),
    };
    assert!(received.is_none(), "{received:?}");
    let reason = pair.worker.receiver.closed_because();
    assert_eq!(reason, Some(CloseReason::Violation));
}
