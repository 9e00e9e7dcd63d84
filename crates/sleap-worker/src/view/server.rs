//! The page's server: its paths, and the headers of every response.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::guard::RequestGuard;
use super::labels_converter::LabelsConverter;
use super::offer_handler::{OfferHandler, OfferKind};
use super::page_files;
use http_server::{self, HttpResponse, HttpTimeouts, body, words};

/// Scripts, styles and images of this page alone; no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// What the server answers with.
pub(super) struct PageServer {
    pub(super) guard: RequestGuard,
    pub(super) offers: Arc<OfferHandler>,
    pub(super) labels: LabelsConverter,
}

/// Serves until it is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    page: PageServer,
    timeouts: HttpTimeouts,
) {
    let page = Arc::new(page);
    http_server::serve(listener, "view", tls, timeouts, move |request| {
        let page = Arc::clone(&page);
        async move { with_policy(page.respond(request).await) }
    })
    .await;
}

impl PageServer {
    async fn respond(&self, request: Request<Incoming>) -> HttpResponse {
        if let Err(refusal) = self.guard.check_host(request.headers()) {
            return refusal.response();
        }
        match (request.method().clone(), request.uri().path()) {
            (Method::POST, "/view") => self.offer(request, OfferKind::View).await,
            (Method::POST, "/stream") => self.offer(request, OfferKind::Stream).await,
            (Method::POST, "/labels") => match self.guard.check_script(request.headers()) {
                Ok(_) => self.labels.convert(request).await,
                Err(refusal) => refusal.response(),
            },
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

    async fn offer(&self, request: Request<Incoming>, kind: OfferKind) -> HttpResponse {
        let allowed = self.guard.check_script(request.headers());
        let allowed = allowed.and_then(|link| {
            match kind {
                OfferKind::View => self.guard.check_watching(),
                OfferKind::Stream => RequestGuard::check_streaming(link),
            }?;
            Ok(link)
        });
        match allowed {
            Ok(link) => self.offers.answer(request, kind, link).await,
            Err(refusal) => refusal.response(),
        }
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
    use crate::streams::ServedStreams;
    use crate::view::broker::ViewBroker;
    use crate::view::tokens::{ViewLinks, ViewTokens};

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(1_000_000);

    async fn page(timeouts: HttpTimeouts) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let broker = ViewBroker::new(&StreamAck::default(), ServedStreams::default());
        let tokens = ViewTokens::load(None, false).unwrap();
        let streams = mpsc::channel(1).0;
        let page = PageServer {
            guard: RequestGuard::new(tokens, ViewLinks::Both, false),
            labels: LabelsConverter::new(Arc::clone(&broker)),
            offers: Arc::new(OfferHandler::new(broker, PeerConfig::default(), streams)),
        };
        let server = tokio::spawn(serve(listener, None, page, timeouts));
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
