//! The HTTP server of the metrics: GET /metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use super::Metrics;
use super::counters::Counters;
use crate::http::{self, HttpResponse, HttpTimeouts, body, words};

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The server's listening socket, bound before the model is loaded.
pub(crate) struct MetricsListener {
    listener: TcpListener,
    address: SocketAddr,
}

/// The running server; dropping it ends it.
pub(crate) struct MetricsServer {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

/// Binds the server's address.
///
/// # Errors
/// The address cannot be listened at.
pub(crate) async fn bind(listen: SocketAddr) -> Result<MetricsListener> {
    let bound = async {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>(MetricsListener { listener, address })
    };
    bound.await.with_context(|| {
        format!("cannot serve metrics at {listen} (--metrics ADDR chooses another address)")
    })
}

impl MetricsListener {
    /// Serves these metrics.
    pub(crate) fn serve(self, metrics: &Metrics) -> Option<MetricsServer> {
        let counters = Arc::clone(metrics.0.as_ref()?);
        let Self { listener, address } = self;
        let is_loopback = address.ip().is_loopback();
        let answers = move |request: Request<Incoming>| {
            let answer = answer(&request, &counters, is_loopback);
            async move { answer }
        };
        let server = http::serve(listener, "metrics", None, HttpTimeouts::default(), answers);
        Some(MetricsServer {
            address,
            _task: AbortOnDropHandle::new(tokio::spawn(server)),
        })
    }
}

impl MetricsServer {
    /// Prints the address of the metrics.
    pub(crate) fn announce(&self) {
        cli::terminal::tell(format_args!("metrics: http://{}/metrics", self.address));
        if !self.address.ip().is_loopback() {
            info!("the metrics can be read by everyone who reaches this machine");
        }
    }
}

fn answer(request: &Request<Incoming>, counters: &Counters, is_loopback: bool) -> HttpResponse {
    // Another site's name may lead a browser here. What the network may read at other addresses,
    // such a site may read, too: names there are the network's own matter.
    if is_loopback && !is_sent_here(request.headers()) {
        return words(
            StatusCode::FORBIDDEN,
            "metrics are not served under that name",
        );
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => match counters.text() {
            Ok(text) => body(StatusCode::OK, TEXT, Bytes::from(text)),
            Err(error) => {
                error!("{error:#}");
                words(StatusCode::INTERNAL_SERVER_ERROR, "no metrics")
            }
        },
        (&Method::GET, _) => words(StatusCode::NOT_FOUND, "metrics are at /metrics"),
        _ => {
            let mut answer = words(StatusCode::METHOD_NOT_ALLOWED, "metrics are only read");
            let allowed = HeaderValue::from_static("GET");
            answer.headers_mut().insert(header::ALLOW, allowed);
            answer
        }
    }
}

fn is_sent_here(headers: &HeaderMap) -> bool {
    http::host(headers).is_some_and(|host| http::is_address(&host))
}
