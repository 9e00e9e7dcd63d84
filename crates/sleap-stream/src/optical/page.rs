//! The coded clock in a browser, on another screen or another machine.
//!
//! The page shows the number that is due by the program's clock, to which its own is compared by exchanges.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_server::{HttpResponse, HttpTimeouts, body, words};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::PICTURE_INTERVAL;

const PAGE: &str = include_str!("page.html");

/// A page that is open, and how it is in step.
pub(super) struct ClockPage {
    start: Instant,
    exchange: Arc<FastestExchange>,
    address: SocketAddr,
    /// Ends the server when it is dropped.
    _runtime: Runtime,
}

/// The time of the fastest exchange of a page with the program, microseconds; `u64::MAX`: there was none.
struct FastestExchange(AtomicU64);

impl ClockPage {
    /// Serves the page at an address.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) fn serve(address: SocketAddr) -> Result<ClockPage> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let listener = runtime.block_on(TcpListener::bind(address));
        let listener = listener.with_context(|| format!("cannot serve a page at {address}"))?;
        let address = listener.local_addr().context("the page has no address")?;
        let start = Instant::now();
        let exchange = Arc::new(FastestExchange(AtomicU64::new(u64::MAX)));
        let shared = Arc::clone(&exchange);
        let respond = move |request: Request<Incoming>| {
            let shared = Arc::clone(&shared);
            async move { respond(&request, start, &shared) }
        };
        // A page is open for as long as the measurement.
        let timeouts = HttpTimeouts {
            connection: Duration::from_secs(24 * 60 * 60),
            ..HttpTimeouts::default()
        };
        runtime.spawn(http_server::serve(
            listener, "latency", None, timeouts, respond,
        ));
        Ok(ClockPage {
            start,
            exchange,
            address,
            _runtime: runtime,
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When a number is due, counted from the first one.
    pub(super) fn due(&self, count: u32) -> Instant {
        self.start + PICTURE_INTERVAL * count
    }

    /// How long the fastest exchange took; half of it is how far the page's clock may be off. `None`: no page has
    /// been in touch.
    pub(super) fn exchange(&self) -> Option<Duration> {
        let fastest = self.exchange.0.load(Relaxed);
        (fastest != u64::MAX).then(|| Duration::from_micros(fastest))
    }
}

fn respond(
    request: &Request<Incoming>,
    start: Instant,
    exchange: &FastestExchange,
) -> HttpResponse {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => {
            let interval = PICTURE_INTERVAL.as_micros().to_string();
            let page = PAGE.replace("__INTERVAL_US__", &interval);
            body(
                StatusCode::OK,
                "text/html; charset=utf-8",
                Bytes::from(page),
            )
        }
        (&Method::GET, "/time") => {
            let query = request.uri().query().unwrap_or_default();
            let took = query
                .strip_prefix("exchange_us=")
                .and_then(|it| it.parse().ok());
            exchange.0.fetch_min(took.unwrap_or(u64::MAX), Relaxed);
            words(StatusCode::OK, &start.elapsed().as_micros().to_string())
        }
        _ => words(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}
