//! One subscriber's connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, info};

use super::mailbox::{Letter, Mailbox};
use super::wire::{self, GREETING_BYTES, Header, Request, WireError};

/// How long a peer may take to say what it is.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Why a subscriber is served no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("it has not said what it is")]
    Silent,
    #[error("it subscribes to too many topics")]
    Topics,
}

/// Serves a subscriber until it leaves or its mailbox is closed and empty. `welcome` gives what a
/// new subscriber to its topic gets at once.
pub(super) async fn serve(
    stream: TcpStream,
    mailbox: &Mailbox,
    welcome: impl Fn() -> Option<Letter>,
) -> Result<(), Gone> {
    // A pose that waits for the next one to fill a packet is late.
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    let (reader, writer) = stream.into_split();
    converse(reader, writer, peer, mailbox, welcome).await
}

/// The same over any pair of streams.
pub(super) async fn converse(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    peer: SocketAddr,
    mailbox: &Mailbox,
    welcome: impl Fn() -> Option<Letter>,
) -> Result<(), Gone> {
    timeout(HANDSHAKE, shake_hands(&mut reader, &mut writer))
        .await
        .map_err(|_| Gone::Silent)??;
    let listen = async {
        let mut body = Vec::new();
        let mut is_known = false;
        loop {
            let header = read_frame(&mut reader, &mut body).await?;
            match wire::request(header, &body) {
                Some(Request::Subscribe(topic)) => {
                    let asked = String::from_utf8_lossy(&topic).into_owned();
                    let wanted = |letter: &Letter| letter.topic.as_bytes().starts_with(&topic);
                    let welcome = welcome().filter(wanted);
                    if !mailbox.subscribe(topic) {
                        return Err(Gone::Topics);
                    }
                    match std::mem::replace(&mut is_known, true) {
                        false => info!(%peer, topic = ?asked, "a subscriber for poses"),
                        true => debug!(%peer, topic = ?asked, "it subscribes to more"),
                    }
                    if let Some(letter) = welcome {
                        mailbox.push(&letter);
                    }
                }
                Some(Request::Cancel(topic)) => mailbox.cancel(&topic),
                Some(Request::Ping { pong }) => mailbox.pong(pong),
                None => {}
            }
        }
    };
    let speak = async {
        while let Some(message) = mailbox.next().await {
            writer.write_all(&message).await?;
        }
        writer.shutdown().await
    };
    tokio::select! {
        heard = listen => heard,
        said = speak => Ok(said?),
    }
}

async fn shake_hands(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Gone> {
    writer.write_all(&wire::greeting()).await?;
    let mut greeting = [0; GREETING_BYTES];
    reader.read_exact(&mut greeting).await?;
    wire::check_greeting(&greeting)?;
    writer.write_all(&wire::ready()).await?;
    let mut body = Vec::new();
    let header = read_frame(reader, &mut body).await?;
    Ok(wire::check_ready(header, &body)?)
}

/// Reads a frame whose size was checked before its body.
async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
    body: &mut Vec<u8>,
) -> Result<Header, Gone> {
    let flags = reader.read_u8().await?;
    let mut size = [0; 8];
    let size = &mut size[..Header::size_bytes(flags)?];
    reader.read_exact(size).await?;
    let header = Header::new(flags, size)?;
    body.resize(header.bytes, 0);
    reader.read_exact(body).await?;
    Ok(header)
}
