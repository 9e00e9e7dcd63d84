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
    let server = (host, uri.port_u16().unwrap_or(port));
    let connect = || async move {
        let stream = TcpStream::connect(server).await?;
        // Offers and answers are small and waited for: no delay to fill packets.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    first(ATTEMPTS.map(sleep), connect, agree).await
}

/// What the first attempt comes to that comes to anything. Each begins with one of `starts`, unless another has
/// connected by then.
async fn first<const N: usize, S: Send, T: Send, C, A>(
    starts: [impl Future<Output = ()> + Send; N],
    connect: impl Fn() -> C + Sync,
    agree: impl Fn(S) -> A + Sync,
) -> Result<T, Error>
where
    C: Future<Output = Result<S, Error>> + Send,
    A: Future<Output = Result<T, Error>> + Send,
{
    let is_connected = &AtomicBool::new(false);
    let (connect, agree) = (&connect, &agree);
    let attempts = starts.map(|start| {
        async move {
            start.await;
            if is_connected.load(Ordering::Relaxed) {
                return pending().await;
            }
            let stream = connect().await?;
            is_connected.store(true, Ordering::Relaxed);
            agree(stream).await
        }
        .boxed()
    });
    select_all(attempts).await.0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{BoxFuture, ready};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    async fn plain(stream: TcpStream) -> Result<TcpStream, Error> {
        Ok(stream)
    }

    fn at_once<'a>() -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }

    #[tokio::test]
    async fn addresses_of_both_kinds_are_taken() {
        for address in ["127.0.0.1", "[::1]"] {
            // There may be no IPv6.
            let Ok(listener) = TcpListener::bind(format!("{address}:0")).await else {
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let url = format!("ws://{address}:{port}/path");
            assert!(open(&url, plain).await.unwrap().nodelay().unwrap());
            listener.accept().await.unwrap();
        }
        let error = open("ws://", plain).await.unwrap_err();
        assert!(
            matches!(error, Error::Url(_) | Error::HttpFormat(_)),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let connect = || async move { Ok(TcpStream::connect(("127.0.0.1", port)).await?) };
        let refused = first([at_once(), pending().boxed()], connect, plain).await;
        assert!(refused.is_err());
    }

    async fn ready_ok(_: ()) -> Result<(), Error> {
        Ok(())
    }

    #[tokio::test]
    async fn a_second_attempt_is_taken_where_the_first_is_slow() {
        let connect = || async { Ok(()) };
        first([pending().boxed(), at_once()], connect, ready_ok)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_second_attempt_is_taken_where_the_first_does_not_come_to_an_agreement() {
        let begun = AtomicUsize::new(0);
        // Both begin before either has connected.
        let connect = || async {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            Ok(number)
        };
        let agree = |number| async move {
            match number {
                0 => pending().await,
                number => Ok(number),
            }
        };
        let agreed = first([at_once(), at_once()], connect, agree).await;
        assert_eq!(agreed.unwrap(), 1);
    }

    #[tokio::test]
    async fn no_attempt_follows_on_one_that_has_connected() {
        let (connected, connections) = (Notify::new(), AtomicUsize::new(0));
        let connect = || async {
            connections.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let agree = |()| async {
            connected.notify_one();
            for _ in 0..10 {
                yield_now().await;
            }
            Ok(())
        };
        let starts = [at_once(), connected.notified().boxed()];
        first(starts, connect, agree).await.unwrap();
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}
