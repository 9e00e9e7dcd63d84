//! Clients that know the secret and are not what they should be.

use link::{Auth, Channel, Secret};
use protocol::{AckStatus, Encoding, FrameMeta, Message, StreamStart};
use tokio::time::{Instant, timeout, timeout_at};

use super::jpegs::bomb;
use super::{PATIENCE, config};

/// Width and height of a raw frame that is just within the limits, 128 MiB.
const LARGEST: (u32, u32) = (8192, 5461);

/// What a client does with the stream that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Frames of 65,535 x 65,535 pixels, raw and JPEG.
    Gigantic,
    /// Announcements that say less, or more, than is sent.
    Lies,
    /// Two frames at a time over a channel that carries one.
    Interleaved,
    /// Frames without an end.
    Endless,
    /// The largest frame there may be, of which half comes, and then nothing.
    Stalled,
    /// JPEGs of 16,384 x 16,384 pixels in some hundred bytes.
    Bombs,
    /// JPEGs as large as they may be, and nothing in them.
    LargestBombs,
    /// Control messages without end, known and unknown.
    Control,
}

impl Attack {
    pub const ALL: [Attack; 8] = [
        Attack::Gigantic,
        Attack::Lies,
        Attack::Interleaved,
        Attack::Endless,
        Attack::Stalled,
        Attack::Bombs,
        Attack::LargestBombs,
        Attack::Control,
    ];
}

fn frame_meta(frame_id: u64, size: (u32, u32), nbytes: Option<u64>) -> FrameMeta {
    let (width, height) = size;
    let raw = u64::from(width) * u64::from(height) * 3;
    FrameMeta {
        frame_id,
        height,
        width,
        channels: 3,
        encoding: match nbytes {
            Some(_) => Encoding::Jpeg,
            None => Encoding::U8,
        },
        nbytes: nbytes.unwrap_or(raw),
        captured_us: None,
        clock: None,
    }
}

/// Has a stream of its own and does the attack; how many frames the worker answered.
///
/// # Panics
/// The worker does not let it in or gives it no stream.
pub async fn attack(signal: &str, secret: &Secret, attack: Attack) -> usize {
    let mut channel = connected(signal, secret).await;
    let start = Message::StreamStart(StreamStart {
        answers: true,
        ..StreamStart::default()
    });
    channel.sender.send(start).await.expect("an open channel");
    let ready = timeout(PATIENCE, ready(&mut channel)).await;
    assert!(ready.is_ok_and(|ready| ready), "{attack:?}: no stream");
    let messages = script(attack);
    let count = messages.len();
    let sending = async {
        for message in messages {
            if channel.sender.send(message).await.is_err() {
                break;
            }
        }
    };
    let mut answered = 0;
    let hearing = async {
        while let Some(Ok(message)) = channel.receiver.recv().await {
            match message {
                Message::FrameReceived(last) if last.frame_id == MARK => return,
                Message::Prediction(last) if last.frame_id == MARK => return,
                Message::FrameReceived(_) | Message::Prediction(_) | Message::Error(_) => {
                    answered += 1
                }
                _ => {}
            }
        }
    };
    let heard = timeout(std::time::Duration::from_secs(60), async {
        tokio::join!(sending, hearing)
    });
    assert!(
        heard.await.is_ok() || attack == Attack::Stalled,
        "{attack:?}: the worker does not go on after {count} messages"
    );
    channel.sender.close().await;
    answered
}

/// The frame behind an attack whose answer says that the worker has come so far.
const MARK: u64 = 1 << 40;

/// What is sent, with a small frame at its end.
fn script(attack: Attack) -> Vec<Message> {
    let chunk = |bytes: usize| Message::Chunk(vec![7; bytes].into());
    let raw = |id, size| Message::FrameMeta(frame_meta(id, size, None));
    let jpeg = |id, (width, height): (u16, u16)| {
        let data = bomb(width, height);
        let size = (u32::from(width), u32::from(height));
        [
            Message::FrameMeta(frame_meta(id, size, Some(data.len() as u64))),
            Message::Chunk(data.into()),
            Message::FrameEnd(id),
        ]
    };
    let mut messages: Vec<Message> = match attack {
        Attack::Gigantic => (0..50)
            .flat_map(|id| {
                let start = raw(2 * id, (65_535, 65_535));
                let jpeg = jpeg(2 * id + 1, (65_500, 65_500));
                [start, chunk(65_536), Message::FrameEnd(2 * id)]
                    .into_iter()
                    .chain(jpeg)
            })
            .collect(),
        Attack::Lies => (0..50)
            .flat_map(|id| {
                let much = [raw(id, (64, 48)), chunk(200_000), Message::FrameEnd(id)];
                let little = [raw(id, LARGEST), chunk(1), Message::FrameEnd(id)];
                much.into_iter().chain(little)
            })
            .collect(),
        Attack::Interleaved => (0..50)
            .flat_map(|id| {
                let (one, other) = (2 * id, 2 * id + 1);
                [
                    raw(one, (64, 48)),
                    chunk(4000),
                    raw(other, (64, 48)),
                    chunk(4000),
                    Message::FrameEnd(one),
                    chunk(5216),
                    Message::FrameEnd(other),
                ]
            })
            .collect(),
        Attack::Endless => (0..200)
            .flat_map(|id| [raw(id, LARGEST), chunk(250_000)])
            .collect(),
        Attack::Stalled => {
            let (width, height) = LARGEST;
            let half = (width * height * 3 / 2) as usize / 250_000;
            std::iter::once(raw(0, LARGEST))
                .chain(std::iter::repeat_n(chunk(250_000), half))
                .collect()
        }
        Attack::Bombs => (0..50).flat_map(|id| jpeg(id, (16_384, 16_384))).collect(),
        Attack::LargestBombs => (0..12).flat_map(|id| jpeg(id, (8192, 5461))).collect(),
        Attack::Control => (0..20_000)
            .map(|index| match index % 4 {
                0 => Message::KeepAlive,
                1 => Message::BatchStart(1024),
                2 => Message::BatchEnd(7),
                _ => Message::Unknown {
                    text: format!("FRAME_META::{{\"frame_id\":{}", "9".repeat(500)),
                },
            })
            .collect(),
    };
    let last = [
        raw(MARK, (16, 16)),
        chunk(16 * 16 * 3),
        Message::FrameEnd(MARK),
    ];
    messages.extend(last);
    messages
}

/// A client without a stream that sends control messages as fast as they are taken, until then; how many.
///
/// # Panics
/// The worker does not let it in.
pub async fn control_flood(signal: &str, secret: &Secret, until: Instant) -> usize {
    let mut channel = connected(signal, secret).await;
    let mut sent = 0;
    let flood = async {
        loop {
            let message = match sent % 3 {
                0 => Message::KeepAlive,
                1 => Message::StreamStart(StreamStart::default()),
                _ => Message::Unknown {
                    text: "x".repeat(1000),
                },
            };
            tokio::select! {
                outcome = channel.sender.send(message) => match outcome {
                    Ok(()) => sent += 1,
                    Err(_) => return,
                },
                received = channel.receiver.recv() => if received.is_none() { return },
            }
        }
    };
    let _ = timeout_at(until, flood).await;
    channel.sender.close().await;
    sent
}

/// A client without a stream that sends parts of the largest frames there may be, until then; how many.
///
/// # Panics
/// The worker does not let it in.
pub async fn half_frames(signal: &str, secret: &Secret, until: Instant) -> usize {
    let channel = connected(signal, secret).await;
    let mut begun = 0;
    let sending = async {
        let _ = channel
            .sender
            .send(Message::StreamStart(StreamStart::default()))
            .await;
        loop {
            let meta = frame_meta(begun as u64, LARGEST, None);
            let mut outcome = channel.sender.send(Message::FrameMeta(meta)).await;
            for _ in 0..500 {
                let chunk = Message::Chunk(vec![0; 250_000].into());
                outcome = outcome.and(channel.sender.send(chunk).await);
                // Not to be a load of its own.
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            if outcome.is_err() {
                return;
            }
            begun += 1;
        }
    };
    let _ = timeout_at(until, sending).await;
    begun
}

pub(super) async fn connected(signal: &str, secret: &Secret) -> Channel {
    let mut config = config(Auth::Bound(secret.clone()));
    config.connection.connect_timeout = 4 * PATIENCE;
    let connected = link::connect(signal, config).await;
    connected.unwrap_or_else(|error| panic!("not let in: {error}"))
}

async fn ready(channel: &mut Channel) -> bool {
    while let Some(Ok(message)) = channel.receiver.recv().await {
        if let Message::StreamAck(ack) = message {
            return ack.status == AckStatus::Ready;
        }
    }
    false
}
