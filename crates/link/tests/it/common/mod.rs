//! What the tests of this crate share.

use std::net::SocketAddr;
use std::sync::{Mutex, Once};
use std::time::Duration;

use link::signaling::Server;
use link::{Acceptor, Channel, ConnectionConfig, PeerConfig, Receiver};
use protocol::{Encoding, Frame, FrameMeta, Message, Prediction};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps every line logged at ERROR, by this crate or by the libraries below it.
struct KeepErrors;

impl<S: tracing::Subscriber> Layer<S> for KeepErrors {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let mut line = Line(event.metadata().target().to_owned());
            event.record(&mut line);
            ERRORS.lock().expect("no panic while held").push(line.0);
        }
    }
}

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

/// Begins to record errors; `RUST_LOG` prints logs as well.
pub(crate) fn record_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let printed = tracing_subscriber::fmt::layer()
            .with_test_writer()
            .with_filter(EnvFilter::from_default_env());
        tracing_subscriber::registry()
            .with(KeepErrors)
            .with(printed)
            .init();
    });
}

/// A connection that comes up, works and ends logs nothing at ERROR.
pub(crate) fn assert_no_error_was_logged() {
    let errors = ERRORS.lock().expect("no panic while held");
    assert!(errors.is_empty(), "logged at ERROR: {errors:#?}");
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn server() -> (Server, String) {
    record_logs();
    let server = Server::bind(any_port()).await.expect("a free port");
    let url = format!("ws://{}", server.local_addr());
    (server, url)
}

/// Short enough for a test that waits for it, long enough for a busy machine.
pub(crate) fn config() -> PeerConfig {
    PeerConfig {
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(30),
            ..ConnectionConfig::default()
        },
        ..PeerConfig::default()
    }
}

/// A client's and a worker's end of one channel, and their signaling server.
pub(crate) struct Pair {
    pub(crate) client: Channel,
    pub(crate) worker: Channel,
    pub(crate) acceptor: Acceptor,
    pub(crate) server: Server,
    pub(crate) url: String,
}

pub(crate) async fn pair_with(client: PeerConfig, worker: PeerConfig) -> Pair {
    let (server, url) = server().await;
    let mut acceptor = Acceptor::register(&url, worker).await.expect("registered");
    let (client, worker) = tokio::join!(link::connect(&url, client), acceptor.accept());
    Pair {
        client: client.expect("connected"),
        worker: worker.expect("accepted"),
        acceptor,
        server,
        url,
    }
}

pub(crate) async fn pair() -> Pair {
    pair_with(config(), config()).await
}

/// Deterministic bytes that differ from place to place.
pub(crate) fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut data = Vec::with_capacity(len + 8);
    while data.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(len);
    data
}

/// The next message of an open channel, decoded.
pub(crate) async fn next(receiver: &mut Receiver) -> Message {
    receiver
        .recv()
        .await
        .expect("open")
        .expect("a valid message")
}

/// A JPEG frame in name: `len` bytes that its number decides.
pub(crate) fn frame(frame_id: u64, len: usize) -> Frame {
    let meta = FrameMeta {
        frame_id,
        width: 640,
        height: 480,
        channels: 3,
        encoding: Encoding::Jpeg,
        nbytes: 0,
        captured_us: None,
        clock: None,
    };
    Frame::new(meta, pattern(frame_id, len).into()).expect("consistent")
}

/// A prediction without instances.
pub(crate) fn prediction(frame_id: u64) -> Message {
    Message::Prediction(Prediction {
        frame_id,
        ..Prediction::default()
    })
}
