//! A client that knows the secret and abuses file transfer.

use link::{Channel, Secret};
use protocol::{FileMeta, FileName, Message, UploadResume, UploadStart};
use tokio::time::{Instant, timeout_at};

use super::clients::connected;

/// What file transfer's attacker achieved.
#[derive(Debug, Default)]
pub struct Files {
    pub uploads_begun: usize,
    pub refusals: usize,
}

/// Begins one upload after the other until then, of which none is what it says: too long, cut off by the
/// next one, of the wrong content, larger than what is left, with chunks that are too large; and asks for
/// whatever else there is.
///
/// # Panics
/// The worker does not let it in.
pub async fn file_flood(signal: &str, secret: &Secret, until: Instant) -> Files {
    let Channel {
        sender,
        mut receiver,
    } = connected(signal, secret).await;
    let mut done = Files::default();
    let flood = async {
        for round in 0.. {
            for message in script(round) {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        }
    };
    let hearing = async {
        while let Some(message) = receiver.recv().await {
            match message {
                Ok(Message::UploadReady(_)) => done.uploads_begun += 1,
                Ok(Message::UploadError(_) | Message::FileError(_)) => done.refusals += 1,
                _ => {}
            }
        }
    };
    let _ = timeout_at(until, async { tokio::join!(flood, hearing) }).await;
    sender.close().await;
    done
}

/// Bytes of most of its files.
const BYTES: u64 = 10_000_000;

fn script(round: u64) -> Vec<Message> {
    let name = || FileName::new("video.mp4").expect("a name");
    let check = |file: u64| Message::UploadCheck {
        sha256: format!("{file:064x}"),
        name: name(),
        resume: Some(UploadResume {
            bytes: BYTES,
            upload_id: format!("{file}"),
        }),
    };
    let start = |bytes: u64| {
        Message::UploadStart(UploadStart {
            name: name(),
            bytes,
            dest: "/".repeat(1000),
            create_subdir: true,
        })
    };
    let chunk = |bytes: usize| Message::Chunk(vec![9; bytes].into());
    let begun = |bytes| [check(round), start(bytes)];
    match round % 6 {
        // Half of it.
        0 => [&begun(BYTES)[..], &vec![chunk(262_144); 20]].concat(),
        // More than it is.
        1 => [&begun(1000)[..], &[chunk(65_536), Message::UploadEnd]].concat(),
        // Not what it is.
        2 => [&begun(65_536)[..], &[chunk(65_536), Message::UploadEnd]].concat(),
        // No room for it.
        3 => begun(1 << 60).into(),
        // Chunks that no channel should carry.
        4 => [&begun(BYTES)[..], &vec![chunk(300_000); 4]].concat(),
        // Questions, and what belongs to other services.
        _ => (0..50)
            .flat_map(|file| {
                let text = |text: &str| Message::Unknown { text: text.into() };
                let meta = FileMeta {
                    name: name(),
                    size: u64::MAX,
                    extra: None,
                };
                [
                    check(1_000_000 * round + file),
                    text("JOB_SUBMIT::1::{}"),
                    text("FS_LIST_DIR::/::0"),
                    Message::FileMeta(meta),
                    Message::EndOfFile,
                    Message::UploadEnd,
                ]
            })
            .collect(),
    }
}
