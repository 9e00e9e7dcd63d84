//! Clients that mean harm.

use e2e::{HOSTILE, Place, assert_shown_harmlessly};
use link::PeerConfig;
use protocol::{FileName, Message, StreamStart};

#[test]
fn what_a_client_says_is_logged_harmlessly() {
    let place = Place::new();
    let worker = place.worker(&["-vv"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = PeerConfig {
            peer_id: Some(format!("client{HOSTILE}")),
            ..PeerConfig::default()
        };
        let mut channel = link::connect(&worker.signal, config).await.unwrap();
        let text = |text: String| Message::Unknown { text };
        let name = FileName::new("\u{202e}4pm.\u{200b}mp4").unwrap();
        let messages = [
            Message::StreamStart(StreamStart {
                source_name: HOSTILE.repeat(100),
                answers: true,
                ..StreamStart::default()
            }),
            text(HOSTILE.to_owned()),
            text(format!("FRAME_META::{{\"frame_id\":{HOSTILE}")),
            text(format!("JOB_SUBMIT::{HOSTILE}::{HOSTILE}")),
            text(format!("FILE_UPLOAD_CHECK::{HOSTILE}::{HOSTILE}")),
            Message::UploadCheck {
                sha256: "0".repeat(64),
                name,
                resume: None,
            },
        ];
        for message in messages {
            channel.sender.send(message).await.unwrap();
        }
        // All that came before is dealt with by then.
        while let Some(answer) = channel.receiver.recv().await {
            if matches!(answer, Ok(Message::UploadReady(_))) {
                break;
            }
        }
        channel.sender.close().await;
    });
    let (_, log) = worker.interrupt();
    assert_shown_harmlessly(&log);
    let cut = log
        .lines()
        .find(|line| line.contains("stream starts"))
        .unwrap();
    assert!(
        cut.contains("characters more)") && cut.len() < 5_000,
        "{cut}"
    );
}
