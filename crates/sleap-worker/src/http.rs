//! The worker's HTTP servers: what a connection may cost, whoever answers it.

mod callers;

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
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use callers::{Busy, Callers};

/// Bytes and headers of a request's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// How long things may take.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Longest life of a connection, whatever it does: a page is loaded by then.
    pub(crate) connection: Duration,
    /// For TLS to come up, and for each request's head, the silence before it included.
    pub(crate) head: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connection: Duration::from_secs(30),
            head: Duration::from_secs(5),
        }
    }
}

/// What is answered.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Serves for ever. `server` names it in the log. `answers` makes an answer of a request.
pub(crate) async fn serve<A, F>(
    listener: TcpListener,
    server: &'static str,
    tls: Option<TlsAcceptor>,
    patience: Patience,
    answers: A,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send,
{
    let mut listener = Listener::new(listener, server);
    let callers = Callers::default();
    // A set, because its tasks end with this one.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (socket, from) = listener.accept().await;
        let Some(call) = callers.enter(from.ip()) else {
            debug!(%from, "too many HTTP connections");
            continue;
        };
        let connection = Connection {
            answers: answers.clone(),
            head: patience.head,
            begins: Box::new(call.requests()),
        };
        let tls = tls.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection.serve(socket, tls) => {}
                () = call.hung_up() => debug!(%from, "hung up on, for another"),
                () = sleep(patience.connection) => debug!(%from, "a connection that does not end"),
            }
        });
    }
}

/// What a connection is served with.
struct Connection<A> {
    answers: A,
    head: Duration,
    /// Marks a request, as long as it is answered.
    begins: Box<dyn Fn() -> Busy + Send + Sync>,
}

impl<A, F> Connection<A>
where
    A: Fn(Request<Incoming>) -> F + Send + Sync,
    F: Future<Output = Answer> + Send,
{
    async fn serve(&self, socket: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = socket.set_nodelay(true);
        match tls {
            None => self.requests(socket).await,
            Some(tls) => match timeout(self.head, tls.accept(socket)).await {
                Ok(Ok(secured)) => self.requests(secured).await,
                Ok(Err(error)) => debug!(%error, "no TLS with a browser"),
                Err(_) => debug!("a connection that says nothing"),
            },
        }
    }

    async fn requests(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(async |request| {
            let _busy = (self.begins)();
            Ok::<_, Infallible>((self.answers)(request).await)
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

/// An answer in words, for people.
pub(crate) fn words(status: StatusCode, text: &str) -> Answer {
    let text = Bytes::copy_from_slice(text.as_bytes());
    body(status, "text/plain; charset=utf-8", text)
}

/// An answer with content.
pub(crate) fn body(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The header's value, if it was sent exactly once.
pub(crate) fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The host to which the request was sent, in lower case and without the port; the brackets of an
/// IPv6 address stay.
pub(crate) fn host(headers: &HeaderMap) -> Option<String> {
    let host = only(headers, header::HOST).and_then(host_of)?;
    Some(host.to_ascii_lowercase())
}

/// Whether this is `localhost` or an address, which no other site's name can be.
pub(crate) fn is_address(host: &str) -> bool {
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
