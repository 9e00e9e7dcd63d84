//! The STUN and TURN servers of one connection: their addresses, which local addresses ask them, their responses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;
use tracing::debug;

use super::loop_wake::LoopWake;
use crate::ice::outcome::{ServerOutcome, of_response};
use crate::ice::{IceServer, IceService, IceTransport, ServerFailure, ServerFault};

/// Longest wait for the address of a server.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// The suffix of the names that the WebRTC library has for the servers; reserved by RFC 6761.
const NAME_SUFFIX: &str = ".ice.invalid";

/// How a datagram for an address that belongs to a server goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatagramRoute {
    /// As any other.
    Datagram,
    /// Through a TCP or TLS connection to `address`, for the server of this index.
    Stream { server: usize, address: SocketAddr },
    /// Not from this socket: another one asks the server.
    Closed,
}

/// One address of a server.
struct ServerAddress {
    server: usize,
    /// The address that the WebRTC library sends to. For a server reached over TCP one that
    /// stands for it and exists nowhere.
    seen: SocketAddr,
    real: SocketAddr,
    /// The local addresses that ask it.
    sources: Vec<IpAddr>,
}

/// The servers of one connection.
///
/// The WebRTC library sends requests to each server from every local address and waits for all of them; most
/// have no route there. So the library receives names that only [`resolve`](Self::resolve) resolves,
/// and the sockets use [`route`](Self::route) to find the one that the system would use.
pub(crate) struct IceServers {
    servers: Vec<IceServer>,
    locals: Vec<IpAddr>,
    routes: RwLock<Vec<ServerAddress>>,
    outcomes: Mutex<Vec<ServerOutcome>>,
    wake: Arc<LoopWake>,
}

impl IceServers {
    /// `locals`: the addresses that the connection's sockets are bound to.
    pub(crate) fn new(servers: Vec<IceServer>, locals: Vec<IpAddr>) -> Self {
        Self {
            outcomes: Mutex::new(vec![ServerOutcome::Silent; servers.len()]),
            servers,
            locals,
            routes: RwLock::default(),
            wake: Arc::default(),
        }
    }

    pub(crate) fn server(&self, index: usize) -> &IceServer {
        &self.servers[index]
    }

    /// Whether any server is reached over TCP.
    pub(crate) fn any_stream(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| server.transport != IceTransport::Udp)
    }

    /// The servers in the form for the WebRTC library: `(url, user name, password)`, all UDP.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (String, &str, &str)> {
        self.servers.iter().enumerate().map(|(index, server)| {
            let scheme = match server.service {
                IceService::Stun => "stun",
                IceService::Turn => "turn",
            };
            let url = format!("{scheme}:{index}{NAME_SUFFIX}:{}", server.port);
            (url, server.username.as_str(), server.credential.as_str())
        })
    }

    /// The server that a URL of [`urls`](Self::urls) stands for.
    pub(crate) fn named_in(&self, url: &str) -> Option<&IceServer> {
        let (_, name) = url.split_once(':')?;
        let (index, _) = name.split_once(NAME_SUFFIX)?;
        self.servers.get(index.parse::<usize>().ok()?)
    }

    /// The addresses of the server with the name `host` (`N.ice.invalid:port`); notes which local
    /// addresses ask it.
    pub(crate) async fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let index = host.split_once(NAME_SUFFIX).map(|(index, _)| index.parse());
        let Some(Ok(index)) = index else {
            return Err(io::Error::other("not a name of a server"));
        };
        let Some(server) = self.servers.get::<usize>(index) else {
            return Err(io::Error::other("no such server"));
        };
        match self.routes_to(index, server).await {
            Ok(routes) => {
                let seen = routes.iter().map(|route| route.seen).collect();
                let mut all = self.routes.write().unwrap_or_else(PoisonError::into_inner);
                all.retain(|route| route.server != index);
                all.extend(routes);
                Ok(seen)
            }
            Err(fault) => {
                let error = io::Error::other(fault.to_string());
                self.fail(index, fault);
                Err(error)
            }
        }
    }

    async fn routes_to(
        &self,
        index: usize,
        server: &IceServer,
    ) -> Result<Vec<ServerAddress>, ServerFault> {
        let name = (server.host.as_str(), server.port);
        let addresses = match timeout(LOOKUP_TIMEOUT, lookup_host(name)).await {
            Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
            Ok(Err(error)) => return Err(ServerFault::Name(error.to_string())),
            Err(_) => return Err(ServerFault::Name("no answer to the query".to_owned())),
        };
        let mut routes: Vec<ServerAddress> = Vec::new();
        let mut unreachable = "it has no address".to_owned();
        for real in addresses {
            // The library uses the first address of each family.
            if routes
                .iter()
                .any(|route| route.real.is_ipv4() == real.is_ipv4())
            {
                continue;
            }
            let sources = match source_for(real) {
                Ok(source) => self.sources(source),
                Err(error) => {
                    unreachable = error.to_string();
                    continue;
                }
            };
            let Some(&first) = sources.first() else {
                unreachable = format!("no interface in use has an address for {real}");
                continue;
            };
            if server.transport == IceTransport::Udp {
                debug!(%server, address = %real, ?sources, "asking a server");
                routes.push(ServerAddress {
                    server: index,
                    seen: real,
                    real,
                    sources,
                });
            } else if routes.is_empty() {
                debug!(%server, address = %real, source = %first, "asking a server");
                let seen = stand_in(index, real);
                routes.push(ServerAddress {
                    server: index,
                    seen,
                    real,
                    sources: vec![first],
                });
            }
        }
        match routes.is_empty() {
            true => Err(ServerFault::Route(unreachable)),
            false => Ok(routes),
        }
    }

    /// The system's own choice, or all of its family where that is not among the sockets.
    fn sources(&self, source: IpAddr) -> Vec<IpAddr> {
        if self.locals.contains(&source) {
            return vec![source];
        }
        let same_family = |local: &&IpAddr| local.is_ipv4() == source.is_ipv4();
        let usable = |local: &&IpAddr| !local.is_loopback() || source.is_loopback();
        self.locals
            .iter()
            .filter(same_family)
            .filter(usable)
            .copied()
            .collect()
    }

    /// How a datagram from `local` to `destination` goes out.
    pub(crate) fn route(&self, local: IpAddr, destination: SocketAddr) -> DatagramRoute {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut of_servers = routes
            .iter()
            .filter(|route| route.seen == destination)
            .peekable();
        if of_servers.peek().is_none() {
            return DatagramRoute::Datagram;
        }
        match of_servers.find(|route| route.sources.contains(&local)) {
            None => DatagramRoute::Closed,
            Some(route) if route.seen == route.real => DatagramRoute::Datagram,
            Some(route) => DatagramRoute::Stream {
                server: route.server,
                address: route.real,
            },
        }
    }

    /// Records the outcome in a datagram, if it came from one of the servers.
    pub(crate) fn heard(&self, from: SocketAddr, datagram: &[u8]) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let asked = routes.iter().filter(|route| route.seen == from);
        for route in asked {
            if let Some(outcome) = of_response(datagram) {
                let relays = self.servers[route.server].service == IceService::Turn;
                if relays && outcome == ServerOutcome::Answered {
                    self.wake.relay();
                }
                self.outcomes()[route.server].note(outcome);
            }
        }
    }

    /// Notes why the server of this index cannot be asked.
    pub(crate) fn fail(&self, index: usize, fault: ServerFault) {
        self.outcomes()[index].note(ServerOutcome::Fault(fault));
    }

    /// The extra turns that the WebRTC library's loop needs at first, and once a server relays.
    pub(crate) fn wake(&self) -> &Arc<LoopWake> {
        &self.wake
    }

    /// The servers that were of no use, and why.
    pub(crate) fn failures(&self) -> Vec<ServerFailure> {
        let outcomes = self.outcomes();
        let servers = self.servers.iter().zip(outcomes.iter());
        servers
            .filter_map(|(server, outcome)| {
                Some(ServerFailure {
                    server: server.to_string(),
                    fault: outcome.fault()?,
                })
            })
            .collect()
    }

    fn outcomes(&self) -> MutexGuard<'_, Vec<ServerOutcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The local address from which the system sends to `remote`. Connecting sends nothing.
fn source_for(remote: SocketAddr) -> io::Result<IpAddr> {
    let any = match remote {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

/// An address that stands for the server of this index: of a reserved block (RFC 1112) or of the
/// discard prefix (RFC 6666), so that no peer can have it.
fn stand_in(index: usize, real: SocketAddr) -> SocketAddr {
    let number = index as u16;
    let ip = match real {
        SocketAddr::V4(_) => {
            let [high, low] = number.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(240, 0, high, low))
        }
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, number)),
    };
    SocketAddr::new(ip, real.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &[&str], locals: &[&str]) -> IceServers {
        let parse = |url: &&str| url.parse::<IceServer>().expect("a server");
        let locals = locals.iter().map(|ip| ip.parse().expect("an address"));
        IceServers::new(urls.iter().map(parse).collect(), locals.collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn a_server_is_asked_from_the_address_that_leads_there_alone() {
        let servers = servers(
            &["stun:127.0.0.1:9", "turn:u:p@127.0.0.1:9"],
            &["127.0.0.1", "192.0.2.1"],
        );
        let names: Vec<_> = servers.urls().map(|(url, ..)| url).collect();
        assert_eq!(names, ["stun:0.ice.invalid:9", "turn:1.ice.invalid:9"]);
        let seen = servers.resolve("0.ice.invalid:9").await.expect("resolved");
        assert_eq!(seen, [SocketAddr::from(([127, 0, 0, 1], 9))]);
        assert_eq!(
            servers.route(ip("127.0.0.1"), seen[0]),
            DatagramRoute::Datagram
        );
        assert_eq!(
            servers.route(ip("192.0.2.1"), seen[0]),
            DatagramRoute::Closed
        );
        // Any other destination is no server.
        let peer = "192.0.2.7:9".parse().expect("an address");
        assert_eq!(
            servers.route(ip("192.0.2.1"), peer),
            DatagramRoute::Datagram
        );
    }

    #[tokio::test]
    async fn servers_over_tcp_get_addresses_of_their_own() {
        let urls = [
            "turn:u:p@127.0.0.1:9",
            "turn:u:p@127.0.0.1:9?transport=tcp",
            "turns:u:p@127.0.0.1:9",
        ];
        let servers = servers(&urls, &["127.0.0.1"]);
        assert!(servers.any_stream());
        let mut seen = Vec::new();
        for index in 0..3 {
            let name = format!("{index}.ice.invalid:9");
            seen.extend(servers.resolve(&name).await.expect("resolved"));
        }
        let real = "127.0.0.1:9".parse().expect("an address");
        assert_eq!(seen[0], real);
        assert_ne!(seen[1], seen[2]);
        for index in [1, 2] {
            let way = servers.route(ip("127.0.0.1"), seen[index]);
            assert_eq!(
                way,
                DatagramRoute::Stream {
                    server: index,
                    address: real
                }
            );
        }
        let relay = servers
            .named_in("turn:1.ice.invalid:9?transport=udp")
            .expect("known");
        assert_eq!(relay.to_string(), "turn:127.0.0.1:9?transport=tcp");
        assert!(servers.named_in("turn:3.ice.invalid:9").is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_reported() {
        let servers = servers(&["stun:0.0.0.0.invalid", "stun:[::1]:9"], &["127.0.0.1"]);
        servers
            .resolve("0.ice.invalid:3478")
            .await
            .expect_err("no such name");
        servers
            .resolve("1.ice.invalid:9")
            .await
            .expect_err("no socket of the family");
        servers
            .resolve("2.ice.invalid:9")
            .await
            .expect_err("no such server");
        servers
            .resolve("example.org:9")
            .await
            .expect_err("not one of the names");
        let faults: Vec<_> = servers
            .failures()
            .into_iter()
            .map(|failure| failure.fault)
            .collect();
        assert!(matches!(faults[0], ServerFault::Name(_)), "{faults:?}");
        assert!(matches!(faults[1], ServerFault::Route(_)), "{faults:?}");
    }

    #[test]
    fn interfaces_that_were_chosen_are_used_whatever_the_route() {
        let servers = servers(&[], &["127.0.0.1", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(servers.sources(ip("198.51.100.1")), [ip("192.0.2.1")]);
        assert_eq!(servers.sources(ip("2001:db8::2")), [ip("2001:db8::1")]);
    }
}
