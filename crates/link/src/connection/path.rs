//! The network path that ICE has chosen.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use webrtc::peer_connection::{
    PeerConnection, RTCIceCandidate, RTCIceCandidateType, RTCStatsReportEntry, StatsSelector,
};

use crate::ice::IceServer;
use crate::udp::IceServers;

/// The network path that ICE has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathStats {
    /// Local candidate: type (`host`, `srflx`, `prflx` or `relay`), address and port.
    pub local: String,
    /// Remote candidate: type, address and port.
    pub remote: String,
    /// The TURN server of this side that relays, if one does.
    pub relay: Option<String>,
    /// Round trip of the last connectivity check, if there was one.
    pub round_trip: Option<Duration>,
}

impl PathStats {
    /// Whether a TURN server of either side relays.
    pub fn is_relayed(&self) -> bool {
        let relay = RTCIceCandidateType::Relay.to_string();
        self.relay.is_some() || self.remote.starts_with(&relay)
    }
}

impl fmt::Display for PathStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.local, self.remote)?;
        match &self.relay {
            Some(server) => write!(f, " through {server}"),
            None => Ok(()),
        }
    }
}

/// The ends of a path that begins at an address of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostPath {
    /// The address of this host.
    pub(super) local: IpAddr,
    /// It leads to an address of the peer's own host, which needs no address of this side to be reached at.
    pub(super) to_host: bool,
}

impl HostPath {
    fn between(
        (local_type, local): (RTCIceCandidateType, &str),
        remote_type: RTCIceCandidateType,
    ) -> Option<Self> {
        let local = local.parse().ok()?;
        // An address of one link alone means nothing without its interface.
        let of_link = matches!(local, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let is_host = local_type == RTCIceCandidateType::Host;
        (is_host && !of_link).then_some(Self {
            local,
            to_host: remote_type == RTCIceCandidateType::Host,
        })
    }
}

/// The path of an open connection, if it begins at an address of this host.
pub(super) async fn from_host(connection: &dyn PeerConnection) -> Option<HostPath> {
    let ice = connection.sctp().await?.transport().ice_transport();
    let pair = ice.get_selected_candidate_pair().await.ok()??;
    let local = pair.local();
    HostPath::between((local.typ, &local.address), pair.remote().typ)
}

/// The path of an open connection; `None` when it is closed.
pub(super) async fn of(connection: &dyn PeerConnection, servers: &IceServers) -> Option<PathStats> {
    let ice = connection.sctp().await?.transport().ice_transport();
    let pair = ice.get_selected_candidate_pair().await.ok()??;
    let report = connection
        .get_stats(Instant::now(), StatsSelector::None)
        .await;
    let local = pair.local();
    let relay = (local.typ == RTCIceCandidateType::Relay).then(|| {
        let url = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::LocalCandidate(known)
                if known.address.as_deref() == Some(&local.address) && known.port == local.port =>
            {
                Some(known.url.as_str())
            }
            _ => None,
        });
        let server = url.and_then(|url| servers.named_in(url));
        server.map_or_else(|| "a TURN server".to_owned(), IceServer::to_string)
    });
    let shown = |it: &RTCIceCandidate| format!("{} {} port {}", it.typ, it.address, it.port);
    let round_trip = report
        .candidate_pairs()
        .filter(|pair| pair.nominated && pair.current_round_trip_time > 0.0)
        .find_map(|pair| Duration::try_from_secs_f64(pair.current_round_trip_time).ok());
    Some(PathStats {
        local: shown(local),
        remote: shown(pair.remote()),
        relay,
        round_trip,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_of_either_side_is_seen() {
        let path = |remote: &str, relay: Option<&str>| PathStats {
            local: "host 10.0.0.1 port 1".to_owned(),
            remote: remote.to_owned(),
            relay: relay.map(str::to_owned),
            round_trip: None,
        };
        assert!(!path("host 10.0.0.2 port 2", None).is_relayed());
        assert!(!path("srflx 192.0.2.1 port 2", None).is_relayed());
        assert!(path("relay 192.0.2.1 port 2", None).is_relayed());
        assert!(path("host 10.0.0.2 port 2", Some("turn:h:3478")).is_relayed());
    }

    #[test]
    fn only_addresses_of_this_host_narrow_what_follows() {
        let (host, relay) = (RTCIceCandidateType::Host, RTCIceCandidateType::Relay);
        let path = HostPath::between((host, "10.0.0.1"), host).expect("a host's");
        assert_eq!(path.local, IpAddr::from([10, 0, 0, 1]));
        assert!(path.to_host);
        let path = HostPath::between((host, "2001:db8::1"), RTCIceCandidateType::Srflx);
        assert!(!path.expect("a host's").to_host);
        assert_eq!(HostPath::between((relay, "10.0.0.1"), host), None);
        assert_eq!(HostPath::between((host, "fe80::1"), host), None);
        assert_eq!(HostPath::between((host, "name.local"), host), None);
    }
}
