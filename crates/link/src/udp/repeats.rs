//! The first datagrams of a connection, each sent twice.
//!
//! The library's DTLS repeats what is lost after a second, and where both sides do so at the same time it may not
//! go on at all: a flight of the peer that comes again stops the timer of this side's own. SCTP's handshake waits
//! a second, too. With one packet of twenty lost, every fifth connection would fail. The repeated datagram is the
//! same record of DTLS, which a peer that has it already drops before it looks inside. What a stream begins with, the
//! proof of who is there, its announcement and the descriptions of lanes, is among them: each is waited for, and nothing
//! follows that tells of its loss.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;
use webrtc::runtime::AsyncUdpSocket;

/// How long after the first time: a burst of losses is over mostly, and a handshake's timers have not run out.
const LATER: Duration = Duration::from_millis(25);

/// How long after that those of the beginning go again. They may come before the peer's side of ICE is done, which takes
/// a round trip longer where its last packet was lost, and are not looked at then.
const MUCH_LATER: [Duration; 2] = [Duration::from_millis(120), Duration::from_millis(200)];

/// What one socket may still repeat.
#[derive(Debug)]
pub(super) struct Repeats {
    left: AtomicU32,
    /// Of those, how many are sent again several times.
    often: AtomicU32,
}

impl Repeats {
    /// The first `datagrams` are repeated, and the first `often` of these several times.
    pub(super) fn new(datagrams: u32, often: u32) -> Self {
        Self {
            left: AtomicU32::new(datagrams),
            often: AtomicU32::new(often.min(datagrams)),
        }
    }

    /// `contents` was sent to `to`, in datagrams of `segment` bytes: sends those of them again, a little later,
    /// that are among the first of DTLS. Without a Tokio runtime nothing is repeated.
    pub(super) fn sent(
        &self,
        socket: &Arc<dyn AsyncUdpSocket>,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) {
        if self.left.load(Ordering::Relaxed) == 0 {
            return;
        }
        let again: Vec<(Vec<u8>, bool)> = contents
            .chunks(segment.max(1))
            .filter(|datagram| is_dtls(datagram) && take(&self.left))
            .map(|datagram| (datagram.to_vec(), take(&self.often)))
            .collect();
        let Some(runtime) = Handle::try_current().ok().filter(|_| !again.is_empty()) else {
            return;
        };
        let socket = socket.clone();
        runtime.spawn(async move {
            sleep(LATER).await;
            send_all(&socket, to, again.iter()).await;
            for pause in MUCH_LATER {
                let often = again.iter().filter(|(_, often)| *often);
                if often.clone().next().is_none() {
                    return;
                }
                sleep(pause).await;
                send_all(&socket, to, often).await;
            }
        });
    }
}

async fn send_all(
    socket: &Arc<dyn AsyncUdpSocket>,
    to: SocketAddr,
    datagrams: impl Iterator<Item = &(Vec<u8>, bool)>,
) {
    for (datagram, _) in datagrams {
        // One that cannot be sent counts as lost.
        let _ = socket.send_to(datagram, to).await;
    }
}

fn take(left: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
    left.fetch_update(set, get, less).is_ok()
}

/// Whether it is a record of DTLS, and not one of STUN or TURN (RFC 7983).
fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;
    use webrtc::runtime::{Runtime, TokioRuntime};

    use super::*;

    const DATAGRAMS: u32 = 14;
    const OFTEN: u32 = 2;

    #[tokio::test(start_paused = true)]
    async fn the_first_records_of_dtls_are_sent_again_and_nothing_else() {
        let peer = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        let to = peer.local_addr().expect("bound");
        let own = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let socket = TokioRuntime.wrap_udp_socket(own).expect("wrapped");
        let repeats = Repeats::new(DATAGRAMS, OFTEN);
        repeats.sent(&socket, to, &[0, 1, 0, 0], 4);
        // Two datagrams at once.
        repeats.sent(&socket, to, &[22, 1, 22, 2], 2);
        for number in 3..100 {
            repeats.sent(&socket, to, &[23, number], 2);
        }
        let mut arrived = Vec::new();
        for _ in 0..DATAGRAMS + OFTEN * MUCH_LATER.len() as u32 {
            let mut datagram = [0; 8];
            let (bytes, _) = peer.recv_from(&mut datagram).await.expect("a datagram");
            assert_eq!(bytes, 2);
            assert!(is_dtls(&datagram), "{datagram:?}");
            arrived.push(u32::from(datagram[1]));
        }
        arrived.sort_unstable();
        let often = (1..=OFTEN).flat_map(|number| [number; MUCH_LATER.len()]);
        let mut expected: Vec<u32> = (1..=DATAGRAMS).chain(often).collect();
        expected.sort_unstable();
        assert_eq!(arrived, expected);
        assert_eq!(repeats.left.load(Ordering::Relaxed), 0);
    }
}
