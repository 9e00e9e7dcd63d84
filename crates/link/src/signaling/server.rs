use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use net::{Listener, keep_alive};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tracing::{debug, info};

use super::directory::{DeliveryOutcome, MessageKind, PeerDirectory, RegisterOutcome};
use super::error::BindError;
use super::load::WorkerLoad;
use super::outbox::SocketId;
use super::reservation::IdReservation;
use super::socket_limit::{IdlePolicy, SocketLimit};
use super::wire;
use crate::limits::TokenBucket;

/// Longest message that is accepted, in bytes: the longest description that a worker accepts, as JSON.
const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes that are read at once; the library's default would be sixteen times as large for each socket.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Longest peer id that is accepted, in bytes.
const MAX_ID_BYTES: usize = 256;
/// Longest key of a registration that is accepted, in bytes: it is kept as long as the socket.
const MAX_KEY_BYTES: usize = 128;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages of one socket that are read at once, and then in a second; the rest stays in the system's buffer.
const MESSAGES: (u32, u32) = (128, 32);
/// A socket that has not taken a message after this time is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A signaling server, serving from a task of its own until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    directory: Arc<PeerDirectory>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `address`; port 0 picks a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            _ => BindError::Io { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "signaling server listening");
        let directory = Arc::new(PeerDirectory::default());
        Ok(Self {
            address,
            directory: directory.clone(),
            task: tokio::spawn(serve(listener, directory)),
        })
    }

    /// Reserves an id: only a peer with the returned reservation can register under it. A later
    /// reservation replaces an earlier one.
    pub fn reserve(&self, peer_id: &str) -> IdReservation {
        self.directory.reserve(peer_id)
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Dropping this future ends every socket's task.
async fn serve(listener: TcpListener, directory: Arc<PeerDirectory>) {
    let socket_limit = SocketLimit::default();
    let mut listener = Listener::new(listener, "signaling");
    let mut sockets = JoinSet::new();
    loop {
        let (stream, from) = listener.accept().await;
        while sockets.try_join_next().is_some() {}
        let to = stream.local_addr().map_or(from, |to| to);
        let Some(permit) = socket_limit.enter(from, to) else {
            debug!(%from, "too many signaling connections, refusing one");
            continue;
        };
        let directory = directory.clone();
        sockets.spawn(async move {
            if let Some(socket) = handshake(stream).await {
                converse(socket, &directory, permit.idle_policy()).await;
            }
            drop(permit);
        });
    }
}

async fn handshake(stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
    let _ = stream.set_nodelay(true);
    keep_alive(&stream);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    match timeout(
        HANDSHAKE_TIMEOUT,
        accept_hdr_async_with_config(stream, refuse_pages, Some(config)),
    )
    .await
    {
        Ok(Ok(socket)) => Some(socket),
        Ok(Err(error)) => {
            debug!(%error, "not a WebSocket client");
            None
        }
        Err(_) => {
            debug!("no WebSocket handshake in time");
            None
        }
    }
}

/// Refuses pages in browsers, which send an `Origin`: no page belongs to this server, and any page that a
/// user of this machine opens could call the worker otherwise.
#[expect(clippy::result_large_err, reason = "the library's signature")]
fn refuse_pages(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if !request.headers().contains_key("origin") {
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("no pages".to_owned()));
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    Err(refusal)
}

/// Serves one socket until either side ends it.
async fn converse(
    mut socket: WebSocketStream<TcpStream>,
    directory: &PeerDirectory,
    idle_policy: IdlePolicy,
) {
    let mut bucket = TokenBucket::new(MESSAGES.0, MESSAGES.1);
    let mut register_by = Some(Instant::now() + idle_policy.time());
    let mut outbox = directory.join();
    let guard = SocketGuard {
        directory,
        socket: outbox.socket,
    };
    loop {
        let received = async {
            sleep_until(bucket.ready_at()).await;
            socket.next().await
        };
        let reply = tokio::select! {
            received = received => {
                bucket.take();
                let reply = match received {
                    Some(Ok(Message::Text(text))) => guard.handle(&text),
                    Some(Ok(Message::Binary(_))) => Some(refusal("INVALID_MESSAGE", "expected text")),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => None,
                };
                register_by = register_by.filter(|_| !idle_policy.is_satisfied(directory, guard.socket));
                reply
            },
            () = sleep_until(register_by.unwrap_or_else(Instant::now)), if register_by.is_some() => {
                debug!(?idle_policy, "no registration in time");
                break;
            }
            forwarded = outbox.next() => match forwarded {
                Some(text) => Some(text),
                None => break,
            },
        };
        let Some(reply) = reply else { continue };
        match timeout(WRITE_TIMEOUT, socket.send(Message::text(reply))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    let _ = timeout(WRITE_TIMEOUT, socket.close(None)).await;
}

/// One socket's entry in the directory, removed when dropped.
pub(super) struct SocketGuard<'a> {
    pub(super) directory: &'a PeerDirectory,
    pub(super) socket: SocketId,
}

impl Drop for SocketGuard<'_> {
    fn drop(&mut self) {
        self.directory.leave(self.socket);
    }
}

impl SocketGuard<'_> {
    /// Acts on a message; returns the reply, if there is one.
    pub(super) fn handle(&self, text: &str) -> Option<String> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return Some(refusal("INVALID_JSON", "not JSON"));
        };
        match message.get("type").and_then(Value::as_str) {
            Some("register") => self.register(&message),
            Some("query") => {
                let wants_loads = message.get("workers") == Some(&Value::Bool(true));
                Some(self.listing(wants_loads).to_string())
            }
            Some("offer" | "answer" | "candidate" | "quit") => self.forward(message),
            Some(_) => Some(refusal("UNKNOWN_MESSAGE_TYPE", "unknown type")),
            None => Some(refusal("INVALID_MESSAGE", "expected an object with a type")),
        }
    }

    /// The other peers. A peer that has not asked for what workers tell gets the form that it knows.
    fn listing(&self, wants_loads: bool) -> Value {
        let others = self.directory.others(self.socket);
        let ids: Vec<_> = others.iter().map(|peer| peer.id.as_str()).collect();
        let mut listing = json!({"type": "available_peers", "peers": ids});
        if wants_loads {
            let load = |load: &Option<WorkerLoad>| load.as_ref().map(WorkerLoad::to_value);
            let loads: Vec<_> = others.iter().map(|peer| load(&peer.load)).collect();
            listing["workers"] = loads.into();
        }
        listing
    }

    /// Success has no reply: clients take the next message as the reply to a query.
    fn register(&self, message: &Value) -> Option<String> {
        match message.get("peer_id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() && id.len() <= MAX_ID_BYTES => {
                let key = message.get("key").and_then(Value::as_str);
                if key.is_some_and(|key| key.len() > MAX_KEY_BYTES) {
                    let reason = format!("key must have at most {MAX_KEY_BYTES} bytes");
                    return Some(refusal("INVALID_MESSAGE", &reason));
                }
                let code = match self.directory.register(self.socket, id, key) {
                    RegisterOutcome::Done => {
                        debug!(peer = id, "registered");
                        if message.get("bounces") == Some(&Value::Bool(true)) {
                            self.directory.return_offers(self.socket);
                        }
                        let load = message.get("worker").and_then(WorkerLoad::of);
                        self.directory.tells(self.socket, load);
                        return None;
                    }
                    RegisterOutcome::Reserved => wire::ID_RESERVED,
                    RegisterOutcome::Taken => wire::ID_TAKEN,
                };
                debug!(
                    peer = id,
                    code, "refused an id that belongs to another peer"
                );
                Some(refusal(code, "this id belongs to another peer"))
            }
            _ => Some(refusal(
                "INVALID_MESSAGE",
                "peer_id must be a text of 1 to 256 bytes",
            )),
        }
    }

    fn forward(&self, mut message: Value) -> Option<String> {
        let Some(sender) = self.directory.id_of(self.socket) else {
            return Some(refusal("NOT_REGISTERED", "register first"));
        };
        let Some(target) = message
            .get("target")
            .and_then(Value::as_str)
            .map(str::to_owned)
        else {
            return Some(refusal("INVALID_MESSAGE", "target must be a peer id"));
        };
        message["sender"] = sender.into();
        // Offers and answers have a sender that waits for the outcome; the others do not.
        let kind = match message["type"].as_str() {
            Some("offer") => MessageKind::Offer,
            Some("answer") => MessageKind::Answer,
            _ => MessageKind::Other,
        };
        let text = message.to_string();
        let (code, reason) = match self.directory.deliver(self.socket, &target, kind, text) {
            DeliveryOutcome::Queued => return None,
            DeliveryOutcome::UnknownPeer => ("PEER_NOT_FOUND", "no such peer"),
            DeliveryOutcome::Full => ("PEER_BUSY", "too many messages wait for this peer"),
        };
        debug!(target, code, "message not delivered");
        (kind != MessageKind::Other).then(|| {
            json!({"type": "error", "code": code, "message": reason, "target": target}).to_string()
        })
    }
}

fn refusal(code: &str, message: &str) -> String {
    json!({"type": "error", "code": code, "message": message}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A permit, shared or reserved, is taken back from a socket that does not register.
    #[tokio::test]
    async fn sockets_that_do_not_register_are_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(tokio_tungstenite::connect_async(&url), async {
            handshake(listener.accept().await.unwrap().0).await
        });
        let (mut client, _) = client.unwrap();
        tokio::time::pause();
        let began = Instant::now();
        let directory = PeerDirectory::default();
        let served = converse(accepted.unwrap(), &directory, IdlePolicy::AnyPeer);
        let (_, left) = tokio::join!(served, client.next());
        assert!(matches!(left, Some(Ok(Message::Close(_)))), "{left:?}");
        assert!(began.elapsed() >= IdlePolicy::AnyPeer.time());
    }
}
