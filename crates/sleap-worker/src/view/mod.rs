//! `--view`: a page that shows the worker's streams in a browser, and that streams the browser's camera.
//!
//! ```text
//! browser ── GET page ─────────▶ server ── guard (host, origin, token)
//!         ── POST offer ───────▶  │
//!         ◀─ answer ───── offer_handler ── /view ───▶ viewer ◀─ pictures ─ preview thread ◀─ pipeline
//!                                    └───── /stream ─▶ session of a client
//! ```
//!
//! No stream ever waits for viewers: the pipeline passes at most one frame of each stream at a time to
//! [`broker::ViewBroker`], and only when the next picture of a viewer is due.

mod args;
pub(crate) mod broker;
mod guard;
mod labels_converter;
mod links;
mod offer_handler;
mod page_files;
mod picture;
mod preview_thread;
mod rules_feed;
mod server;
mod status;
mod status_window;
mod tls;
mod tokens;
mod viewer_connection;
mod viewers;

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
pub(crate) use broker::{FrameClaim, ViewBroker};
pub use tokens::ViewLinks;
pub(crate) use tokens::forget_tokens;

use crate::streams::ServedStreams;
use guard::RequestGuard;
use http_server::HttpTimeouts;
use labels_converter::LabelsConverter;
use links::PageLinks;
use offer_handler::OfferHandler;
use preview_thread::PreviewThread;
use server::PageServer;
use tls::PageCertificate;
use tokens::ViewTokens;

/// Time between two STATUS messages.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Clients from the page that wait for their session.
const CLIENT_QUEUE_LEN: usize = 4;

/// The listening socket of the page. It is opened before the model is loaded, so that a port in use is
/// known at once.
pub(crate) struct ViewListener {
    listener: TcpListener,
    address: SocketAddr,
    /// `None` at a loopback address, where the page is served without TLS.
    tls: Option<PageCertificate>,
}

/// Listens at the page's address, and loads the certificate that it needs.
///
/// # Errors
/// The address cannot be listened at, or no certificate can be made.
pub(crate) async fn bind(listen: SocketAddr) -> Result<ViewListener> {
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
    Ok(ViewListener {
        listener,
        address,
        tls,
    })
}

/// Which links work, and whether they are new.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ViewOptions {
    pub(crate) links: ViewLinks,
    /// Make new tokens in place of the kept ones.
    pub(crate) renew_tokens: bool,
}

/// The page's server, and the clients that come from it.
pub(crate) struct ViewServer {
    broker: Arc<ViewBroker>,
    links: PageLinks,
    streams: mpsc::Receiver<Channel>,
    offers: Arc<OfferHandler>,
    _preview_thread: PreviewThread,
    _status_task: AbortOnDropHandle<()>,
    server: AbortOnDropHandle<()>,
}

impl ViewServer {
    /// Starts serving. `ack` describes the worker, `served` are the streams that it serves.
    ///
    /// # Errors
    /// No randomness for the token, or no thread.
    pub(crate) fn start(
        bound: ViewListener,
        options: ViewOptions,
        ack: &StreamAck,
        served: ServedStreams,
        config: PeerConfig,
    ) -> Result<Self> {
        let ViewListener {
            listener,
            address,
            tls,
        } = bound;
        let tokens = ViewTokens::load(tls::folder().as_deref(), options.renew_tokens)?;
        let fingerprint = tls.as_ref().map(|tls| tls.fingerprint.clone());
        let links = PageLinks::new(address, &tokens, options.links, fingerprint);
        let limits = config.channel.limits.clone();
        let broker = ViewBroker::new(ack, served);
        let (ready, streams) = mpsc::channel(CLIENT_QUEUE_LEN);
        let offers = Arc::new(OfferHandler::new(Arc::clone(&broker), config, ready));
        let page = PageServer {
            guard: RequestGuard::new(tokens, options.links, tls.is_some()),
            offers: Arc::clone(&offers),
            labels: LabelsConverter::new(Arc::clone(&broker)),
        };
        let acceptor = tls.map(|tls| tls.acceptor);
        let server = tokio::spawn(server::serve(
            listener,
            acceptor,
            page,
            HttpTimeouts::default(),
        ));
        let status_task = tokio::spawn(publish_statuses(Arc::clone(&broker)));
        Ok(Self {
            _preview_thread: PreviewThread::start(Arc::clone(&broker), limits)?,
            _status_task: AbortOnDropHandle::new(status_task),
            server: AbortOnDropHandle::new(server),
            offers,
            broker,
            links,
            streams,
        })
    }

    /// Takes frames from the pipeline, and stream starts from sessions.
    pub(crate) fn broker(&self) -> Arc<ViewBroker> {
        Arc::clone(&self.broker)
    }

    /// Prints the page's links. With `may_print_token` false and an output that is no terminal the token is
    /// in a private file instead: readers of the output must not be able to use the page.
    ///
    /// # Errors
    /// That file cannot be written.
    pub(crate) fn announce(&self, may_print_token: bool) -> Result<()> {
        self.links.announce(may_print_token)
    }

    /// Ends the page's server and closes the viewers' channels, so that a page does not show the last
    /// picture as a live one.
    pub(crate) async fn close(mut self) {
        self.server.abort();
        // Its connections end with it, so no offer comes after this.
        let _ = (&mut self.server).await;
        self.offers.close().await;
        while let Ok(channel) = self.streams.try_recv() {
            channel.sender.close().await;
        }
    }

    /// The next client that streams from the page. Cancel safe.
    pub(crate) async fn accept(&mut self) -> Option<Channel> {
        self.streams.recv().await
    }
}

/// Publishes a status every second.
async fn publish_statuses(broker: Arc<ViewBroker>) {
    let mut tick = tokio::time::interval(STATUS_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        broker.publish_status();
    }
}
