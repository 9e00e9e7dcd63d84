//! Sending datagrams without waiting.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use tracing::warn;

use crate::counts::SendOutcome;

/// Bytes that a UDP datagram over IPv4 holds at most.
pub(crate) const MAX_DATAGRAM: usize = 65_507;

/// Sends to one consumer.
///
/// The socket is not connected: on a connected one an absent consumer's "connection refused" takes
/// the place of the next datagram.
pub(crate) struct UdpSender {
    socket: UdpSocket,
    to: SocketAddr,
    /// Each kind of loss is logged once.
    warned_too_large: bool,
    warned_failure: bool,
}

impl UdpSender {
    /// Finds the host, which may take a while, and opens a socket.
    pub(crate) fn open(host: &str, port: u16) -> io::Result<Self> {
        let to = resolve(host, port)?;
        let socket = match to {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        }?;
        socket.set_nonblocking(true)?;
        if to.is_ipv4() {
            // For the network's broadcast address; other addresses are not affected.
            socket.set_broadcast(true)?;
        }
        Ok(Self {
            socket,
            to,
            warned_too_large: false,
            warned_failure: false,
        })
    }

    /// Sends at once or not at all.
    pub(crate) fn send(&mut self, message: &[u8]) -> SendOutcome {
        if message.len() > MAX_DATAGRAM {
            return self.too_large(message.len());
        }
        let error = match self.socket.send_to(message, self.to) {
            Ok(_) => return SendOutcome::Sent,
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::WouldBlock => SendOutcome::Dropped,
            // About an earlier datagram, on systems that report it to sockets that are not connected.
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => SendOutcome::Sent,
            _ if is_too_large(&error) => self.too_large(message.len()),
            _ => {
                if !std::mem::replace(&mut self.warned_failure, true) {
                    warn!(to = %self.to, %error, "a message cannot be sent; further ones are counted");
                }
                SendOutcome::Failed
            }
        }
    }

    fn too_large(&mut self, bytes: usize) -> SendOutcome {
        if !std::mem::replace(&mut self.warned_too_large, true) {
            warn!(
                to = %self.to,
                bytes,
                max = MAX_DATAGRAM,
                "a frame's poses are too large for a datagram and not sent; further ones are counted: \
                 --max-instances at the worker makes them smaller, zmq:// takes any size"
            );
        }
        SendOutcome::TooLarge
    }
}

/// An address of the host; an IPv4 address where it has both kinds.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let preferred = found.iter().find(|address| address.is_ipv4());
    preferred
        .or(found.first())
        .copied()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))
}

/// EMSGSIZE, for which the standard library has no `ErrorKind`.
fn is_too_large(error: &io::Error) -> bool {
    const EMSGSIZE: i32 = if cfg!(target_os = "linux") {
        90
    } else if cfg!(windows) {
        10_040
    } else {
        40
    };
    error.raw_os_error() == Some(EMSGSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_is_absent_costs_nothing_and_may_come_later() {
        let place = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = place.local_addr().unwrap().port();
        drop(place);
        let mut udp = UdpSender::open("127.0.0.1", port).unwrap();
        for _ in 0..100 {
            assert_eq!(udp.send(b"pose"), SendOutcome::Sent);
        }
        let consumer = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        for pose in [b"one", b"two"] {
            assert_eq!(udp.send(pose), SendOutcome::Sent);
        }
        let mut buffer = [0; 16];
        for pose in [b"one", b"two"] {
            let bytes = consumer.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], pose);
        }
    }

    #[test]
    fn the_largest_datagram_passes_and_a_larger_one_is_counted() {
        let consumer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = consumer.local_addr().unwrap().port();
        let mut udp = UdpSender::open("127.0.0.1", port).unwrap();
        assert_eq!(udp.send(&[7; MAX_DATAGRAM + 1]), SendOutcome::TooLarge);
        assert_eq!(udp.send(&[7; MAX_DATAGRAM]), SendOutcome::Sent);
        let mut buffer = vec![0; MAX_DATAGRAM];
        assert_eq!(consumer.recv(&mut buffer).unwrap(), MAX_DATAGRAM);
    }

    #[test]
    fn a_host_that_is_not_there_is_an_error() {
        assert!(UdpSender::open("no-such-host.invalid", 9).is_err());
    }
}
