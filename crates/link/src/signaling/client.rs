//! A peer's connection to a signaling server.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, error::UrlError};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::dial;
use super::load::ListedPeer;
use super::wire::{self, SignalingMessage};
use crate::signaling::error::SignalError;
use crate::tls;

/// Longest wait for the server to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// A timer that fires so late shows that this process was stopped meanwhile, or the whole machine.
const SUSPENDED_AFTER: Duration = Duration::from_secs(5);

/// What counts as a sign of life of a server, and how long it may stay away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Liveness {
    /// Whatever comes. A server that is silent is asked by WebSocket's own ping.
    Anything,
    /// The server's own messages: a proxy may answer WebSocket's pings for a server that has gone.
    Messages { limit: Duration },
}

impl Liveness {
    /// How long a server may be silent before it is asked for a sign of life, and between askings.
    fn ask_every(self) -> Duration {
        match self {
            Self::Anything => Duration::from_secs(20),
            // A server that pings by itself, every third of the limit, is never asked.
            Self::Messages { limit } => limit / 2,
        }
    }

    /// After so long a silence it counts as gone.
    fn limit(self) -> Duration {
        match self {
            Self::Anything => Duration::from_secs(60),
            Self::Messages { limit } => limit,
        }
    }

    /// Longest message that is accepted, in bytes: a description with all its candidates, or the list of a
    /// room with the metadata of its peers.
    fn max_message_bytes(self) -> usize {
        match self {
            Self::Anything => 256 * 1024,
            Self::Messages { .. } => 1024 * 1024,
        }
    }

    fn question(self) -> Message {
        match self {
            Self::Anything => Message::Ping(Default::default()),
            Self::Messages { .. } => Message::text(wire::ping().to_string()),
        }
    }

    fn is_sign(self, message: &Message) -> bool {
        match self {
            Self::Anything => true,
            Self::Messages { .. } => message.is_text(),
        }
    }
}

pub(crate) struct SignalingClient {
    url: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    liveness: Liveness,
    last_heard: Instant,
    last_asked: Instant,
}

impl SignalingClient {
    /// Opens a connection to a server of the simple form; fails within `wait`.
    pub(crate) async fn connect(url: &str, wait: Duration) -> Result<Self, SignalError> {
        Self::connect_with(url, wait, Liveness::Anything).await
    }

    /// Opens a connection; fails within `wait`.
    pub(crate) async fn connect_with(
        url: &str,
        wait: Duration,
        liveness: Liveness,
    ) -> Result<Self, SignalError> {
        let encrypted = url.starts_with("wss://");
        if !encrypted && !url.starts_with("ws://") {
            return Err(SignalError::Url {
                url: url.to_owned(),
            });
        }
        let connector = match encrypted {
            true => Connector::Rustls(tls::settings().await.map_err(|error| SignalError::Tls {
                url: url.to_owned(),
                reason: error.to_string(),
            })?),
            false => Connector::Plain,
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(liveness.max_message_bytes()))
            .max_frame_size(Some(liveness.max_message_bytes()));
        let connecting = dial::open(url, |stream| {
            client_async_tls_with_config(url, stream, Some(config), Some(connector.clone()))
        });
        let (socket, _) = timeout(wait, connecting)
            .await
            .map_err(|_| SignalError::Timeout {
                url: url.to_owned(),
                waited: wait,
            })?
            .map_err(|error| cannot_connect(url, error))?;
        let now = Instant::now();
        Ok(Self {
            url: url.to_owned(),
            socket,
            liveness,
            last_heard: now,
            last_asked: now,
        })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
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
    pub(crate) async fn next(&mut self) -> Result<SignalingMessage, SignalError> {
        Ok(SignalingMessage::parse(&self.next_text().await?))
    }

    /// As [`next`](Self::next), as it came.
    pub(crate) async fn next_text(&mut self) -> Result<String, SignalError> {
        loop {
            let lost_at = self.last_heard + self.liveness.limit();
            let ask_at = self.last_heard.max(self.last_asked) + self.liveness.ask_every();
            let due = ask_at.min(lost_at);
            match timeout_at(due, self.socket.next()).await {
                Ok(Some(Ok(message))) => {
                    if self.liveness.is_sign(&message) {
                        self.last_heard = Instant::now();
                    }
                    match message {
                        Message::Text(text) => return Ok(text.as_str().to_owned()),
                        Message::Close(_) => return Err(self.closed()),
                        _ => {}
                    }
                }
                Ok(Some(Err(_)) | None) => return Err(self.closed()),
                Err(_) => self.ask(due).await?,
            }
        }
    }

    /// Asks the server, which was silent until `due`, for a sign of life; fails where it had its time.
    async fn ask(&mut self, due: Instant) -> Result<(), SignalError> {
        let now = Instant::now();
        let (limit, time) = (self.liveness.limit(), self.liveness.ask_every());
        if now >= due + SUSPENDED_AFTER {
            // The silence was this side's: what the server sent may lie unread in the socket, offers
            // among it. The server has the time of one question from now on.
            self.last_heard = now.checked_sub(limit - time).unwrap_or(now);
        } else if now >= self.last_heard + limit {
            return Err(SignalError::Silent {
                url: self.url.clone(),
                waited: limit,
            });
        }
        self.last_asked = now;
        self.send_raw(self.liveness.question()).await
    }

    /// The other registered peers, in order of registration. Fails where the server had refused the id
    /// that this side registered before: a registration is not answered otherwise.
    pub(crate) async fn peers(&mut self, wait: Duration) -> Result<Vec<ListedPeer>, SignalError> {
        self.send(&wire::query()).await?;
        let listed = async {
            loop {
                match self.next().await? {
                    SignalingMessage::AvailablePeers(peers) => return Ok(peers),
                    SignalingMessage::Error { code, .. }
                        if [wire::ID_TAKEN, wire::ID_RESERVED].contains(&code.as_str()) =>
                    {
                        return Err(SignalError::IdTaken {
                            url: self.url.clone(),
                        });
                    }
                    _ => {}
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
        Error::Io(source) if url.starts_with("wss://") && is_tls(&source) => SignalError::Tls {
            url,
            reason: source.to_string(),
        },
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

/// Whether the other end was reached, and its certificate is not trusted or it does not use TLS.
fn is_tls(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    use super::*;

    /// A client, and the server's end of its connection.
    async fn connected() -> (SignalingClient, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (client, server) = tokio::join!(SignalingClient::connect(&url, SEND_TIMEOUT), async {
            accept_async(listener.accept().await.unwrap().0).await
        });
        (client.unwrap(), server.unwrap())
    }

    /// Lets time pass in which nothing of this process runs.
    async fn stopped_for(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn a_process_that_was_stopped_does_not_take_its_own_silence_for_the_servers() {
        let (mut client, mut server) = connected().await;
        stopped_for(10 * client.liveness.limit()).await;
        let answer = async {
            // Asked first, so that the client has looked at the clock before there is anything to read.
            assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
            let offer = r#"{"type":"offer","sender":"c","sdp":"v=0"}"#;
            server.send(Message::text(offer)).await.unwrap();
        };
        let (next, ()) = tokio::join!(client.next(), answer);
        assert!(
            matches!(next, Ok(SignalingMessage::Offer { .. })),
            "{next:?}"
        );
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_given_up() {
        let (mut client, _server) = connected().await;
        tokio::time::pause();
        let began = Instant::now();
        let next = client.next().await;
        assert!(matches!(next, Err(SignalError::Silent { .. })), "{next:?}");
        assert!(began.elapsed() >= client.liveness.limit());
    }
}
