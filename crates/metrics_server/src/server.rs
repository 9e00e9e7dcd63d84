//! The HTTP server of the metrics: GET /metrics, and /healthz and /readyz for health checks.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use http_server::{HttpResponse, HttpTimeouts, body, words};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::MetricsAddress;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Ports that are tried from the default one on.
const MAX_PORTS: u16 = 16;

/// What a server of metrics answers with.
pub trait MetricsSource: Send + Sync + 'static {
    /// All metrics of this moment, in Prometheus' text format.
    ///
    /// # Errors
    /// The text cannot be made; logged, and answered with status 500.
    fn text(&self) -> impl Future<Output = Result<Vec<u8>>> + Send;

    /// Whether the program does its work now.
    fn readiness(&self) -> Readiness;
}

/// The answer to /readyz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Status 200; else 503.
    pub is_ready: bool,
    /// For people who read it.
    pub words: &'static str,
}

/// The running server; dropping it ends it.
pub struct MetricsServer {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

/// Serves what `source` answers at this address.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve(listen: MetricsAddress, source: impl MetricsSource) -> Result<MetricsServer> {
    let listener = match listen {
        MetricsAddress::At(address) => bind(address).await?,
        MetricsAddress::From(_) => bind_from(listen.first()).await?,
    };
    let address = listener
        .local_addr()
        .context("the address of the metrics")?;
    info!(%address, "metrics and health checks are served");
    let served = Arc::new(ServedSource {
        source,
        is_loopback: address.ip().is_loopback(),
    });
    let respond = move |request: Request<Incoming>| {
        let served = Arc::clone(&served);
        async move { served.respond(&request).await }
    };
    let server = http_server::serve(listener, "metrics", None, HttpTimeouts::default(), respond);
    Ok(MetricsServer {
        address,
        _task: AbortOnDropHandle::new(tokio::spawn(server)),
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| {
        format!("cannot serve metrics at {address} (--metrics ADDR chooses another address)")
    })
}

/// Binds the first free port from this one on: a machine may have several of these programs.
async fn bind_from(first: SocketAddr) -> Result<TcpListener> {
    let last = first.port().saturating_add(MAX_PORTS - 1);
    for port in first.port()..=last {
        let address = SocketAddr::new(first.ip(), port);
        match TcpListener::bind(address).await {
            Ok(listener) => {
                if port != first.port() {
                    warn!(
                        taken = %first,
                        "another program, perhaps another of this kind, listens at the port of the metrics: \
                         they are at {address} (--metrics ADDR chooses the address)"
                    );
                }
                return Ok(listener);
            }
            Err(error) if is_taken(&error) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot serve metrics at {address}"));
            }
        }
    }
    anyhow::bail!(
        "cannot serve metrics at {}: the ports {} to {last} are taken \
         (--metrics ADDR chooses another address)",
        first.ip(),
        first.port()
    )
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrInUse
}

impl MetricsServer {
    /// The address of the metrics.
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Logs that the metrics can be read elsewhere, where they can.
    pub fn log_reach(&self) {
        if !self.address.ip().is_loopback() {
            info!("the metrics can be read by everyone who reaches this machine");
        }
    }
}

struct ServedSource<S> {
    source: S,
    is_loopback: bool,
}

impl<S: MetricsSource> ServedSource<S> {
    async fn respond(&self, request: &Request<Incoming>) -> HttpResponse {
        // Another site's name may lead a browser here. What the network may read at other addresses,
        // such a site may read, too: names there are the network's own matter.
        if self.is_loopback && !is_sent_here(request.headers()) {
            return words(
                StatusCode::FORBIDDEN,
                "metrics are not served under that name",
            );
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = words(StatusCode::METHOD_NOT_ALLOWED, "metrics are only read");
            let allowed = HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(header::ALLOW, allowed);
            return refusal;
        }
        match request.uri().path() {
            "/metrics" => self.metrics().await,
            "/healthz" => words(StatusCode::OK, "ok\n"),
            "/readyz" => ready(self.source.readiness()),
            _ => words(
                StatusCode::NOT_FOUND,
                "metrics are at /metrics, health checks at /healthz and /readyz",
            ),
        }
    }

    async fn metrics(&self) -> HttpResponse {
        match self.source.text().await {
            Ok(text) => body(StatusCode::OK, TEXT, Bytes::from(text)),
            Err(error) => {
                error!("{error:#}");
                words(StatusCode::INTERNAL_SERVER_ERROR, "no metrics")
            }
        }
    }
}

fn ready(readiness: Readiness) -> HttpResponse {
    let status = match readiness.is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    words(status, &format!("{}\n", readiness.words))
}

fn is_sent_here(headers: &HeaderMap) -> bool {
    http_server::host(headers).is_some_and(|host| http_server::is_address(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_port_is_taken_only_in_place_of_the_default_one() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let other = TcpListener::bind(loopback).await.unwrap();
        let taken = other.local_addr().unwrap();
        let error = bind(taken).await.unwrap_err();
        assert!(format!("{error:#}").contains("--metrics ADDR"), "{error:#}");
        let next = bind_from(taken).await.unwrap().local_addr().unwrap();
        assert!(next.port() > taken.port(), "{next} after {taken}");
    }
}
