//! The datagrams below WebRTC: sending never fails, and TURN servers may be behind TCP.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tracing::trace;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::quota::PreAuthQuota;
use super::repeats::Repeats;
use super::servers::{DatagramRoute, IceServers};
use super::turn_stream::TurnStreams;

/// A UDP socket on which a datagram that cannot be sent counts as lost.
///
/// ICE pairs every local address with every remote one, so some datagrams have no route (such as
/// from loopback to another host). The layers above handle loss; an error would only fill the log.
///
/// STUN and TURN servers are the exception: an error there ends the wait for an answer that
/// cannot come.
pub(crate) struct DatagramSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    local: IpAddr,
    servers: Arc<IceServers>,
    quota: Arc<PreAuthQuota>,
    /// Only where a server is reached over TCP.
    streams: Option<TurnStreams>,
    repeats: Repeats,
}

impl DatagramSocket {
    /// For `socket`, bound to `local`. Must be called within a Tokio runtime.
    pub(crate) fn new(
        socket: Arc<dyn AsyncUdpSocket>,
        local: IpAddr,
        servers: Arc<IceServers>,
        quota: Arc<PreAuthQuota>,
        repeats: Repeats,
    ) -> Self {
        let streams = servers.any_stream();
        Self {
            socket,
            local,
            streams: streams.then(|| TurnStreams::new(servers.clone(), local)),
            servers,
            quota,
            repeats,
        }
    }
}

impl fmt::Debug for DatagramSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatagramSocket").field(&self.socket).finish()
    }
}

impl AsyncUdpSocket for DatagramSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let (to, bytes) = (transmit.destination, transmit.contents.len());
        match (self.servers.route(self.local, to), &self.streams) {
            (DatagramRoute::Datagram, _) => {}
            (DatagramRoute::Stream { server, address }, Some(streams)) => {
                let datagrams = transmit
                    .contents
                    .chunks(transmit.segment_size.unwrap_or(bytes).max(1));
                for datagram in datagrams {
                    streams.send(server, address, to, datagram)?;
                }
                return Poll::Ready(Ok(bytes));
            }
            (DatagramRoute::Closed | DatagramRoute::Stream { .. }, _) => {
                return Poll::Ready(Err(io::ErrorKind::AddrNotAvailable.into()));
            }
        }
        Poll::Ready(Ok(match ready!(self.socket.poll_send(cx, transmit)) {
            Ok(sent) => {
                let segment = transmit.segment_size.unwrap_or(bytes);
                self.repeats
                    .sent(&self.socket, to, transmit.contents, segment);
                sent
            }
            Err(error) => {
                trace!(%to, %error, "datagram not sent");
                bytes
            }
        }))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if let Some(streams) = &self.streams
            && let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut())
        {
            while let Poll::Ready((from, datagram)) = streams.poll_recv(cx) {
                // One that does not fit is lost, as UDP would cut it.
                let Some(place) = buf.get_mut(..datagram.len()) else {
                    continue;
                };
                if !self.quota.admits(&datagram) {
                    continue;
                }
                place.copy_from_slice(&datagram);
                *meta = RecvMeta::default();
                (meta.addr, meta.len, meta.stride) = (from, datagram.len(), datagram.len());
                self.servers.heard(from, &datagram);
                return Poll::Ready(Ok(1));
            }
        }
        let count = ready!(self.socket.poll_recv(cx, bufs, meta))?;
        for (buf, meta) in bufs.iter().zip(meta.iter()).take(count) {
            if let Some(datagram) = buf.get(..meta.len.min(meta.stride)) {
                self.servers.heard(meta.addr, datagram);
            }
        }
        for (buf, meta) in bufs.iter().zip(meta.iter_mut()).take(count) {
            let received = buf.get(..meta.len).unwrap_or_default();
            let mut datagrams = received.chunks(meta.stride.max(1));
            // One more than may come ends the connection; what was with it is not looked at.
            if !datagrams.all(|datagram| self.quota.admits(datagram)) {
                (meta.len, meta.stride) = (0, 1);
            }
        }
        Poll::Ready(Ok(count))
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

#[cfg(test)]
mod tests {
    use webrtc::runtime::{Runtime, TokioRuntime};

    use super::*;

    #[tokio::test]
    async fn a_datagram_without_a_route_counts_as_sent() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let local = socket.local_addr().expect("bound").ip();
        let socket = TokioRuntime.wrap_udp_socket(socket).expect("wrapped");
        let servers = Arc::new(IceServers::new(Vec::new(), vec![local]));
        let quota = PreAuthQuota::new(false, Default::default());
        let socket = DatagramSocket::new(socket, local, servers, quota, Repeats::new(0, 0));
        let elsewhere = "192.0.2.1:9".parse().expect("address");
        assert_eq!(socket.send_to(b"lost", elsewhere).await.ok(), Some(4));
    }
}
