//! What HTTP servers of the programs share: connections, their limits and timeouts.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod connections;
mod deadline;

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use net::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

pub use deadline::ConnectionDeadline;

use connections::{BusyGuard, HttpConnections};

/// Size of a request's head, and number of its headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// How long a connection may take.
#[derive(Clone, Copy)]
pub struct HttpTimeouts {
    /// Longest life of a connection, unless a request extends it. A page is loaded by then.
    pub connection: Duration,
    /// For the TLS handshake, and for the head of each request including the wait for it.
    pub head: Duration,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        Self {
            connection: Duration::from_secs(30),
            head: Duration::from_secs(5),
        }
    }
}

/// A response with its whole body.
pub type HttpResponse = Response<Full<Bytes>>;

/// Serves until it is cancelled. `server` is its name in the log, `respond` answers a request.
pub async fn serve<R, F>(
    listener: TcpListener,
    server: &'static str,
    tls: Option<TlsAcceptor>,
    timeouts: HttpTimeouts,
    respond: R,
) where
    R: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = HttpResponse> + Send,
{
    let mut listener = Listener::new(listener, server);
    let admitted = HttpConnections::default();
    // The tasks of a set end when it is dropped.
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let (socket, from) = listener.accept().await;
        let Some(permit) = admitted.enter(from.ip()) else {
            debug!(%from, "connection refused: too many HTTP connections");
            continue;
        };
        let connection = HttpContext {
            respond: respond.clone(),
            head: timeouts.head,
            begin: Box::new(permit.requests()),
            deadline: ConnectionDeadline::after(timeouts.connection),
        };
        let tls = tls.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection.serve(socket, tls) => {}
                () = permit.evicted() => debug!(%from, "connection closed in favour of a new one"),
                () = connection.deadline.passed() => debug!(%from, "connection closed: it lasted too long"),
            }
        });
    }
}

/// Serves one connection.
struct HttpContext<R> {
    respond: R,
    head: Duration,
    /// Marks the connection as busy while a request is answered.
    begin: Box<dyn Fn() -> BusyGuard + Send + Sync>,
    deadline: ConnectionDeadline,
}

impl<R, F> HttpContext<R>
where
    R: Fn(Request<Incoming>) -> F + Send + Sync,
    F: Future<Output = HttpResponse> + Send,
{
    async fn serve(&self, socket: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = socket.set_nodelay(true);
        match tls {
            None => self.requests(socket).await,
            Some(tls) => match timeout(self.head, tls.accept(socket)).await {
                Ok(Ok(secured)) => self.requests(secured).await,
                Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
                Err(_) => debug!("connection closed: no TLS handshake in time"),
            },
        }
    }

    async fn requests(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(async |mut request: Request<Incoming>| {
            let _busy = (self.begin)();
            request.extensions_mut().insert(self.deadline.clone());
            Ok::<_, Infallible>((self.respond)(request).await)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            debug!(%error, "an HTTP connection failed");
        }
    }
}

/// A response with a text for people.
pub fn words(status: StatusCode, text: &str) -> HttpResponse {
    let text = Bytes::copy_from_slice(text.as_bytes());
    body(status, "text/plain; charset=utf-8", text)
}

/// A response with this body.
pub fn body(status: StatusCode, kind: &'static str, body: Bytes) -> HttpResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The header's value, if it was sent exactly once.
pub fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The host to which the request was sent, in lower case and without the port; the brackets of an
/// IPv6 address stay.
pub fn host(headers: &HeaderMap) -> Option<String> {
    let host = only(headers, header::HOST).and_then(host_of)?;
    Some(host.to_ascii_lowercase())
}

/// Whether this is `localhost` or an IP address: no other site can have such a name.
pub fn is_address(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal.parse::<std::net::IpAddr>().is_ok() || host == "localhost"
}

/// The host of `HOST[:PORT]`, with the brackets of an IPv6 address.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => authority.split_at(rest.find(']')? + 2),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Some(host),
        Some(digits) if digits.parse::<u16>().is_ok() => Some(host),
        _ => None,
    }
}
