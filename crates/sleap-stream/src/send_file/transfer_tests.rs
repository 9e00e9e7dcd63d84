//! Runs towards a worker that sends what a test gives it.

use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use link::signaling::Server;
use link::{Acceptor, PeerConfig};
use protocol::{FileMeta, FileName, Message, checksum_text};
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::command_line::Args;
use crate::send_file::file_channel::TransferError;

/// The SHA-256 of `abc`, which all predictions are here.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A folder with a video of this many bytes, and a signaling server.
struct TestDir {
    dir: tempfile::TempDir,
    server: Server,
}

impl TestDir {
    async fn new(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let video = std::fs::File::create(dir.path().join("video.mp4")).unwrap();
        video.set_len(bytes).unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Self { dir, server }
    }

    fn signal(&self) -> String {
        format!("ws://{}", self.server.local_addr())
    }

    fn config(&self, more: &[&str]) -> SendConfig {
        let path = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        let (signal, video, output) = (self.signal(), path("video.mp4"), path("a.slp"));
        let line = [
            "sleap-stream",
            "--quiet",
            "--signal",
            &signal,
            "--send-file",
            &video,
            "--output",
            &output,
        ];
        let args = Args::try_parse_from(line.iter().chain(more)).unwrap();
        SendConfig::try_from(args).unwrap()
    }

    async fn acceptor(&self) -> Acceptor {
        let config = PeerConfig::default();
        Acceptor::register(&self.signal(), config).await.unwrap()
    }
}

/// What a worker does with a message: answers, and whether it closes the connection then.
type Answer = (Vec<Message>, bool);

/// Runs a client towards a worker that answers the messages of its connections, which are counted from 1,
/// with what `answer` gives. Returns the outcome, and the connections that there were.
async fn against(
    config: &SendConfig,
    test_dir: &TestDir,
    answer: impl Fn(u32, &Message) -> Answer,
) -> (Result<FinishedTransfer>, u32) {
    let mut acceptor = test_dir.acceptor().await;
    let connections = Mutex::new(0);
    let worker = async {
        loop {
            let mut channel = acceptor.accept().await.unwrap();
            *connections.lock().unwrap() += 1;
            let connection = *connections.lock().unwrap();
            assert!(connection < 20, "it goes on for ever");
            while let Some(Ok(message)) = channel.receiver.recv().await {
                let (answers, closes) = answer(connection, &message);
                for answer in answers {
                    channel.sender.send(answer).await.unwrap();
                }
                if closes {
                    break;
                }
            }
            channel.sender.close().await;
        }
    };
    let mut progress = TransferProgress::start(config.report_mode);
    let outcome = tokio::select! {
        outcome = transfer(config, &mut progress) => outcome,
        () = worker => unreachable!(),
    };
    let connections = *connections.lock().unwrap();
    (outcome, connections)
}

fn job(text: &str) -> Message {
    Message::InferenceJob(text.to_owned())
}

fn predictions() -> Vec<Message> {
    let meta = FileMeta {
        name: FileName::new("video.mp4.predictions.slp").unwrap(),
        size: 3,
        extra: Some(checksum_text(ABC)),
    };
    vec![
        job("START::inference"),
        job("PROGRESS::7::7"),
        Message::FileMeta(meta),
        Message::Chunk((&b"abc"[..]).into()),
        Message::EndOfFile,
    ]
}

fn have_come(outcome: Result<FinishedTransfer>) -> u64 {
    let FinishedTransfer {
        totals,
        reconnections,
        outcome,
        ..
    } = outcome.unwrap();
    assert!(outcome.predictions.is_some() && outcome.failure.is_none());
    assert_eq!(totals.frames, 7);
    reconnections
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_that_came_before_the_connection_was_lost_count() {
    let test_dir = TestDir::new(10).await;
    let config = test_dir.config(&["--reconnect-timeout", "0"]);
    let (outcome, _) = against(&config, &test_dir, |_, message| match message {
        Message::UploadCheck { .. } => {
            let hit = vec![Message::CacheHit(String::new())];
            ([hit, predictions()].concat(), true)
        }
        _ => (Vec::new(), false),
    })
    .await;
    assert_eq!(have_come(outcome), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_kills_the_worker_is_given_up() {
    let test_dir = TestDir::new(10).await;
    let (outcome, connections) =
        against(
            &test_dir.config(&[]),
            &test_dir,
            |_, message| match message {
                Message::UploadCheck { .. } => {
                    let hit = Message::CacheHit(String::new());
                    (vec![hit, job("PROGRESS::3::7")], true)
                }
                _ => (Vec::new(), false),
            },
        )
        .await;
    let error = outcome.err().unwrap().to_string();
    assert!(error.contains("without coming further"), "{error}");
    assert_eq!(connections, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_worker_is_asked_again_and_the_last_reason_is_reported() {
    let test_dir = TestDir::new(10).await;
    let refusal = |reason: &str| Message::UploadError(reason.to_owned());
    let job_failed = "ERROR::inference::busy: it ends";
    let answer = |connection, message: &Message| match (connection, message) {
        (1, Message::UploadCheck { .. }) => (vec![refusal("busy: no room")], false),
        (2, Message::UploadCheck { .. }) => {
            let hit = Message::CacheHit(String::new());
            (
                vec![hit, job(job_failed), Message::InferenceJobsDone],
                false,
            )
        }
        (_, Message::UploadCheck { .. }) => {
            let hit = vec![Message::CacheHit(String::new())];
            let done = vec![Message::InferenceJobsDone];
            ([hit, predictions(), done].concat(), false)
        }
        _ => (Vec::new(), false),
    };
    let (outcome, connections) = against(&test_dir.config(&[]), &test_dir, answer).await;
    assert_eq!((have_come(outcome), connections), (0, 3));
    let impatient = test_dir.config(&["--reconnect-timeout", "0"]);
    let (outcome, _) = against(&impatient, &test_dir, answer).await;
    let error = outcome.err().unwrap().to_string();
    assert!(
        error.contains("no room") && error.contains("--wait"),
        "{error}"
    );
    let (outcome, connections) = against(&test_dir.config(&["--wait"]), &test_dir, |_, message| {
        let is_check = matches!(message, Message::UploadCheck { .. });
        let refusals = is_check.then(|| refusal("too large"));
        (refusals.into_iter().collect(), false)
    })
    .await;
    let error = outcome.err().unwrap().to_string();
    assert!(error.contains("refuses the file: too large"), "{error}");
    assert_eq!(connections, 1, "it stays refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_file_of_something_else_is_replaced_by_the_complete_one() {
    let test_dir = TestDir::new(10).await;
    let config = test_dir.config(&[]);
    let (outcome, connections) = against(&config, &test_dir, |connection, message| match message {
        Message::UploadCheck { .. } | Message::UploadStart(_) => {
            let offset = if connection == 1 { 4 } else { 0 };
            (vec![Message::UploadReady(Some(offset))], false)
        }
        Message::UploadEnd if connection == 1 => {
            (vec![Message::UploadError("another SHA-256".into())], false)
        }
        Message::UploadEnd => {
            let complete = vec![Message::Complete(String::new())];
            let done = vec![Message::InferenceJobsDone];
            ([complete, predictions(), done].concat(), false)
        }
        _ => (Vec::new(), false),
    })
    .await;
    assert_eq!(outcome.as_ref().unwrap().totals.sent, 6 + 10);
    assert_eq!((have_come(outcome), connections), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_that_come_in_part_leave_no_file() {
    let test_dir = TestDir::new(10).await;
    let config = test_dir.config(&["--reconnect-timeout", "0"]);
    let files = || std::fs::read_dir(test_dir.dir.path()).unwrap().count();
    let partial = |message: &Message| match message {
        Message::UploadCheck { .. } => {
            let hit = vec![Message::CacheHit(String::new())];
            let mut coming = predictions();
            coming.truncate(4);
            [hit, coming].concat()
        }
        _ => Vec::new(),
    };
    let (outcome, _) = against(&config, &test_dir, |_, message| {
        let partial = partial(message);
        let closes = !partial.is_empty();
        (partial, closes)
    })
    .await;
    assert!(outcome.is_err());
    assert_eq!(files(), 1, "the connection was lost");
    let mut acceptor = test_dir.acceptor().await;
    let worker = async {
        let mut channel = acceptor.accept().await.unwrap();
        while let Some(Ok(message)) = channel.receiver.recv().await {
            let partial = partial(&message);
            let comes = !partial.is_empty();
            for message in partial {
                channel.sender.send(message).await.unwrap();
            }
            while comes && files() == 1 {
                tokio::task::yield_now().await;
            }
            if comes {
                return;
            }
        }
    };
    let mut progress = TransferProgress::start(config.report_mode);
    // As Ctrl-C ends it.
    tokio::select! {
        outcome = transfer(&config, &mut progress) => panic!("over: {:?}", outcome.err()),
        () = worker => {}
    }
    assert_eq!(files(), 1, "it was interrupted");
}

/// Takes a file, but nothing for twice `worker_timeout` at its beginning; sends signs of life all the time.
async fn take_late(channel: Channel, worker_timeout: Duration) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let _alive = AbortOnDropHandle::new(tokio::spawn({
        let sender = sender.clone();
        async move {
            let mut due = interval(worker_timeout / 20);
            while sender.send(Message::KeepAlive).await.is_ok() {
                due.tick().await;
            }
        }
    }));
    while let Some(Ok(message)) = receiver.recv().await {
        let answers = match message {
            Message::UploadCheck { .. } => vec![Message::UploadReady(None)],
            Message::UploadStart(_) => {
                sender.send(Message::UploadReady(None)).await.unwrap();
                sleep(2 * worker_timeout).await;
                Vec::new()
            }
            Message::UploadEnd => {
                let complete = vec![Message::Complete(String::new())];
                [complete, predictions(), vec![Message::InferenceJobsDone]].concat()
            }
            _ => Vec::new(),
        };
        for answer in answers {
            sender.send(answer).await.unwrap();
        }
    }
}

/// A worker that reads a large partial file takes nothing meanwhile, and sends signs of life.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_takes_nothing_for_a_while_is_not_lost_while_it_sends_signs_of_life() {
    const SILENCE: Duration = Duration::from_secs(2);
    // More than both ends hold by themselves.
    let test_dir = TestDir::new(96 << 20).await;
    let config = test_dir.config(&[]);
    let mut acceptor = test_dir.acceptor().await;
    let worker = async { take_late(acceptor.accept().await.unwrap(), SILENCE).await };
    let client = async {
        let mut progress = TransferProgress::start(config.report_mode);
        let file = checksum(&config, &mut progress).await.unwrap();
        let connected = config.connect.connect();
        let mut channel = connected.await.unwrap();
        let mut exchange = Exchange {
            config: &config,
            file: &file,
            upload_id: "id",
            progress: &mut progress,
            totals: &mut TransferTotals::default(),
            worker_timeout: SILENCE,
        };
        let outcome = exchange.run(&mut channel).await;
        channel.sender.close().await;
        outcome
    };
    let (outcome, ()) = tokio::join!(client, worker);
    match outcome {
        Ok(outcome) => assert!(outcome.predictions.is_some()),
        Err(
            TransferError::Lost(lost) | TransferError::Busy(lost) | TransferError::Damaged(lost),
        ) => panic!("{lost}"),
        Err(TransferError::Final(error)) => panic!("{error:#}"),
    }
}
