//! Whether the worker takes this client: a real connection, with the proof of the secret.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use cli::doctor::CheckReport;
use link::{Channel, PeerConfig, Receiver};
use protocol::{Message, ModelInfo, StreamAck, StreamEnd, StreamStart, text};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::connect::handshake::{StreamRequest, WorkerBusy};
use crate::connect::rendezvous::ClientRendezvous;
use crate::connect::trust;

/// Longest wait for each step of the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for the worker's acknowledgement, and for the end that follows.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// What the worker calls the stream in its log.
const SOURCE_NAME: &str = "sleap-stream doctor";

/// Connects to the worker, and asks for a stream that has no frames. Returns what the client
/// is ready for.
pub(super) fn check(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    rendezvous: &ClientRendezvous,
    mut peer: PeerConfig,
) -> String {
    peer.connection.connect_timeout = CONNECT_TIMEOUT;
    let proves = !peer.auth.is_none();
    let channel = match runtime.block_on(rendezvous.connect(peer)) {
        Ok(channel) => channel,
        Err(error) => {
            let found = cli::in_lines(trust::explain(error).as_ref());
            report.fail("  handshake", found, "");
            return String::new();
        }
    };
    report.ok(
        "  handshake",
        match proves {
            true => {
                "the worker and this client have proved to each other that they know the secret"
            }
            false => "the worker answers; no secret is asked for",
        },
    );
    match runtime.block_on(ask(channel)) {
        Ok(ack) => free(report, &ack),
        Err(error) if error.is::<WorkerBusy>() => {
            report.warn("  stream", error.to_string(), "");
            "the worker is busy now; --wait waits for it".to_owned()
        }
        Err(error) => {
            report.fail("  stream", cli::in_lines(error.as_ref()), "");
            String::new()
        }
    }
}

/// Begins a stream and ends it at once: a busy worker says so, and a free one is free again.
async fn ask(channel: Channel) -> Result<StreamAck> {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let start = StreamStart {
        source_name: SOURCE_NAME.to_owned(),
        total_frames: 0,
        frames_to_send: 0,
        ..StreamStart::default()
    };
    let request = StreamRequest::new(start, ACK_TIMEOUT);
    let acknowledged = request
        .make(&sender, &mut receiver, Some(Duration::ZERO))
        .await
        .map(|(ack, _)| ack);
    // A worker that is not free forgets the request with its end, too.
    let end = Message::StreamEnd(StreamEnd::default());
    if sender.send(end).await.is_ok() {
        let _ = timeout(ACK_TIMEOUT, ended(&mut receiver)).await;
    }
    sender.close().await;
    acknowledged
}

/// Resolves at the worker's last message, or at the end of the channel.
async fn ended(receiver: &mut Receiver) {
    while let Some(message) = receiver.recv().await {
        if matches!(message, Ok(Message::StreamComplete(_))) {
            return;
        }
    }
}

fn free(report: &mut CheckReport<impl Write>, ack: &StreamAck) -> String {
    match &ack.model {
        Some(model) => {
            report.ok(
                "  stream",
                format!("the worker is free and runs {}", described(model)),
            );
            let name = text::cut(&model.name, text::NAME);
            format!("the worker is free and runs {name}")
        }
        None => {
            report.warn(
                "  stream",
                "the worker is free and has no model: it checks frames and returns no poses",
                "start it with --model DIR",
            );
            "the worker is free, without a model".to_owned()
        }
    }
}

fn described(model: &ModelInfo) -> String {
    let ModelInfo {
        name,
        kind,
        height,
        width,
        device,
        ..
    } = model;
    let cut = |word| text::cut(word, text::NAME);
    let (name, kind, device) = (cut(name), cut(kind), cut(device));
    format!("{name} ({kind}, input {width}x{height}, on {device})")
}
