//! Lanes for shards over real connections.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use link::{Channel, ChannelConfig, PeerConfig, Sender};
use protocol::{Frame, Limits, Message, Reassembler};

use crate::common::{Pair, assert_no_error_was_logged, config, frame, next, pair_with, prediction};

const LANES: usize = 6;

/// What a frame here has at most, about.
const FRAME_BYTES: usize = 60_000;

fn worker_config(max_shard_lanes: usize) -> PeerConfig {
    PeerConfig {
        channel: ChannelConfig {
            max_shard_lanes,
            ..ChannelConfig::default()
        },
        ..config()
    }
}

async fn send_frame(sender: &Sender, frame: Frame) {
    sender.send_frame(frame).await.expect("open");
    sender.ready().await;
}

/// How many messages this side has sent. A frame of the lengths here takes three over the channel.
fn messages(sender: &Sender) -> u64 {
    sender.stats().messages_sent
}

/// A client that sends frames which may pass each other, until one of them goes in shards; both sides read. The worker
/// answers every frame.
async fn coded() -> Pair {
    let Pair {
        mut client,
        mut worker,
        acceptor,
        server,
        url,
    } = pair_with(config(), worker_config(LANES)).await;
    client.sender.let_frames_pass(true);
    client.sender.open_shard_lanes(LANES, FRAME_BYTES);
    let mut reassembler = Reassembler::new(Limits::default());
    for id in 0.. {
        let before = messages(&client.sender);
        send_frame(&client.sender, frame(id, FRAME_BYTES)).await;
        let took = messages(&client.sender) - before;
        let mut answered = false;
        while !answered {
            tokio::select! {
                message = next(&mut worker.receiver) => {
                    if let Some(frame) = reassembler.push(message).frame {
                        let answer = prediction(frame.meta.frame_id);
                        worker.sender.send(answer).await.expect("open");
                    }
                }
                message = next(&mut client.receiver) => {
                    assert_eq!(message, prediction(id));
                    answered = true;
                }
                // A socket on a busy machine may not hold all packets.
                lost = client.sender.lost_frames() => {
                    assert_eq!(lost, [id]);
                    break;
                }
            }
        }
        if took > 20 && answered {
            break;
        }
    }
    Pair {
        client,
        worker,
        acceptor,
        server,
        url,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_answers_arrive_whole_and_the_end_after_all_of_them() {
    let Pair {
        mut client,
        mut worker,
        ..
    } = coded().await;
    let answering = tokio::spawn(async move {
        let mut reassembler = Reassembler::new(Limits::default());
        let mut arrived = Vec::new();
        loop {
            let message = next(&mut worker.receiver).await;
            if message == Message::BatchEnd(7) {
                break;
            }
            if matches!(message, Message::FrameMeta(_)) {
                assert!(worker.receiver.frame_began().is_some());
            }
            let pushed = reassembler.push(message);
            assert_eq!(pushed.dropped, None);
            if let Some(it) = pushed.frame {
                let id = it.meta.frame_id;
                assert_eq!(it, frame(id, it.data.len()));
                arrived.push(id);
                worker.sender.send(prediction(id)).await.expect("open");
            }
        }
        arrived.sort_unstable();
        let end = Message::BatchEnd(8);
        worker.sender.send(end).await.expect("open");
        // Held until the client has read: an end of the channel would be another test.
        (worker, arrived)
    });
    // A few at a time are under way, as those of a live stream.
    let (mut answered, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for id in 1000..1060 {
        let len = 1 + (id as usize * 7_919) % 100_000;
        send_frame(&client.sender, frame(id, len)).await;
        while id >= 1003 && !answered.contains(&(id - 3)) && !lost.contains(&(id - 3)) {
            tokio::select! {
                message = next(&mut client.receiver) => match message {
                    Message::Prediction(answer) => drop(answered.insert(answer.frame_id)),
                    other => panic!("{other:?}"),
                },
                // A socket on a busy machine may not hold all packets.
                frames = client.sender.lost_frames() => lost.extend(frames),
            }
        }
    }
    let end = Message::BatchEnd(7);
    client.sender.send(end).await.expect("open");
    loop {
        match next(&mut client.receiver).await {
            Message::Prediction(answer) => drop(answered.insert(answer.frame_id)),
            Message::BatchEnd(8) => break,
            other => panic!("{other:?}"),
        }
    }
    let (_worker, arrived) = answering.await.expect("answered");
    answered.retain(|id| *id >= 1000);
    assert!(answered.iter().eq(&arrived), "{answered:?}, {arrived:?}");
    // What is lost is told, and is little.
    lost.extend(client.sender.take_lost_frames());
    assert!(lost.is_disjoint(&answered) && lost.len() < 20, "{lost:?}");
    assert_eq!(&answered | &lost, (1000..1060).collect());
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_offered_lanes_open_is_kept() {
    let pair = pair_with(config(), worker_config(LANES)).await;
    let Pair {
        mut client,
        mut worker,
        ..
    } = pair;
    assert_eq!(client.sender.offered_shard_lanes(), LANES);
    assert_eq!(worker.sender.offered_shard_lanes(), 0);
    worker
        .sender
        .send(Message::BatchStart(3))
        .await
        .expect("open");
    // The worker is read, so that it answers.
    let reading = tokio::spawn(async move { next(&mut worker.receiver).await });
    client.sender.open_shard_lanes(LANES, FRAME_BYTES);
    client.sender.open_shard_lanes(LANES, FRAME_BYTES);
    assert_eq!(
        client.sender.offered_shard_lanes(),
        0,
        "they were asked for"
    );
    client
        .sender
        .shard_lanes_settled(&mut client.receiver)
        .await;
    assert_eq!(next(&mut client.receiver).await, Message::BatchStart(3));
    client
        .sender
        .send(Message::BatchEnd(4))
        .await
        .expect("open");
    assert_eq!(reading.await.expect("read"), Message::BatchEnd(4));
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_are_ended_leave_the_channel_and_room_for_others() {
    let Pair { client, worker, .. } = coded().await;
    let Channel {
        sender,
        mut receiver,
    } = client;
    let mut of_worker = worker.receiver;
    let reading = [
        tokio::spawn(async move { while receiver.recv().await.is_some() {} }),
        tokio::spawn(async move { while of_worker.recv().await.is_some() {} }),
    ];
    for in_shards in [false, true] {
        match in_shards {
            false => sender.end_shard_lanes(),
            true => sender.open_shard_lanes(LANES, FRAME_BYTES),
        }
        // It takes a while; a frame is three messages of the channel, or many shards.
        for id in 1000.. {
            let before = messages(&sender);
            send_frame(&sender, frame(id, FRAME_BYTES)).await;
            if (messages(&sender) - before > 20) == in_shards {
                break;
            }
        }
    }
    sender.close().await;
    for reading in reading {
        reading.await.expect("the channel's end");
    }
    assert_no_error_was_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn ordered_frames_and_a_peer_without_such_lanes_keep_to_the_channel() {
    for (may_pass, taken) in [(false, LANES), (true, 0)] {
        let mut pair = pair_with(config(), worker_config(taken)).await;
        pair.client.sender.let_frames_pass(may_pass);
        pair.client.sender.open_shard_lanes(LANES, FRAME_BYTES);
        let mut reassembler = Reassembler::new(Limits::default());
        let mut expected = 0;
        // Long enough for lanes to open, were there any.
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            let before = messages(&pair.client.sender);
            send_frame(&pair.client.sender, frame(expected, 30_000)).await;
            let frame = loop {
                let message = tokio::select! {
                    message = next(&mut pair.worker.receiver) => message,
                    other = next(&mut pair.client.receiver) => panic!("{other:?}"),
                };
                if let Some(frame) = reassembler.push(message).frame {
                    break frame;
                }
            };
            assert_eq!(frame.meta.frame_id, expected);
            // The offers of lanes are messages, too.
            let sent = messages(&pair.client.sender) - before;
            assert!(sent <= 3 + LANES as u64, "{sent} messages, {taken} lanes");
            expected += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_says_of_shards_that_it_never_sent_changes_nothing() {
    let mut pair = coded().await;
    let report = r#"{"type":"SHARD_REPORT","closed":4000000000,"sent":9,"lost":[[7,4000000000],[4294967295,2]]}"#;
    let report = Message::from_text(report, &Limits::default()).expect("a report");
    for message in [
        report,
        Message::ShardsSent(4_000_000_000),
        Message::ShardsSent(3),
        Message::BatchStart(2),
    ] {
        pair.worker.sender.send(message).await.expect("open");
    }
    while next(&mut pair.client.receiver).await != Message::BatchStart(2) {}
    let lost = pair.client.sender.take_lost_frames();
    assert!(lost.len() < 1000, "{lost:?}");
    let mut reassembler = Reassembler::new(Limits::default());
    let mut sent = 5000;
    send_frame(&pair.client.sender, frame(sent, 50_000)).await;
    loop {
        tokio::select! {
            message = next(&mut pair.worker.receiver) => {
                if let Some(arrived) = reassembler.push(message).frame {
                    assert_eq!(arrived, frame(sent, 50_000));
                    break;
                }
            }
            other = next(&mut pair.client.receiver) => panic!("{other:?}"),
            // A socket on a busy machine may not hold all packets.
            lost = pair.client.sender.lost_frames() => {
                assert_eq!(lost, [sent]);
                sent += 1;
                send_frame(&pair.client.sender, frame(sent, 50_000)).await;
            }
        }
    }
}
