//! `--view`: a page on which any browser sees what the worker sees, and from which a phone's camera
//! becomes a client.
//!
//! ```text
//! browser ── GET page ─────────▶ http ── guard (host, origin, token)
//!         ── POST offer ───────▶  │
//!         ◀─ answer ───────────── offers ── /view ───▶ viewer ◀─ pictures ─ preview thread ◀─ pipeline
//!                                    └───── /stream ─▶ an ordinary client's session
//! ```
//!
//! The stream never waits for viewers: the pipeline hands at most one frame at a time to
//! [`hub::Hub`], and only when somebody wants a picture just then.

mod address;
mod args;
mod board;
mod files;
mod guard;
mod http;
pub(crate) mod hub;
mod offers;
mod picture;
mod preview;
mod seats;
mod tls;
mod viewer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use link::{Channel, PeerConfig};
use protocol::StreamAck;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

pub use args::ViewArgs;
pub(crate) use hub::{Claim, Hub};

use crate::http::Patience;
use crate::streams::CurrentStream as Current;
use address::Links;
use guard::Guard;
use offers::Offers;
use preview::Previews;
use tls::Tls;

/// How often viewers hear how the worker is.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Clients from the page that wait for their session.
const BACKLOG: usize = 4;

/// The page's address, taken before anything slow happens.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    /// Where other machines see the page.
    tls: Option<Tls>,
}

/// Takes the page's address, and the certificate that it needs.
///
/// # Errors
/// The address cannot be listened at, or no certificate can be made.
pub(crate) async fn bind(listen: SocketAddr) -> Result<Bound> {
    let bound = async {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    let (listener, address) = bound.await.with_context(|| {
        format!("cannot serve the live view at {listen} (--view ADDR chooses another address)")
    })?;
    let tls = match address.ip().is_loopback() {
        true => None,
        false => {
            let tls = tls::load_or_make(address.ip());
            Some(tls.context("no certificate for the live view")?)
        }
    };
    Ok(Bound {
        listener,
        address,
        tls,
    })
}

/// The page's server, and the clients that come from it.
pub(crate) struct View {
    hub: Arc<Hub>,
    links: Links,
    streams: mpsc::Receiver<Channel>,
    offers: Arc<Offers>,
    _previews: Previews,
    _ticker: AbortOnDropHandle<()>,
    server: AbortOnDropHandle<()>,
}

impl View {
    /// Starts serving. `ack` is what clients hear of the worker, `current` the stream that it serves.
    ///
    /// # Errors
    /// No randomness for the token, or no thread.
    pub(crate) fn start(
        bound: Bound,
        ack: &StreamAck,
        current: Current,
        config: PeerConfig,
    ) -> Result<Self> {
        let Bound {
            listener,
            address,
            tls,
        } = bound;
        let guard = Guard::new(tls.is_some())?;
        let fingerprint = tls.as_ref().map(|tls| tls.fingerprint.clone());
        let links = Links::new(address, guard.token(), fingerprint);
        let limits = config.channel.limits.clone();
        let hub = Hub::new(ack, current);
        let (ready, streams) = mpsc::channel(BACKLOG);
        let offers = Arc::new(Offers::new(guard, Arc::clone(&hub), config, ready));
        let acceptor = tls.map(|tls| tls.acceptor);
        let server = tokio::spawn(http::serve(
            listener,
            acceptor,
            Arc::clone(&offers),
            Patience::default(),
        ));
        let ticker = tokio::spawn(tick(Arc::clone(&hub)));
        Ok(Self {
            _previews: Previews::start(Arc::clone(&hub), limits)?,
            _ticker: AbortOnDropHandle::new(ticker),
            server: AbortOnDropHandle::new(server),
            offers,
            hub,
            links,
            streams,
        })
    }

    /// Where the pipeline and the sessions tell what happens.
    pub(crate) fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.hub)
    }

    /// Says where the page is. With `may_tell`, or on a terminal, its token too; else that is in a file
    /// that only its owner can read: who reads the output is not to use the page.
    ///
    /// # Errors
    /// That file cannot be written.
    pub(crate) fn announce(&self, may_tell: bool) -> Result<()> {
        self.links.announce(may_tell)
    }

    /// Takes the page off the network and closes the viewers' channels, so that they do not take the
    /// last picture for a live one.
    pub(crate) async fn close(mut self) {
        self.server.abort();
        // Its connections end with it, and with them the last offers.
        let _ = (&mut self.server).await;
        self.offers.close().await;
        while let Ok(channel) = self.streams.try_recv() {
            channel.sender.close().await;
        }
    }

    /// The next client that streams from the page. Cancelling loses none.
    pub(crate) async fn accept(&mut self) -> Option<Channel> {
        self.streams.recv().await
    }
}

/// Sums up every second.
async fn tick(hub: Arc<Hub>) {
    let mut tick = tokio::time::interval(STATUS_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        hub.sum_up();
    }
}
