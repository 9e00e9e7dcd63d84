//! Noticing peers whose connection was never closed.

use std::time::Duration;

use tokio::net::TcpStream;

/// Silence after which the system sends a probe, the period of further probes, and how many may stay
/// without an answer: a dead peer is noticed within a minute.
const FIRST_PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const MAX_LOST_PROBES: u32 = 3;

/// Lets the system end the connection when the peer's machine is gone. A socket for which the system has
/// no keep-alive is served without it.
pub fn keep_alive(stream: &TcpStream) {
    let keep_alive = socket2::TcpKeepalive::new()
        .with_time(FIRST_PROBE_AFTER)
        .with_interval(PROBE_INTERVAL)
        .with_retries(MAX_LOST_PROBES);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_dead_peer_is_noticed_within_a_minute() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        let (stream, _) = accepted.unwrap();
        keep_alive(&stream);
        let socket = socket2::SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        let silence = socket.tcp_keepalive_time().unwrap()
            + socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
        assert_eq!(silence, Duration::from_secs(60));
        drop(client);
    }
}
