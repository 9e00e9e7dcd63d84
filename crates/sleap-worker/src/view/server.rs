//! The page's server: its paths, and the headers of every response.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::offer_handler::OfferHandler;
use super::page_files;
use crate::http::{self, HttpResponse, HttpTimeouts, body, words};

/// Scripts, styles and images of this page alone; no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Serves until it is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    offers: Arc<OfferHandler>,
    timeouts: HttpTimeouts,
) {
    http::serve(listener, "view", tls, timeouts, move |request| {
        let offers = Arc::clone(&offers);
        async move { with_policy(respond(request, &offers).await) }
    })
    .await;
}

async fn respond(request: Request<Incoming>, offers: &OfferHandler) -> HttpResponse {
    if let Err(refusal) = offers.guard().check_host(request.headers()) {
        return refusal.response();
    }
    match (request.method().clone(), request.uri().path()) {
        (Method::POST, "/view" | "/stream") => offers.answer(request).await,
        (Method::GET, path) => match page_files::find(path) {
            Some(file) => body(StatusCode::OK, file.kind, Bytes::from_static(file.body)),
            None => words(StatusCode::NOT_FOUND, "there is no such file"),
        },
        _ => words(
            StatusCode::METHOD_NOT_ALLOWED,
            "this method is not possible here",
        ),
    }
}

fn with_policy(mut response: HttpResponse) -> HttpResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // After an update of the program the same address serves other files.
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
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use link::PeerConfig;
    use protocol::StreamAck;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::streams::CurrentStream;
    use crate::view::broker::ViewBroker;
    use crate::view::guard::RequestGuard;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(1_000_000);

    async fn page(timeouts: HttpTimeouts) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let broker = ViewBroker::new(&StreamAck::default(), CurrentStream::default());
        let guard = RequestGuard::new(false).unwrap();
        let offers = OfferHandler::new(guard, broker, PeerConfig::default(), mpsc::channel(1).0);
        let server = tokio::spawn(serve(listener, None, Arc::new(offers), timeouts));
        (address, AbortOnDropHandle::new(server))
    }

    /// Sends these bytes and no more; returns when the server has ended the connection.
    async fn send_and_wait(address: SocketAddr, words: &[u8]) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(words).await.unwrap();
        // A reset is an end as well.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }

    const PARTS: [&[u8]; 3] = [
        b"",
        b"GET / HTTP/1.1\r\nHost:",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];

    #[tokio::test]
    async fn a_slow_head_ends_the_connection() {
        let timeouts = HttpTimeouts {
            connection: NEVER,
            head: SOON,
        };
        let (address, _server) = page(timeouts).await;
        for words in PARTS {
            send_and_wait(address, words).await;
        }
    }

    #[tokio::test]
    async fn a_connection_has_a_longest_life() {
        let timeouts = HttpTimeouts {
            connection: SOON,
            head: NEVER,
        };
        let (address, _server) = page(timeouts).await;
        for words in PARTS {
            send_and_wait(address, words).await;
        }
    }
}
