//! All subscribers, and publishing to them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::{ConnectionPermit, Listener, SharedLimit, remote_network_of};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::subscriber_queue::{QueuedMessage, SubscriberQueue};
use super::{subscriber, wire};
use crate::datagram::resolve;

/// Subscribers that are served at a time...
const MAX_SUBSCRIBERS: usize = 32;
/// ...and of one other network.
const MAX_SUBSCRIBERS_EACH: usize = 16;

/// Bytes that the system buffers for a subscriber, beside its queue: the system's default, megabytes,
/// would hold seconds of poses that are too old.
const SEND_BUFFER: u32 = 64 << 10;

/// How long subscribers may take for the queued messages at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A ZeroMQ publisher. Its subscribers' tasks end with it.
pub(crate) struct Publisher {
    subscribers: Arc<Subscribers>,
    address: SocketAddr,
    closing: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

struct Subscribers {
    limit: SharedLimit<SubscriberQueue>,
    /// What new subscribers to its topic get at once.
    initial_message: Mutex<Option<QueuedMessage>>,
    dropped: AtomicU64,
}

impl Publisher {
    /// Listens at this address; port 0 is any free one. Must be called inside the runtime.
    pub(crate) fn bind(host: &str, port: u16) -> io::Result<Self> {
        let host = if host == "*" { "0.0.0.0" } else { host };
        let address = resolve(host, port)?;
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // So that a publisher can start again while connections of the last one still expire.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        // Connections inherit it from the listener.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(address)?;
        let listener = socket.listen(MAX_SUBSCRIBERS as u32)?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            warn!(%address, "anyone who can reach this address can read the poses");
        }
        let subscribers = Arc::new(Subscribers {
            limit: SharedLimit::new(MAX_SUBSCRIBERS, MAX_SUBSCRIBERS_EACH),
            initial_message: Mutex::default(),
            dropped: AtomicU64::new(0),
        });
        let closing = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(&subscribers), closing.clone()));
        Ok(Self {
            subscribers,
            address,
            closing,
            serving: AbortOnDropHandle::new(serving),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues the message for all subscribers to its topic, and returns their number. Its loss is
    /// counted if it `counts`. Never waits.
    pub(crate) fn publish(&self, topic: &'static str, body: &[u8], counts: bool) -> usize {
        let queues = self.subscribers.limit.connections();
        if queues.is_empty() {
            return 0;
        }
        let message = QueuedMessage {
            topic,
            bytes: wire::message(topic, body),
            counts,
        };
        let mut subscribers = 0;
        for dropped in queues.iter().filter_map(|queue| queue.push(&message)) {
            subscribers += 1;
            self.subscribers.dropped.fetch_add(dropped, Relaxed);
        }
        subscribers
    }

    /// Sets what new subscribers to this topic get at once.
    pub(crate) fn set_initial_message(&self, topic: &'static str, body: &[u8]) {
        *lock(&self.subscribers.initial_message) = Some(QueuedMessage {
            topic,
            bytes: wire::message(topic, body),
            counts: false,
        });
    }

    /// New subscribers get only what is published from now on.
    pub(crate) fn clear_initial_message(&self) {
        *lock(&self.subscribers.initial_message) = None;
    }

    /// Lost messages that count, for all subscribers together.
    pub(crate) fn dropped(&self) -> u64 {
        self.subscribers.dropped.load(Relaxed)
    }

    /// Waits until subscribers have taken what is queued for them, for half a second at most.
    pub(crate) async fn close(self) {
        self.closing.cancel();
        // Ends by itself; a panic was printed when it happened.
        let _ = self.serving.await;
    }
}

impl Subscribers {
    /// Admits a subscriber, where there is room or another one is idle.
    fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<SubscriberGuard> {
        let now = Instant::now();
        // Subscribers on this machine have no limit per address.
        let from = remote_network_of(peer.ip());
        let (permit, has_evicted) = self.limit.admit(SubscriberQueue::new(now), from, now)?;
        if has_evicted {
            debug!(%peer, "an idle subscriber is replaced by another");
        }
        let subscribers = Arc::clone(self);
        Some(SubscriberGuard {
            subscribers,
            permit,
        })
    }
}

/// An admitted subscriber. Dropping it removes the subscriber.
struct SubscriberGuard {
    subscribers: Arc<Subscribers>,
    permit: ConnectionPermit<SubscriberQueue>,
}

impl SubscriberGuard {
    /// Serves a connection to its end.
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let initial_message = || lock(&self.subscribers.initial_message).clone();
        match subscriber::serve(stream, &self.permit, initial_message).await {
            Ok(()) => debug!(%peer, "a subscriber is served to the end"),
            Err(reason) => debug!(%peer, %reason, "a subscriber has left"),
        }
    }
}

async fn serve(listener: TcpListener, subscribers: Arc<Subscribers>, closing: CancellationToken) {
    let mut listener = Listener::new(listener, "poses");
    let mut tasks = JoinSet::new();
    let mut warned = false;
    loop {
        let (stream, peer) = tokio::select! {
            () = closing.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match subscribers.admit(peer) {
            Some(guard) => {
                tasks.spawn(guard.serve(stream, peer));
            }
            None if !std::mem::replace(&mut warned, true) => {
                warn!(%peer, max = MAX_SUBSCRIBERS, "one subscriber too many; further ones are logged with -v");
            }
            None => debug!(%peer, max = MAX_SUBSCRIBERS, "one subscriber too many"),
        }
    }
    drop(listener);
    for queue in subscribers.limit.connections().iter() {
        queue.close();
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(CLOSE_TIMEOUT, all).await.is_err() {
        debug!("a subscriber has not taken what waited for it");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No statement leaves the data incomplete: the data behind a poisoned lock is valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
