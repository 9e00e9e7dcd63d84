//! All subscribers, and what is published to them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::{Admission, ConnectionLimit, Listener, network_of};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::mailbox::{Letter, Mailbox};
use super::{subscriber, wire};
use crate::datagram::resolve;

/// Subscribers that are served at a time...
const MAX_SUBSCRIBERS: usize = 32;
/// ...and of one other network.
const MAX_SUBSCRIBERS_EACH: usize = 16;

/// Bytes that the system holds for a subscriber, beside its mailbox: its own measure, megabytes,
/// would be seconds of poses that are too old.
const SEND_BUFFER: u32 = 64 << 10;

/// How long subscribers may take for what waits at the end.
const LINGER: Duration = Duration::from_millis(500);

/// A ZeroMQ publisher. Its subscribers' tasks end with it.
pub(crate) struct Publisher {
    hub: Arc<Hub>,
    address: SocketAddr,
    closing: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

struct Hub {
    mailboxes: Mutex<ConnectionLimit<Arc<Mailbox>>>,
    /// What subscribers to its topic get when they come.
    welcome: Mutex<Option<Letter>>,
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
        // So that one can start again while the last one's connections still expire.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        // Connections have it from the listener.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(address)?;
        let listener = socket.listen(MAX_SUBSCRIBERS as u32)?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            warn!(%address, "anyone who can reach this address can read the poses");
        }
        let limit = ConnectionLimit::new(MAX_SUBSCRIBERS, MAX_SUBSCRIBERS_EACH);
        let hub = Arc::new(Hub {
            mailboxes: Mutex::new(limit),
            welcome: Mutex::default(),
            dropped: AtomicU64::new(0),
        });
        let closing = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(&hub), closing.clone()));
        Ok(Self {
            hub,
            address,
            closing,
            serving: AbortOnDropHandle::new(serving),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the message to all who want its topic, and says how many they are; who misses it is told
    /// if it `counts`. Never waits.
    pub(crate) fn publish(&self, topic: &'static str, body: &[u8], counts: bool) -> usize {
        let mailboxes = self.hub.mailboxes();
        if mailboxes.is_empty() {
            return 0;
        }
        let letter = Letter {
            topic,
            bytes: wire::message(topic, body),
            counts,
        };
        let mut takers = 0;
        for dropped in mailboxes.iter().filter_map(|mailbox| mailbox.push(&letter)) {
            takers += 1;
            self.hub.dropped.fetch_add(dropped, Relaxed);
        }
        takers
    }

    /// Sets what subscribers to this topic get when they come.
    pub(crate) fn welcome(&self, topic: &'static str, body: &[u8]) {
        *lock(&self.hub.welcome) = Some(Letter {
            topic,
            bytes: wire::message(topic, body),
            counts: false,
        });
    }

    /// Subscribers that come from now on get nothing but what is published.
    pub(crate) fn no_welcome(&self) {
        *lock(&self.hub.welcome) = None;
    }

    /// Messages that count and that subscribers have missed, each for itself.
    pub(crate) fn dropped(&self) -> u64 {
        self.hub.dropped.load(Relaxed)
    }

    /// Lets subscribers take what waits for them, for half a second at most.
    pub(crate) async fn close(self) {
        self.closing.cancel();
        // Ends by itself; a panic was printed when it happened.
        let _ = self.serving.await;
    }
}

impl Hub {
    fn mailboxes(&self) -> MutexGuard<'_, ConnectionLimit<Arc<Mailbox>>> {
        lock(&self.mailboxes)
    }

    /// A place for a subscriber, if there is one or another does not use its own.
    fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let now = Instant::now();
        let mailbox = Arc::new(Mailbox::new(now));
        // This machine's own subscribers have no share: they may be all there are.
        let ip = peer.ip().to_canonical();
        let from = (!ip.is_loopback()).then(|| network_of(ip));
        match self.mailboxes().admit(Arc::clone(&mailbox), from, now) {
            Admission::Free => {}
            Admission::InPlaceOf(idle) => {
                debug!(%peer, "one that does not use its place makes way for another");
                idle.evict();
            }
            Admission::Refused(_) => return None,
        }
        let hub = Arc::clone(self);
        Some(Place { hub, mailbox })
    }
}

/// A subscriber's place, left by dropping it.
struct Place {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
}

impl Place {
    /// Serves a connection to its end.
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let welcome = || lock(&self.hub.welcome).clone();
        match subscriber::serve(stream, &self.mailbox, welcome).await {
            Ok(()) => debug!(%peer, "a subscriber is served to the end"),
            Err(reason) => debug!(%peer, %reason, "a subscriber is gone"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut mailboxes = self.hub.mailboxes();
        mailboxes.retain(|known| !Arc::ptr_eq(known, &self.mailbox));
    }
}

async fn serve(listener: TcpListener, hub: Arc<Hub>, closing: CancellationToken) {
    let mut listener = Listener::new(listener, "poses");
    let mut subscribers = JoinSet::new();
    let mut told = false;
    loop {
        let (stream, peer) = tokio::select! {
            () = closing.cancelled() => break,
            Some(_) = subscribers.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match hub.admit(peer) {
            Some(place) => {
                subscribers.spawn(place.serve(stream, peer));
            }
            None if !std::mem::replace(&mut told, true) => {
                warn!(%peer, max = MAX_SUBSCRIBERS, "one subscriber too many; further ones are logged with -v");
            }
            None => debug!(%peer, max = MAX_SUBSCRIBERS, "one subscriber too many"),
        }
    }
    drop(listener);
    for mailbox in hub.mailboxes().iter() {
        mailbox.close();
    }
    let all = async { while subscribers.join_next().await.is_some() {} };
    if timeout(LINGER, all).await.is_err() {
        debug!("a subscriber has not taken what waited for it");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole between statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
