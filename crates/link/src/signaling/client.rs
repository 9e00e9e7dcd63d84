//! A peer's connection to a signaling server.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, error::UrlError};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::wire::{self, Incoming};
use crate::error::SignalError;

/// Longest message taken, in bytes: a description or a long list of peers.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// A server that this side hears nothing of is asked for a sign of life this often...
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// ...and counts as gone after this long.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for the server to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    url: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_heard: Instant,
}

impl Client {
    /// Opens a connection; fails within `wait`.
    pub(crate) async fn connect(url: &str, wait: Duration) -> Result<Self, SignalError> {
        if url.starts_with("wss://") {
            return Err(SignalError::Tls {
                url: url.to_owned(),
            });
        }
        if !url.starts_with("ws://") {
            return Err(SignalError::Url {
                url: url.to_owned(),
            });
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        // Offers and answers are small and waited for: no delay to fill packets.
        let connecting = connect_async_with_config(url, Some(config), true);
        let (socket, _) = timeout(wait, connecting)
            .await
            .map_err(|_| SignalError::Timeout {
                url: url.to_owned(),
                waited: wait,
            })?
            .map_err(|error| cannot_connect(url, error))?;
        Ok(Self {
            url: url.to_owned(),
            socket,
            last_heard: Instant::now(),
        })
    }

    pub(crate) async fn send(&mut self, message: &Value) -> Result<(), SignalError> {
        self.send_raw(Message::text(message.to_string())).await
    }

    async fn send_raw(&mut self, message: Message) -> Result<(), SignalError> {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.closed()),
            Err(_) => Err(SignalError::Timeout {
                url: self.url.clone(),
                waited: SEND_TIMEOUT,
            }),
        }
    }

    /// The next message. Cancelling loses none.
    pub(crate) async fn next(&mut self) -> Result<Incoming, SignalError> {
        loop {
            match timeout(PING_INTERVAL, self.socket.next()).await {
                Ok(Some(Ok(message))) => {
                    self.last_heard = Instant::now();
                    match message {
                        Message::Text(text) => return Ok(Incoming::parse(&text)),
                        Message::Close(_) => return Err(self.closed()),
                        _ => {}
                    }
                }
                Ok(Some(Err(_)) | None) => return Err(self.closed()),
                Err(_) if self.last_heard.elapsed() > SILENCE_LIMIT => return Err(self.closed()),
                Err(_) => self.send_raw(Message::Ping(Default::default())).await?,
            }
        }
    }

    /// Ids of the other registered peers, in order of registration.
    pub(crate) async fn peers(&mut self, wait: Duration) -> Result<Vec<String>, SignalError> {
        self.send(&wire::query()).await?;
        let listed = async {
            loop {
                if let Incoming::AvailablePeers(peers) = self.next().await? {
                    return Ok(peers);
                }
            }
        };
        match timeout(wait, listed).await {
            Ok(result) => result,
            Err(_) => Err(SignalError::Timeout {
                url: self.url.clone(),
                waited: wait,
            }),
        }
    }

    /// Leaves in order.
    pub(crate) async fn close(mut self) {
        let _ = timeout(SEND_TIMEOUT, self.socket.close(None)).await;
    }

    fn closed(&self) -> SignalError {
        SignalError::Closed {
            url: self.url.clone(),
        }
    }
}

fn cannot_connect(url: &str, error: Error) -> SignalError {
    let url = url.to_owned();
    match error {
        Error::Io(source) => SignalError::Unreachable { url, source },
        Error::Url(UrlError::UnableToConnect(address)) => SignalError::Unreachable {
            url,
            source: io::Error::new(io::ErrorKind::AddrNotAvailable, address),
        },
        Error::Url(_) | Error::HttpFormat(_) => SignalError::Url { url },
        other => SignalError::NotSignaling {
            url,
            reason: other.to_string(),
        },
    }
}
