//! A session between a client's messages and a pipeline without a model.

#[path = "file_tests.rs"]
mod files;

use super::*;
use crate::files::JobContext;
use crate::pipeline::{Engine, FrameSinks, PipelineOptions};
use crate::replies::ack;
use crate::sinks::FrameSaver;
use protocol::{AckStatus, Encoding, FrameMeta, StreamComplete};

/// A worker for several clients.
fn worker(options: PipelineOptions) -> Arc<SessionContext> {
    let none = std::path::Path::new("/nonexistent");
    Arc::new(context(options, none, 0, 0))
}

/// A worker that takes files into this folder, within these limits.
fn context(
    options: PipelineOptions,
    dir: &std::path::Path,
    max_upload: u64,
    upload_quota: u64,
) -> SessionContext {
    let pipeline = Arc::new(Pipeline::start(Engine::Verify, options).unwrap());
    let slots = StreamSlots::new(1);
    let ack = Arc::new(ack::ready(
        "stats_only",
        None,
        None,
        ack::Pictures::default(),
    ));
    let jobs = JobContext {
        pipeline: Arc::clone(&pipeline),
        slots: slots.clone(),
        ack: Arc::clone(&ack),
        limits: Limits::default(),
        tracking: WorkerTracking::Off,
    };
    SessionContext {
        ack,
        rate: pipeline.rate(),
        least_rate: 1.0,
        pipeline,
        slots,
        served: ServedStreams::default(),
        metrics: Metrics::default(),
        files: Arc::new(FileService::within(dir, max_upload, upload_quota, jobs)),
        tracking: WorkerTracking::Off,
        takes_streams: true,
        limits: Limits::default(),
        frame_memory: FrameMemory::new(Limits::default().max_frame_bytes),
    }
}

struct Client {
    session: Session,
    outbox: mpsc::Receiver<Message>,
}

impl Client {
    fn of(worker: &Arc<SessionContext>) -> Self {
        let (replies, outbox) = mpsc::channel(64);
        let slot = Arc::new(ClientSlot::new(Instant::now()));
        Self {
            session: Session::new(Arc::clone(worker), replies, slot),
            outbox,
        }
    }

    async fn sends(&mut self, messages: impl IntoIterator<Item = Message>) {
        for message in messages {
            self.session.message(message).await.unwrap();
        }
    }

    async fn sends_text(&mut self, text: &str) {
        match Message::from_text(text, &Limits::default()) {
            Ok(message) => self.sends([message]).await,
            Err(error) => self.session.unreadable(&error).await,
        }
    }

    async fn receives(&mut self) -> Message {
        self.outbox.recv().await.expect("the session goes on")
    }

    async fn ack(&mut self) -> StreamAck {
        match self.receives().await {
            Message::StreamAck(ack) => ack,
            other => panic!("no STREAM_ACK but {other:?}"),
        }
    }

    async fn complete(&mut self) -> StreamComplete {
        match self.receives().await {
            Message::StreamComplete(complete) => complete,
            other => panic!("no STREAM_COMPLETE but {other:?}"),
        }
    }

    async fn answer(&mut self) -> Message {
        let message = self.receives().await;
        assert!(
            matches!(message, Message::FrameReceived(_) | Message::Error(_)),
            "{message:?}"
        );
        message
    }
}

fn start(answers: bool) -> Message {
    Message::StreamStart(StreamStart {
        answers,
        ..StreamStart::default()
    })
}

fn end() -> Message {
    Message::StreamEnd(Default::default())
}

/// A gray frame of 2x1 pixels.
fn frame(frame_id: u64) -> [Message; 3] {
    encoded(frame_id, Encoding::U8, vec![1, 2])
}

fn encoded(frame_id: u64, encoding: Encoding, data: Vec<u8>) -> [Message; 3] {
    let meta = FrameMeta {
        frame_id,
        width: 2,
        height: 1,
        channels: 1,
        encoding,
        nbytes: data.len() as u64,
        captured_us: None,
        clock: None,
    };
    [
        Message::FrameMeta(meta),
        Message::Chunk(data.into()),
        Message::FrameEnd(frame_id),
    ]
}

#[tokio::test]
async fn answers_are_promised_only_to_those_who_ask() {
    let worker = worker(PipelineOptions::default());
    let mut client = Client::of(&worker);
    client.sends([start(false)]).await;
    assert!(!client.ack().await.answers);
    client.sends(frame(7)).await;
    client.sends([end()]).await;
    assert_eq!(client.complete().await.frames_received, 1);

    client.sends([start(true)]).await;
    assert!(client.ack().await.answers);
    client.sends(frame(8)).await;
    let Message::FrameReceived(received) = client.answer().await else {
        panic!("the frame is complete");
    };
    assert_eq!(received.frame_id, 8);
    let timing = received.timing;
    assert!(timing.total_us.unwrap() >= timing.receive_us.unwrap() + timing.queue_us.unwrap());
}

#[tokio::test]
async fn a_client_is_told_that_its_frames_come_too_fast() {
    const FRAMES: u64 = 200;
    let worker = worker(PipelineOptions::default());
    let Client {
        mut session,
        mut outbox,
    } = Client::of(&worker);
    let sending = async {
        session.message(start(true)).await.unwrap();
        for id in 0..FRAMES {
            for message in frame(id) {
                session.message(message).await.unwrap();
            }
        }
        session.message(end()).await.unwrap();
    };
    // The client does not read until no more results fit: then the queues behind them must fill as well.
    let reading = async {
        while outbox.len() < outbox.max_capacity() {
            tokio::task::yield_now().await;
        }
        let (mut answers, mut pressures) = (Vec::new(), Vec::new());
        loop {
            match outbox.recv().await.expect("the session goes on") {
                Message::FrameReceived(received) => answers.push(received.frame_id),
                Message::Backpressure(pressure) => pressures.push(pressure.waiting),
                Message::StreamComplete(_) => return (answers, pressures),
                _ => {}
            }
        }
    };
    let ((), (answers, pressures)) = tokio::join!(sending, reading);
    assert_eq!(answers, (0..FRAMES).collect::<Vec<_>>());
    assert!(!pressures.is_empty());
    assert!(
        pressures
            .iter()
            .all(|waiting| (1..FRAMES).contains(waiting))
    );
    let told = FRAMES / 16 + 1;
    assert!(pressures.len() as u64 <= told, "{pressures:?}");
}

#[tokio::test]
async fn a_client_that_does_not_wait_streams_once_the_worker_is_free() {
    let worker = worker(PipelineOptions::default());
    let (mut first, mut second) = (Client::of(&worker), Client::of(&worker));
    first.sends([start(false)]).await;
    assert!(first.ack().await.is_ready());
    second.sends([start(true)]).await;
    assert_eq!(second.ack().await.status, AckStatus::Busy);
    second.sends(frame(0)).await;
    first.sends([end()]).await;
    first.complete().await;
    second.sends(frame(1)).await;
    assert!(second.ack().await.is_ready());
    let answer = second.answer().await;
    assert!(matches!(answer, Message::FrameReceived(received) if received.frame_id == 1));
    second.sends([end()]).await;
    assert_eq!(second.complete().await.frames_received, 1);
}

#[tokio::test]
async fn the_end_of_a_refused_stream_is_answered() {
    let worker = worker(PipelineOptions::default());
    let (mut first, mut second) = (Client::of(&worker), Client::of(&worker));
    first.sends([start(false)]).await;
    second.sends([start(false)]).await;
    second.ack().await;
    second.sends(frame(0)).await;
    second.sends([end()]).await;
    let complete = second.complete().await;
    assert_eq!(
        (complete.frames_received, complete.frames_dropped),
        (0, Some(1))
    );
    second.sends(frame(1)).await;
    first.sends([end()]).await;
    second.sends(frame(2)).await;
    second.sends([start(false)]).await;
    assert!(
        second.ack().await.is_ready(),
        "the refused stream is over, its frames open none"
    );
}

#[tokio::test]
async fn an_unreadable_start_is_refused_with_a_word() {
    let worker = worker(PipelineOptions::default());
    let mut client = Client::of(&worker);
    for text in [
        r#"{"type": "STREAM_START", "width": "wide"}"#,
        r#"{"type": "STREAM_START", "batch_size": 100000}"#,
    ] {
        client.sends_text(text).await;
        let ack = client.ack().await;
        assert_eq!(ack.status, AckStatus::Error);
        assert!(ack.message.is_some());
    }
    client.sends_text(r#"{"type": "PREDICTION"}"#).await;
    client.sends([end()]).await;
    assert_eq!(client.complete().await.frames_received, 0);
    assert_eq!(client.session.unreadable, 3);
    client.sends([start(false)]).await;
    assert!(client.ack().await.is_ready());
    assert_eq!(
        client.session.unreadable, 0,
        "the next one is logged as a warning"
    );
}

#[tokio::test]
async fn a_restart_leaves_nothing_of_the_stream_before() {
    let worker = worker(PipelineOptions::default());
    let mut client = Client::of(&worker);
    client.sends([start(true)]).await;
    client.ack().await;
    client.sends([Message::BatchStart(3)]).await;
    client.sends(frame(0)).await;
    let [meta, chunk, _] = frame(1);
    client.sends([meta, chunk]).await;
    client.sends([start(true)]).await;
    assert!(
        matches!(client.answer().await, Message::FrameReceived(received) if received.frame_id == 0)
    );
    assert!(client.ack().await.is_ready());
    client.sends([Message::FrameEnd(1)]).await;
    assert!(matches!(client.answer().await, Message::Error(_)));
    client.sends(frame(0)).await;
    client.answer().await;
    client.sends([end()]).await;
    let complete = client.complete().await;
    assert_eq!(
        (complete.frames_received, complete.frames_dropped),
        (1, Some(1))
    );
}

#[tokio::test]
async fn dropped_frames_are_the_damaged_and_those_that_cannot_be_decoded() {
    let worker = worker(PipelineOptions::default());
    let mut client = Client::of(&worker);
    client.sends([start(true)]).await;
    client.ack().await;
    client.sends(frame(0)).await;
    client.sends(encoded(1, Encoding::Jpeg, vec![1; 9])).await;
    let [meta, _, last] = frame(2);
    client.sends([meta, last]).await;
    client.sends_text("FRAME_META::3:1:2:7:uint8:14").await;
    client.sends([end()]).await;
    for _ in 0..4 {
        client.answer().await;
    }
    let complete = client.complete().await;
    assert_eq!(complete.frames_received, 2);
    assert_eq!(complete.frames_dropped, Some(3));
}

#[tokio::test]
async fn saved_frames_are_those_on_disk_and_counting_starts_with_every_stream() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("seen");
    let every = std::num::NonZeroU64::new(2).unwrap();
    let mut sinks = FrameSinks::default();
    sinks.add(FrameSaver::start(&dir, every, Limits::default()).unwrap());
    let worker = worker(PipelineOptions {
        sinks,
        ..PipelineOptions::default()
    });
    let mut client = Client::of(&worker);
    client.sends([start(false)]).await;
    client.ack().await;
    client.sends(frame(0)).await;
    client.session.leave(SessionEnd::Closed, None).await;

    let mut client = Client::of(&worker);
    client.sends([start(false)]).await;
    client.ack().await;
    for id in 10..13 {
        client.sends(frame(id)).await;
    }
    client.sends([end()]).await;
    assert_eq!(client.complete().await.frames_saved, 2);
    assert!(dir.join("frame_000010.png").exists());

    // The folder is lost: nothing is written, and nothing counted as if it were.
    std::fs::remove_dir_all(&dir).unwrap();
    client.sends([start(false)]).await;
    client.ack().await;
    client.sends(frame(20)).await;
    client.sends([end()]).await;
    assert_eq!(client.complete().await.frames_saved, 0);
}

fn named(name: &str) -> Message {
    Message::StreamStart(StreamStart {
        stream_id: Some(name.into()),
        ..StreamStart::default()
    })
}

#[tokio::test]
async fn a_client_that_reconnects_takes_the_place_of_its_former_connection() {
    let worker = worker(PipelineOptions::default());
    let (mut former, mut other) = (Client::of(&worker), Client::of(&worker));
    former.sends([named("mouse 1")]).await;
    assert!(former.ack().await.is_ready());
    other.sends([named("mouse 2")]).await;
    assert_eq!(other.ack().await.status, AckStatus::Busy);
    let evicted = tokio::spawn(async move {
        former.session.client.evicted().await;
        former.session.leave(SessionEnd::Evicted, None).await;
    });
    let mut back = Client::of(&worker);
    back.sends([named("mouse 1")]).await;
    assert!(back.ack().await.is_ready());
    evicted.await.unwrap();
    back.sends(frame(3)).await;
    back.sends([end()]).await;
    assert_eq!(back.complete().await.frames_received, 1);
}
