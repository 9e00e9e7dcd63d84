//! Files between a client's messages and the disk.

use std::path::Path;

use protocol::{FileMeta, FileName, PackageType, UploadResume, UploadStart};

use super::*;

const CONTENT: &[u8] = b"what a video would be";
const SHA256: &str = "7c3a4b4c24a6e5d0";

fn taking(dir: &Path, max_upload: u64) -> Arc<SessionContext> {
    let dir = dir.join("uploads");
    Arc::new(context(PipelineOptions::default(), &dir, max_upload, 1000))
}

fn sha256(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    let byte = |byte: &u8| format!("{byte:02x}");
    digest.as_ref().iter().map(byte).collect()
}

fn check(upload_id: Option<&str>) -> Message {
    Message::UploadCheck {
        sha256: sha256(CONTENT).to_uppercase(),
        name: FileName::new("day1.mp4").unwrap(),
        resume: upload_id.map(|id| UploadResume {
            bytes: CONTENT.len() as u64,
            upload_id: id.into(),
        }),
    }
}

fn begin(bytes: usize) -> Message {
    Message::UploadStart(UploadStart {
        name: FileName::new("day1.mp4").unwrap(),
        bytes: bytes as u64,
        dest: "/etc".into(),
        create_subdir: true,
    })
}

fn chunk(bytes: &[u8]) -> Message {
    Message::Chunk(bytes.to_vec().into())
}

fn on_disk(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let own = dir.join("uploads/sleap-stream-uploads");
    let entries = std::fs::read_dir(own).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .filter(|(name, _)| !name.ends_with(".txt"))
        .collect()
}

impl Client {
    async fn ready(&mut self) -> Option<u64> {
        match self.receives().await {
            Message::UploadReady(offset) => offset,
            other => panic!("not ready but {other:?}"),
        }
    }

    async fn upload_refused(&mut self, words: &str) {
        match self.receives().await {
            Message::UploadError(reason) => assert!(reason.contains(words), "{reason}"),
            other => panic!("not refused but {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_is_complete_when_size_and_checksum_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = Client::of(&taking(dir.path(), 100));
    client.sends([check(None)]).await;
    assert_eq!(client.ready().await, None);
    client.sends([begin(CONTENT.len())]).await;
    assert_eq!(client.ready().await, None);
    client
        .sends([chunk(&CONTENT[..5]), chunk(&CONTENT[5..])])
        .await;
    client.sends([Message::UploadEnd]).await;
    let name = sha256(CONTENT);
    assert_eq!(client.receives().await, Message::Complete(name.clone()));
    let expected = (format!("{name}.file"), CONTENT.to_vec());
    assert_eq!(on_disk(dir.path()), [expected]);
    client.sends([check(None)]).await;
    assert_eq!(client.receives().await, Message::CacheHit(name));
}

#[tokio::test]
async fn what_is_not_as_announced_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = Client::of(&taking(dir.path(), 100));
    for (announced, sent, words) in [
        (CONTENT.len(), &b"another video, as long"[..21], "SHA-256"),
        (5, CONTENT, "more than the 5 bytes"),
    ] {
        client.sends([check(None)]).await;
        client.ready().await;
        client.sends([begin(announced)]).await;
        client.ready().await;
        client.sends([chunk(sent), Message::UploadEnd]).await;
        client.upload_refused(words).await;
        assert!(on_disk(dir.path()).is_empty());
    }
    client.sends([check(None)]).await;
    client.ready().await;
    client.sends([begin(101)]).await;
    client.upload_refused("--max-upload").await;
    client.sends([begin(5)]).await;
    client.upload_refused("FILE_UPLOAD_CHECK").await;
    // The channel goes on.
    client.sends([start(true)]).await;
    assert!(client.ack().await.is_ready());
}

#[tokio::test]
async fn names_that_are_paths_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = Client::of(&taking(dir.path(), 100));
    let sha256 = SHA256.repeat(4);
    client
        .sends_text(&format!("FILE_UPLOAD_CHECK::{sha256}::../../x"))
        .await;
    client.upload_refused("file name").await;
    client
        .sends_text("FILE_UPLOAD_START::/etc/passwd::5::/::0")
        .await;
    client.upload_refused("file name").await;
    client.sends_text("FILE_META::../x:5:").await;
    assert!(matches!(client.receives().await, Message::FileError(_)));
    assert!(on_disk(dir.path()).is_empty());
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let worker = taking(dir.path(), 100);
    let mut first = Client::of(&worker);
    first.sends([check(Some("abc"))]).await;
    assert_eq!(first.ready().await, Some(0));
    first.sends([begin(CONTENT.len())]).await;
    assert_eq!(first.ready().await, Some(0));
    first.sends([chunk(&CONTENT[..5])]).await;
    first.session.leave(SessionEnd::Closed, None).await;
    // The disk has it when its writer is done with it.
    worker.files.let_go(&sha256(CONTENT)).await;
    let mut second = Client::of(&worker);
    second.sends([check(Some("abc"))]).await;
    assert_eq!(second.ready().await, Some(5));
    second.sends([begin(CONTENT.len())]).await;
    assert_eq!(second.ready().await, Some(5));
    second
        .sends([chunk(&CONTENT[5..]), Message::UploadEnd])
        .await;
    assert_eq!(second.receives().await, Message::Complete(sha256(CONTENT)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_came_back_takes_its_upload_over_and_no_other_does() {
    let dir = tempfile::tempdir().unwrap();
    let worker = taking(dir.path(), 100);
    let (mut lost, mut other, mut back) = (
        Client::of(&worker),
        Client::of(&worker),
        Client::of(&worker),
    );
    for (client, id) in [
        (&mut lost, "abc"),
        (&mut other, "other"),
        (&mut back, "abc"),
    ] {
        client.sends([check(Some(id))]).await;
        client.ready().await;
    }
    lost.sends([begin(CONTENT.len())]).await;
    lost.ready().await;
    other.sends([begin(CONTENT.len())]).await;
    other.upload_refused("another client").await;
    back.sends([begin(CONTENT.len())]).await;
    let at = back.ready().await.unwrap() as usize;
    back.sends([chunk(&CONTENT[at..]), Message::UploadEnd])
        .await;
    assert_eq!(back.receives().await, Message::Complete(sha256(CONTENT)));
    lost.sends([chunk(&CONTENT[..5])]).await;
    lost.sends([Message::UploadEnd]).await;
    lost.upload_refused("another connection").await;
}

#[tokio::test]
async fn an_upload_that_brings_nothing_holds_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let worker = taking(dir.path(), 100);
    let mut client = Client::of(&worker);
    assert!(client.session.uploads.overdue().is_none());
    client.sends([check(Some("abc"))]).await;
    client.ready().await;
    client.sends([begin(CONTENT.len())]).await;
    client.ready().await;
    client.sends([chunk(&CONTENT[..5])]).await;
    assert!(client.session.uploads.overdue().is_some());
    client.session.uploads.expire().await;
    client.upload_refused("busy: nothing came for").await;
    assert!(client.session.uploads.overdue().is_none());
    worker.files.let_go(&sha256(CONTENT)).await;
    client.sends([check(Some("other"))]).await;
    assert_eq!(client.ready().await, Some(5));
}

#[tokio::test]
async fn frames_and_a_file_share_a_channel() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = Client::of(&taking(dir.path(), 100));
    client.sends([start(true)]).await;
    client.ack().await;
    client.sends([check(None)]).await;
    client.ready().await;
    client.sends([begin(CONTENT.len())]).await;
    client.ready().await;
    client.sends([chunk(&CONTENT[..5])]).await;
    client.sends(frame(1)).await;
    client.sends([chunk(&CONTENT[5..])]).await;
    client.sends(frame(2)).await;
    client.sends([Message::UploadEnd]).await;
    let mut frames = 0;
    loop {
        match client.receives().await {
            Message::FrameReceived(_) => frames += 1,
            Message::Complete(name) => {
                assert_eq!(name, sha256(CONTENT));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    while frames < 2 {
        client.answer().await;
        frames += 1;
    }
}

#[tokio::test]
async fn jobs_that_are_not_done_here_are_refused_and_so_are_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = Client::of(&taking(dir.path(), 100));
    for (purpose, words) in [
        (PackageType::Train, "takes no jobs"),
        (PackageType::Track, "--model"),
    ] {
        client.sends([Message::PackageType(purpose)]).await;
        let Message::FileError(reason) = client.receives().await else {
            panic!("not refused");
        };
        assert!(reason.contains(words), "{reason}");
        client.sends([check(None)]).await;
        client.upload_refused(words).await;
        // The old form has no answer before its end: what comes is passed over.
        let meta = FileMeta {
            name: FileName::new("package.zip").unwrap(),
            size: 5,
            extra: None,
        };
        client
            .sends([Message::FileMeta(meta), chunk(b"12345"), Message::EndOfFile])
            .await;
        assert!(matches!(client.receives().await, Message::FileError(_)));
    }
    client.sends_text("JOB_SUBMIT::{\"type\":\"train\"}").await;
    let Message::Unknown { text } = client.receives().await else {
        panic!("not refused");
    };
    assert!(text.starts_with("JOB_REJECTED::"), "{text}");
    client.sends([start(true)]).await;
    assert!(client.ack().await.is_ready());
}

#[tokio::test]
async fn a_worker_without_streams_says_so_and_takes_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = taking(dir.path(), 100);
    Arc::get_mut(&mut worker).unwrap().takes_streams = false;
    let mut client = Client::of(&worker);
    client.sends([start(true)]).await;
    let ack = client.ack().await;
    assert!(!ack.is_ready() && ack.message.unwrap().contains("--no-stream"));
    client.sends(frame(1)).await;
    client.sends([end(), check(None)]).await;
    assert_eq!(client.complete().await.frames_received, 0);
    assert_eq!(client.ready().await, None);
}
