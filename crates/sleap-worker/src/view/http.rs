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
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::files;
use super::offers::Offers;

/// Connections at a time; further ones are closed at once.
const MAX_CONNECTIONS: usize = 32;
/// Longest life of a connection, whatever it does: a page is loaded by then.
const CONNECTION: Duration = Duration::from_secs(30);
/// For TLS to come up, and for each request's head, the silence before it included.
const HEAD: Duration = Duration::from_secs(5);
/// Bytes and headers of a request's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Pause where no connection can be taken, as when files are used up.
const PAUSE: Duration = Duration::from_millis(100);

/// Scripts, styles and pictures of this page alone; no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) type Answer = Response<Full<Bytes>>;

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, offers: Arc<Offers>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // A set, because its tasks end with this one.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                debug!(%error, "no connection for the live view");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            debug!("too many connections to the live view");
            continue;
        };
        let (tls, offers) = (tls.clone(), Arc::clone(&offers));
        connections.spawn(async move {
            let _place = place;
            let _ = timeout(CONNECTION, connection(socket, tls, offers)).await;
        });
    }
}

async fn connection(socket: TcpStream, tls: Option<TlsAcceptor>, offers: Arc<Offers>) {
    let _ = socket.set_nodelay(true);
    match tls {
        None => requests(socket, offers).await,
        Some(tls) => match timeout(HEAD, tls.accept(socket)).await {
            Ok(Ok(secured)) => requests(secured, offers).await,
            Ok(Err(error)) => debug!(%error, "no TLS with a browser"),
            Err(_) => debug!("a connection that says nothing"),
        },
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, offers: Arc<Offers>) {
    let service = service_fn(|request| {
        let offers = Arc::clone(&offers);
        async move { Ok::<_, Infallible>(with_policy(answer(request, &offers).await)) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!(%error, "a connection to the live view failed");
    }
}

async fn answer(request: Request<Incoming>, offers: &Offers) -> Answer {
    if let Err(refusal) = offers.guard().check_host(request.headers()) {
        return words(StatusCode::FORBIDDEN, &refusal.to_string());
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
