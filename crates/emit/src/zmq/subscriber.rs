//! One subscriber's connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net::keep_alive;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::subscriber_queue::{QueuedMessage, SubscriberQueue};
use super::wire::{self, Abilities, GREETING_BYTES, SubscriptionRequest, ZmtpError, ZmtpHeader};

/// How long a peer may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two PINGs.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Why a subscriber is served no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SubscriberEnd {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wire(#[from] ZmtpError),
    #[error("it has not completed the handshake")]
    Silent,
    #[error("it subscribes to too many topics")]
    Topics,
    #[error("another subscriber has replaced it")]
    Evicted,
}

/// Serves a subscriber until it leaves, its queue is closed and empty, or another one replaces it.
/// `initial_message` gives what a new subscriber to its topic gets at once.
pub(super) async fn serve(
    stream: TcpStream,
    queue: &SubscriberQueue,
    initial_message: impl Fn() -> Option<QueuedMessage>,
) -> Result<(), SubscriberEnd> {
    // A pose that waits for the next one to fill a packet is late.
    stream.set_nodelay(true)?;
    keep_alive(&stream);
    let peer = stream.peer_addr()?;
    let (reader, writer) = stream.into_split();
    tokio::select! {
        () = queue.evicted() => Err(SubscriberEnd::Evicted),
        outcome = converse(reader, writer, peer, queue, initial_message) => outcome,
    }
}

/// The same over any pair of streams.
pub(super) async fn converse(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    peer: SocketAddr,
    queue: &SubscriberQueue,
    initial_message: impl Fn() -> Option<QueuedMessage>,
) -> Result<(), SubscriberEnd> {
    let abilities = timeout(HANDSHAKE_TIMEOUT, shake_hands(&mut reader, &mut writer))
        .await
        .map_err(|_| SubscriberEnd::Silent)??;
    let speak = async {
        while let Some(message) = queue.next().await {
            writer.write_all(&message).await?;
        }
        writer.shutdown().await
    };
    tokio::select! {
        ended = listen(reader, peer, queue, initial_message) => ended,
        said = speak => Ok(said?),
        never = heartbeat(queue), if abilities.heartbeat => match never {},
    }
}

/// Takes requests until the peer leaves or subscribes to too much.
async fn listen(
    mut reader: impl AsyncRead + Unpin,
    peer: SocketAddr,
    queue: &SubscriberQueue,
    initial_message: impl Fn() -> Option<QueuedMessage>,
) -> Result<(), SubscriberEnd> {
    let mut body = Vec::new();
    let mut is_known = false;
    loop {
        let header = read_frame(&mut reader, &mut body).await?;
        queue.received();
        match wire::request(header, &body) {
            Some(SubscriptionRequest::Subscribe(topic)) => {
                let asked = String::from_utf8_lossy(&topic).into_owned();
                let wanted = |message: &QueuedMessage| message.topic.as_bytes().starts_with(&topic);
                let initial_message = initial_message().filter(wanted);
                if !queue.subscribe(topic) {
                    return Err(SubscriberEnd::Topics);
                }
                match std::mem::replace(&mut is_known, true) {
                    false => info!(%peer, topic = ?asked, "a subscriber for poses"),
                    true => debug!(%peer, topic = ?asked, "it subscribes to more"),
                }
                if let Some(message) = initial_message {
                    queue.push(&message);
                }
            }
            Some(SubscriptionRequest::Cancel(topic)) => queue.cancel(&topic),
            Some(SubscriptionRequest::Ping { pong }) => queue.pong(pong),
            None => {}
        }
    }
}

/// Sends a PING at intervals. A peer that does not answer is still served; it is idle, and another
/// subscriber may replace it.
async fn heartbeat(queue: &SubscriberQueue) -> Infallible {
    loop {
        sleep(PING_INTERVAL).await;
        queue.ping(wire::ping(), Instant::now());
    }
}

async fn shake_hands(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<Abilities, SubscriberEnd> {
    writer.write_all(&wire::greeting()).await?;
    let mut greeting = [0; GREETING_BYTES];
    reader.read_exact(&mut greeting).await?;
    let abilities = wire::check_greeting(&greeting)?;
    writer.write_all(&wire::ready()).await?;
    let mut body = Vec::new();
    let header = read_frame(reader, &mut body).await?;
    wire::check_ready(header, &body)?;
    Ok(abilities)
}

/// Reads a frame whose size was checked before its body.
async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
    body: &mut Vec<u8>,
) -> Result<ZmtpHeader, SubscriberEnd> {
    let flags = reader.read_u8().await?;
    let mut size = [0; 8];
    let size = &mut size[..ZmtpHeader::size_bytes(flags)?];
    reader.read_exact(size).await?;
    let header = ZmtpHeader::new(flags, size)?;
    body.resize(header.bytes, 0);
    reader.read_exact(body).await?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use net::Idle;

    use super::*;

    const READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    const PONG: &[u8] = b"\x04\x05\x04PONG";

    /// Whether a peer of this minor version is sent a PING.
    async fn is_asked(minor: u8) -> bool {
        let (near, mut far) = tokio::io::duplex(4096);
        let (reader, writer) = tokio::io::split(near);
        let queue = SubscriberQueue::new(Instant::now());
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let peer = async {
            let mut greeting = wire::greeting();
            greeting[11] = minor;
            far.write_all(&greeting).await.unwrap();
            far.write_all(READY).await.unwrap();
            far.write_all(b"\0\x01\x01").await.unwrap();
            far.read_exact(&mut [0; 64 + 27]).await.unwrap();
            let mut ping = [0; 9];
            let asked = timeout(2 * PING_INTERVAL, far.read_exact(&mut ping)).await;
            if asked.is_err() {
                return false;
            }
            assert_eq!(ping[..], wire::ping()[..]);
            let hour = Instant::now() + Duration::from_secs(3600);
            assert!(queue.idle_since(hour).is_some());
            far.write_all(PONG).await.unwrap();
            // It is read before the next PING comes.
            far.read_exact(&mut ping).await.unwrap();
            assert!(queue.idle_since(Instant::now()).is_none());
            true
        };
        tokio::select! {
            gone = converse(reader, writer, address, &queue, || None) => panic!("{gone:?}"),
            asked = peer => asked,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_knows_heartbeats_is_asked_for_a_sign_of_life_and_no_other() {
        assert!(is_asked(1).await);
        assert!(!is_asked(0).await);
    }
}
