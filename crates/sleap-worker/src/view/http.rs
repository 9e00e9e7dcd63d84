//! The page's server: what a connection may cost, and what every answer says.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::callers::{Busy, Callers};
use super::files;
use super::guard::Refusal;
use super::offers::Offers;

/// Bytes and headers of a request's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Pause where no connection can be taken, as when files are used up.
const PAUSE: Duration = Duration::from_millis(100);

/// How long things may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Longest life of a connection, whatever it does: a page is loaded by then.
    connection: Duration,
    /// For TLS to come up, and for each request's head, the silence before it included.
    head: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connection: Duration::from_secs(30),
            head: Duration::from_secs(5),
        }
    }
}

/// Scripts, styles and pictures of this page alone; no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) type Answer = Response<Full<Bytes>>;

/// Serves for ever.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    offers: Arc<Offers>,
    patience: Patience,
) {
    let callers = Callers::default();
    // A set, because its tasks end with this one.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (socket, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "no connection for the live view");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(call) = callers.enter(from.ip()) else {
            debug!(%from, "too many connections to the live view");
            continue;
        };
        let connection = Connection {
            offers: Arc::clone(&offers),
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
struct Connection {
    offers: Arc<Offers>,
    head: Duration,
    /// Marks a request, as long as it is answered.
    begins: Box<dyn Fn() -> Busy + Send + Sync>,
}

impl Connection {
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
            Ok::<_, Infallible>(with_policy(answer(request, &self.offers).await))
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            debug!(%error, "a connection to the live view failed");
        }
    }
}

async fn answer(request: Request<Incoming>, offers: &Offers) -> Answer {
    if let Err(refusal) = offers.guard().check_host(request.headers()) {
        return refused(refusal);
    }
    match (request.method().clone(), request.uri().path()) {
        (Method::POST, "/view" | "/stream") => offers.answer(request).await,
        (Method::GET, path) => match files::find(path) {
            Some(file) => body(StatusCode::OK, file.kind, Bytes::from_static(file.body)),
            None => words(StatusCode::NOT_FOUND, "there is no such file"),
        },
        _ => words(StatusCode::METHOD_NOT_ALLOWED, "not possible here"),
    }
}

/// The answer to who may not ask.
pub(super) fn refused(refusal: Refusal) -> Answer {
    let status = match refusal {
        Refusal::Token => StatusCode::UNAUTHORIZED,
        Refusal::Host | Refusal::Origin => StatusCode::FORBIDDEN,
    };
    words(status, &refusal.to_string())
}

/// An answer in words, for people.
pub(super) fn words(status: StatusCode, text: &str) -> Answer {
    let text = Bytes::copy_from_slice(text.as_bytes());
    body(status, "text/plain; charset=utf-8", text)
}

/// An answer with content.
pub(super) fn body(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

fn with_policy(mut answer: Answer) -> Answer {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version of the program has other files at the same address.
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=()",
        ),
    ];
    for (name, value) in headers {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use link::PeerConfig;
    use protocol::StreamAck;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::session::Current;
    use crate::view::guard::Guard;
    use crate::view::hub::Hub;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(1_000_000);

    async fn page(patience: Patience) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Hub::new(&StreamAck::default(), Current::default());
        let guard = Guard::new(false).unwrap();
        let offers = Offers::new(guard, hub, PeerConfig::default(), mpsc::channel(1).0);
        let server = tokio::spawn(serve(listener, None, Arc::new(offers), patience));
        (address, AbortOnDropHandle::new(server))
    }

    /// Says this and nothing more; returns when the server has ended the connection.
    async fn dawdle(address: SocketAddr, words: &[u8]) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(words).await.unwrap();
        // A reset is an end, too.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }

    const PARTS: [&[u8]; 3] = [
        b"",
        b"GET / HTTP/1.1\r\nHost:",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];

    #[tokio::test]
    async fn a_head_comes_in_time_or_never() {
        let patience = Patience {
            connection: NEVER,
            head: SOON,
        };
        let (address, _server) = page(patience).await;
        for words in PARTS {
            dawdle(address, words).await;
        }
    }

    #[tokio::test]
    async fn a_connection_ends_whatever_it_does() {
        let patience = Patience {
            connection: SOON,
            head: NEVER,
        };
        let (address, _server) = page(patience).await;
        for words in PARTS {
            dawdle(address, words).await;
        }
    }
}
