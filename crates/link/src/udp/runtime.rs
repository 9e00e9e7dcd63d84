//! The runtime below WebRTC: UDP sockets with large kernel buffers, names of STUN and TURN servers.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

use super::config::UdpConfig;
use super::datagrams::DatagramSocket;
use super::interfaces;
use super::loop_wake::{aligned, in_loop, is_in_loop};
use super::quota::PreAuthQuota;
use super::repeats::Repeats;
use super::servers::IceServers;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Smallest buffer sizes that the kernel granted to any socket of a connection, in bytes.
#[derive(Debug)]
pub(crate) struct GrantedBuffers {
    sockets: AtomicUsize,
    receive: AtomicUsize,
    send: AtomicUsize,
}

impl GrantedBuffers {
    /// Number of sockets that were opened.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }

    fn note(&self, receive: usize, send: usize) {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        self.receive.fetch_min(receive, Ordering::Relaxed);
        self.send.fetch_min(send, Ordering::Relaxed);
    }

    /// `(receive, send)`; zero before any socket is open.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let known = |size: &AtomicUsize| match size.load(Ordering::Relaxed) {
            usize::MAX => 0,
            bytes => bytes,
        };
        (known(&self.receive), known(&self.send))
    }
}

/// The Tokio runtime of the WebRTC library with tuned UDP sockets, which also looks names up: the
/// only ones are those of STUN and TURN servers.
///
/// The default buffers of 208 KiB overflow at high rates, and SCTP halves its rate at each loss:
/// with 4 MiB a loopback connection is an order of magnitude faster.
pub(crate) struct TunedRuntime {
    buffer_bytes: usize,
    repeats: u32,
    repeats_often: u32,
    granted: Arc<GrantedBuffers>,
    servers: Arc<IceServers>,
    quota: Arc<PreAuthQuota>,
}

impl fmt::Debug for TunedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunedRuntime").finish_non_exhaustive()
    }
}

impl TunedRuntime {
    pub(crate) fn new(
        config: &UdpConfig,
        servers: Arc<IceServers>,
        quota: Arc<PreAuthQuota>,
    ) -> (Arc<Self>, Arc<GrantedBuffers>) {
        let granted = Arc::new(GrantedBuffers {
            sockets: AtomicUsize::new(0),
            receive: AtomicUsize::new(usize::MAX),
            send: AtomicUsize::new(usize::MAX),
        });
        (
            Arc::new(Self {
                buffer_bytes: config.buffer_bytes,
                repeats: config.repeats,
                repeats_often: config.repeats_often,
                granted: granted.clone(),
                servers,
                quota,
            }),
            granted,
        )
    }
}

/// What a UDP socket of this machine is granted of `bytes`: `(receive, send)`, in bytes.
///
/// # Errors
/// There are no UDP sockets.
pub fn granted_udp_buffers(bytes: usize) -> io::Result<(usize, usize)> {
    let socket = std::net::UdpSocket::bind((interfaces::loopback(), 0))?;
    Ok(enlarge_buffers(&socket, bytes))
}

/// Sets both buffers as far as the system allows; returns `(receive, send)` as granted.
fn enlarge_buffers(socket: &std::net::UdpSocket, bytes: usize) -> (usize, usize) {
    let reference = socket2::SockRef::from(socket);
    // A refusal leaves the default, which works too, only slower.
    let _ = reference.set_recv_buffer_size(bytes);
    let _ = reference.set_send_buffer_size(bytes);
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        // Beyond net.core.rmem_max with CAP_NET_ADMIN only; EPERM otherwise.
        let _ = sockopt::set_socket_recv_buffer_size_force(socket, bytes);
        let _ = sockopt::set_socket_send_buffer_size_force(socket, bytes);
    }
    // Linux reports twice the usable size: the other half is its bookkeeping.
    let usable = |bytes: usize| {
        if cfg!(target_os = "linux") {
            bytes / 2
        } else {
            bytes
        }
    };
    (
        reference.recv_buffer_size().map_or(0, usable),
        reference.send_buffer_size().map_or(0, usable),
    )
}

impl Runtime for TunedRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(Box::pin(in_loop(future)))
    }

    fn spawn_reactor(&self, pool: usize, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn_reactor(pool, Box::pin(in_loop(future)))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let (receive, send) = enlarge_buffers(&socket, self.buffer_bytes);
        self.granted.note(receive, send);
        let local = socket.local_addr()?.ip();
        let socket = TokioRuntime.wrap_udp_socket(socket)?;
        Ok(Arc::new(DatagramSocket::new(
            socket,
            local,
            self.servers.clone(),
            self.quota.clone(),
            Repeats::new(self.repeats, self.repeats_often),
        )))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        TokioRuntime.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(self.servers.resolve(host))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        match is_in_loop() {
            true => {
                let timer = TokioRuntime.sleep(aligned(duration));
                Box::pin(self.servers.wake().next(timer))
            }
            false => TokioRuntime.sleep(duration),
        }
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_buffers_are_granted_than_by_default() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let default = socket2::SockRef::from(&socket)
            .recv_buffer_size()
            .expect("size")
            / 2;
        // Half the default is always allowed, whatever the value of net.core.rmem_max.
        let (receive, send) = enlarge_buffers(&socket, default / 2);
        assert!(
            receive >= default / 4 && receive <= default,
            "{receive} of {default}"
        );
        assert!(send > 0);
    }

    #[test]
    fn the_smallest_socket_is_reported() {
        let servers = Arc::new(IceServers::new(Vec::new(), Vec::new()));
        let quota = PreAuthQuota::new(false, Default::default());
        let config = UdpConfig {
            buffer_bytes: 1 << 20,
            ..UdpConfig::default()
        };
        let (runtime, granted) = TunedRuntime::new(&config, servers, quota);
        assert_eq!(granted.bytes(), (0, 0));
        runtime.granted.note(300, 200);
        runtime.granted.note(100, 400);
        assert_eq!(granted.bytes(), (100, 200));
        assert_eq!(granted.sockets(), 2);
    }
}
