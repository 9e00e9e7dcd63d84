//! The page's server: what is where, and what every answer says.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::files;
use super::guard::Refusal;
use super::offers::Offers;
use crate::http::{self, Answer, Patience, body, words};

/// Scripts, styles and pictures of this page alone; no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Serves for ever.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    offers: Arc<Offers>,
    patience: Patience,
) {
    http::serve(listener, "view", tls, patience, move |request| {
        let offers = Arc::clone(&offers);
        async move { with_policy(answer(request, &offers).await) }
    })
    .await;
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
    use std::time::Duration;

    use link::PeerConfig;
    use protocol::StreamAck;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::streams::CurrentStream as Current;
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
