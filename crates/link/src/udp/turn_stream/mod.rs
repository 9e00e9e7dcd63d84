//! TURN over TCP and TLS below a WebRTC library that supports UDP only.
//!
//! The library sends its datagrams for such a server to an address that stands for it; the socket
//! hands them to a [`TurnStreams`], which carries them over one connection per server and gives what
//! comes back to the socket as datagrams from that address.
//!
//! ```text
//! WebRTC -- datagrams --> socket -- queue --> task == TCP or TLS ==> TURN server
//!                           ^------ queue <---'
//! ```
//!
//! Both queues are bounded: outgoing datagrams that find theirs full are lost, as on any link, and
//! a full incoming one makes the server wait. A connection that fails stays failed; a new path is
//! ICE's matter.

pub(crate) mod framing;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{sleep, timeout};
use tracing::{debug, trace};

use super::servers::IceServers;
use crate::ice::{IceTransport, ServerFault};
use crate::tls;

/// Datagrams that may wait in each direction; about 350 KB of usual ones.
const DATAGRAM_QUEUE_LEN: usize = 256;
/// Bytes written at once.
const WRITE_BYTES: usize = 64 * 1024;
/// Longest wait for TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long what is queued may still be written once the socket is gone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A datagram that came through a stream, and the address that stands for the server.
type RelayedDatagram = (SocketAddr, Bytes);

/// The connections of one socket to its TURN servers.
pub(crate) struct TurnStreams {
    servers: Arc<IceServers>,
    local: IpAddr,
    open: Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>,
    incoming: mpsc::Sender<RelayedDatagram>,
    arrived: Mutex<mpsc::Receiver<RelayedDatagram>>,
}

impl TurnStreams {
    /// For the socket bound to `local`. Must be called within a Tokio runtime.
    pub(crate) fn new(servers: Arc<IceServers>, local: IpAddr) -> Self {
        let (incoming, arrived) = mpsc::channel(DATAGRAM_QUEUE_LEN);
        Self {
            servers,
            local,
            open: Mutex::default(),
            incoming,
            arrived: Mutex::new(arrived),
        }
    }

    /// Sends a datagram to the server of this index, at `address`, for which `seen` stands.
    /// Connects first if need be; fails once the connection has failed.
    pub(crate) fn send(
        &self,
        server: usize,
        address: SocketAddr,
        seen: SocketAddr,
        datagram: &[u8],
    ) -> io::Result<()> {
        let mut open = lock(&self.open);
        let queue = open.entry(seen).or_insert_with(|| {
            let (queue, outgoing) = mpsc::channel(DATAGRAM_QUEUE_LEN);
            let connection = TurnConnection {
                server,
                address,
                seen,
                local: self.local,
                servers: self.servers.clone(),
            };
            tokio::spawn(connection.run(outgoing, self.incoming.clone()));
            queue
        });
        match queue.try_send(Bytes::copy_from_slice(datagram)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                trace!(%address, "the TURN server is slow: datagram lost");
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The next datagram from any of the servers.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<RelayedDatagram> {
        match lock(&self.arrived).poll_recv(cx) {
            Poll::Ready(Some(incoming)) => Poll::Ready(incoming),
            // Never ends: `self` has a sender.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection to one server; ends with its socket.
struct TurnConnection {
    server: usize,
    address: SocketAddr,
    seen: SocketAddr,
    local: IpAddr,
    servers: Arc<IceServers>,
}

impl TurnConnection {
    async fn run(
        self,
        mut outgoing: mpsc::Receiver<Bytes>,
        incoming: mpsc::Sender<RelayedDatagram>,
    ) {
        let server = self.servers.server(self.server);
        let ended = match server.transport {
            IceTransport::Udp => return,
            IceTransport::Tcp => match within(self.connect()).await {
                Ok(stream) => self.carry(stream, &mut outgoing, incoming).await,
                Err(error) => Err(error),
            },
            IceTransport::Tls => {
                let secured = async { tls::secure(self.connect().await?, &server.host).await };
                match within(secured).await {
                    Ok(stream) => self.carry(stream, &mut outgoing, incoming).await,
                    Err(error) => Err(error),
                }
            }
        };
        // Noted before the queue closes: then the reason is known once it is found closed.
        if let Err(error) = ended {
            debug!(%server, address = %self.address, %error, "connection to a TURN server");
            let fault = ServerFault::Connection(error.to_string());
            self.servers.fail(self.server, fault);
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::new(self.local, 0))?;
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Carries datagrams both ways until the socket is gone (`Ok`) or the connection has failed.
    async fn carry(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        outgoing: &mut mpsc::Receiver<Bytes>,
        incoming: mpsc::Sender<RelayedDatagram>,
    ) -> io::Result<()> {
        let (reader, writer) = tokio::io::split(stream);
        let unwanted = incoming.clone();
        let gone = async {
            unwanted.closed().await;
            sleep(CLOSE_TIMEOUT).await;
        };
        tokio::select! {
            // A server that reads nothing must not keep the connection.
            () = gone => Ok(()),
            ended = write(writer, outgoing) => ended,
            ended = read(reader, self.seen, incoming) => ended,
        }
    }
}

async fn within<T>(connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")),
    }
}

/// Writes what is queued, as much at once as is there.
async fn write(writer: impl AsyncWrite, outgoing: &mut mpsc::Receiver<Bytes>) -> io::Result<()> {
    tokio::pin!(writer);
    let mut bytes = BytesMut::new();
    while let Some(datagram) = outgoing.recv().await {
        framing::append(&mut bytes, &datagram);
        while bytes.len() < WRITE_BYTES
            && let Ok(datagram) = outgoing.try_recv()
        {
            framing::append(&mut bytes, &datagram);
        }
        writer.write_all(&bytes).await?;
        writer.flush().await?;
        bytes.clear();
    }
    writer.shutdown().await
}

/// Reads messages until the stream ends, which is an error, or the socket is gone.
async fn read(
    reader: impl AsyncRead,
    seen: SocketAddr,
    incoming: mpsc::Sender<RelayedDatagram>,
) -> io::Result<()> {
    tokio::pin!(reader);
    let mut bytes = BytesMut::new();
    loop {
        while let Some(message) = framing::next_message(&mut bytes).map_err(io::Error::other)? {
            if incoming.send((seen, message)).await.is_err() {
                return Ok(());
            }
        }
        bytes.reserve(framing::MAX_MESSAGE);
        if reader.read_buf(&mut bytes).await? == 0 {
            let message = "the server closed the connection";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;

    const SEEN: &str = "240.0.0.0:3478";
    const CHANNEL_DATA: [u8; 5] = [0x40, 0x00, 0x00, 0x01, 7];

    /// A listener in the place of a TURN server, and the streams of a socket that uses it.
    async fn listening() -> (TcpListener, SocketAddr, Arc<IceServers>, TurnStreams) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let local = address.ip();
        let url = format!("turn:u:p@{address}?transport=tcp");
        let servers = vec![url.parse().expect("a server")];
        let servers = Arc::new(IceServers::new(servers, vec![local]));
        let streams = TurnStreams::new(servers.clone(), local);
        (listener, address, servers, streams)
    }

    #[tokio::test]
    async fn datagrams_go_through_the_stream_both_ways() {
        let (listener, address, _, streams) = listening().await;
        let seen = SEEN.parse().expect("an address");
        for _ in 0..2 {
            let sent = streams.send(0, address, seen, &CHANNEL_DATA);
            sent.expect("queued");
        }
        let (mut server, _) = listener.accept().await.expect("a connection");
        let mut bytes = [0; 16];
        server.read_exact(&mut bytes).await.expect("two messages");
        assert_eq!(bytes[..8], [0x40, 0, 0, 1, 7, 0, 0, 0]);
        assert_eq!(bytes[..8], bytes[8..]);
        for part in [&bytes[..3], &bytes[3..9], &bytes[9..]] {
            server.write_all(part).await.expect("taken");
            server.flush().await.expect("taken");
        }
        for _ in 0..2 {
            let (from, datagram) = poll_fn(|cx| streams.poll_recv(cx)).await;
            assert_eq!((from, &datagram[..]), (seen, &CHANNEL_DATA[..]));
        }
        // The connection ends with the socket.
        drop(streams);
        assert_eq!(server.read(&mut bytes).await.expect("an end"), 0);
    }

    #[tokio::test]
    async fn a_server_that_reads_nothing_does_not_keep_the_connection() {
        let (_listener, address, servers, streams) = listening().await;
        drop(streams);
        let seen = SEEN.parse().expect("an address");
        let connection = TurnConnection {
            server: 0,
            address,
            seen,
            local: address.ip(),
            servers,
        };
        let (stream, _server) = tokio::io::duplex(2);
        let (queue, mut outgoing) = mpsc::channel(1);
        let datagram = Bytes::from_static(&CHANNEL_DATA);
        queue.send(datagram).await.expect("room");
        let (incoming, arrived) = mpsc::channel(1);
        drop((queue, arrived));
        let ended = connection.carry(stream, &mut outgoing, incoming).await;
        ended.expect("no fault of the server");
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_or_talks_nonsense_has_failed() {
        for answer in [&b""[..], &[0xff; 30]] {
            let (listener, address, servers, streams) = listening().await;
            let seen = SEEN.parse().expect("an address");
            let sent = streams.send(0, address, seen, &CHANNEL_DATA);
            sent.expect("queued");
            let (mut server, _) = listener.accept().await.expect("a connection");
            server.write_all(answer).await.expect("taken");
            drop(server);
            while streams.send(0, address, seen, &CHANNEL_DATA).is_ok() {
                tokio::task::yield_now().await;
            }
            let fault = servers.failures().remove(0).fault;
            assert!(matches!(fault, ServerFault::Connection(_)), "{fault:?}");
        }
    }
}
