//! The TCP connection below a peer's connection to a signaling server.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error, UrlError};

/// When another attempt begins. The first packet of a connection, or its answer, is sent again after a second only where
/// it is lost.
const ATTEMPTS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(300),
    Duration::from_millis(700),
];

/// Opens a connection to the server of a URL with the scheme `ws` or `wss`.
pub(super) async fn open(url: &str) -> Result<TcpStream, Error> {
    let request = url.into_client_request()?;
    let uri = request.uri();
    let host = uri.host().ok_or(Error::Url(UrlError::NoHostName))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = match uri.scheme_str() {
        Some("wss") => 443,
        _ => 80,
    };
    let stream = first(host, uri.port_u16().unwrap_or(port), ATTEMPTS).await?;
    // Offers and answers are small and waited for: no delay to fill packets.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What the first of these attempts comes to that comes to anything.
async fn first<const N: usize>(
    host: &str,
    port: u16,
    attempts: [Duration; N],
) -> io::Result<TcpStream> {
    let attempts = attempts.map(|after| {
        async move {
            sleep(after).await;
            TcpStream::connect((host, port)).await
        }
        .boxed()
    });
    select_all(attempts).await.0
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_answers_is_asked_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = open(&format!("ws://127.0.0.1:{port}/path")).await.unwrap();
        assert!(stream.nodelay().unwrap());
        listener.accept().await.unwrap();
        assert!(listener.accept().now_or_never().is_none());
    }

    #[tokio::test]
    async fn addresses_of_both_kinds_are_taken_and_a_refusal_is_final() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let never = Duration::from_secs(3600);
        let refused = first("127.0.0.1", port, [Duration::ZERO, never]).await;
        assert!(refused.is_err());
        if let Ok(listener) = TcpListener::bind("[::1]:0").await {
            let port = listener.local_addr().unwrap().port();
            open(&format!("ws://[::1]:{port}")).await.unwrap();
        }
        let error = open("ws://").await.unwrap_err();
        assert!(
            matches!(error, Error::Url(_) | Error::HttpFormat(_)),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_second_attempt_is_taken_where_the_first_is_slow() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let never = Duration::from_secs(3600);
        first("127.0.0.1", port, [never, Duration::ZERO])
            .await
            .unwrap();
    }
}
