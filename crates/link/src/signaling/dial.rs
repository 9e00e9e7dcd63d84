//! How a peer reaches its signaling server: TCP, and what is agreed on over it, tried more than once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{pending, select_all};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error, UrlError};

/// When another attempt begins, unless one before it has reached the server by then. TCP sends the first packet of a connection,
/// or its answer, again after a second only where it is lost, and what follows after three round trips. On a long way the
/// second attempt is a little behind the first one, so that a packet may get lost on either.
const ATTEMPTS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(60),
    Duration::from_millis(300),
    Duration::from_millis(700),
];

/// Opens a connection to the server of a URL with the scheme `ws` or `wss`, and lets `agree` agree on TLS and WebSocket
/// over it. The first attempt that comes to anything counts, a refusal too.
pub(super) async fn open<T: Send, F: Future<Output = Result<T, Error>> + Send>(
    url: &str,
    agree: impl Fn(TcpStream) -> F + Sync,
) -> Result<T, Error> {
    let request = url.into_client_request()?;
    let uri = request.uri();
    let host = uri.host().ok_or(Error::Url(UrlError::NoHostName))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = match uri.scheme_str() {
        Some("wss") => 443,
        _ => 80,
    };
    first((host, uri.port_u16().unwrap_or(port)), ATTEMPTS, agree).await
}

/// What the first of these attempts comes to that comes to anything.
async fn first<const N: usize, T: Send, F: Future<Output = Result<T, Error>> + Send>(
    server: (&str, u16),
    attempts: [Duration; N],
    agree: impl Fn(TcpStream) -> F + Sync,
) -> Result<T, Error> {
    let is_reached = &AtomicBool::new(false);
    let agree = &agree;
    let attempts = attempts.map(|after| {
        async move {
            sleep(after).await;
            if is_reached.load(Ordering::Relaxed) {
                return pending().await;
            }
            let stream = TcpStream::connect(server).await?;
            is_reached.store(true, Ordering::Relaxed);
            // Offers and answers are small and waited for: no delay to fill packets.
            stream.set_nodelay(true)?;
            agree(stream).await
        }
        .boxed()
    });
    select_all(attempts).await.0
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::sync::Mutex;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    async fn plain(stream: TcpStream) -> Result<TcpStream, Error> {
        Ok(stream)
    }

    async fn server() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_server_that_answers_is_asked_once() {
        let (listener, port) = server().await;
        let url = format!("ws://127.0.0.1:{port}/path");
        let stream = open(&url, plain).await.unwrap();
        assert!(stream.nodelay().unwrap());
        listener.accept().await.unwrap();
        assert!(listener.accept().now_or_never().is_none());
    }

    #[tokio::test]
    async fn addresses_of_both_kinds_are_taken_and_a_refusal_is_final() {
        let (listener, port) = server().await;
        drop(listener);
        let refused = first(("127.0.0.1", port), [Duration::ZERO, NEVER], plain).await;
        assert!(refused.is_err());
        if let Ok(listener) = TcpListener::bind("[::1]:0").await {
            let port = listener.local_addr().unwrap().port();
            open(&format!("ws://[::1]:{port}"), plain).await.unwrap();
        }
        let error = open("ws://", plain).await.unwrap_err();
        assert!(
            matches!(error, Error::Url(_) | Error::HttpFormat(_)),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_second_attempt_is_taken_where_the_first_is_slow() {
        let (_listener, port) = server().await;
        first(("127.0.0.1", port), [NEVER, Duration::ZERO], plain)
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_attempt_is_taken_where_the_first_does_not_come_to_an_agreement() {
        let (_listener, port) = server().await;
        let first_of_all = Mutex::new(true);
        let agree = |stream| async {
            match std::mem::take(&mut *first_of_all.lock().await) {
                true => pending().await,
                false => Ok::<TcpStream, Error>(stream),
            }
        };
        // Both begin before either has reached the server.
        first(("127.0.0.1", port), [Duration::ZERO; 2], agree)
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_follows_on_one_that_has_reached_the_server() {
        let (listener, port) = server().await;
        let agree = |stream| async {
            listener.accept().await.unwrap();
            // The next attempt would be long due.
            sleep(NEVER).await;
            Ok::<TcpStream, Error>(stream)
        };
        first(("127.0.0.1", port), ATTEMPTS, agree).await.unwrap();
        assert!(listener.accept().now_or_never().is_none());
    }
}
