//! Which local addresses to offer as host candidates.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Beyond this many addresses further ones only slow the connectivity checks down.
const MAX_ADDRESSES: usize = 16;

/// Addresses with port 0 on which a UDP socket can be bound: loopback first, then every usable
/// interface.
///
/// Each is tried here because a host may list IPv6 addresses that cannot be bound, and the
/// transport stack takes a failing address for an error.
pub(crate) fn bindable() -> Vec<SocketAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    for ip in interface_addresses() {
        if usable(&ip) && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    addresses
        .into_iter()
        .map(|ip| SocketAddr::new(ip, 0))
        .filter(|address| UdpSocket::bind(address).is_ok())
        .take(MAX_ADDRESSES)
        .collect()
}

/// Link-local addresses mean nothing to a peer without their interface, which a candidate
/// does not carry.
fn usable(ip: &IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(link_local || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast())
}

#[cfg(unix)]
fn interface_addresses() -> Vec<IpAddr> {
    use nix::ifaddrs::getifaddrs;
    use nix::net::if_::InterfaceFlags;

    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    interfaces
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address
                .as_sockaddr_in()
                .map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| {
                address
                    .as_sockaddr_in6()
                    .map(|address| IpAddr::V6(address.ip()))
            })
        })
        .collect()
}

/// Without an interface list, the addresses that the system would use as a source.
#[cfg(not(unix))]
fn interface_addresses() -> Vec<IpAddr> {
    // Connecting a UDP socket sends nothing; these are addresses reserved for documentation.
    ["192.0.2.1:9", "[2001:db8::1]:9"]
        .into_iter()
        .filter_map(|remote| {
            let remote: SocketAddr = remote.parse().ok()?;
            let any = if remote.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(any).ok()?;
            socket.connect(remote).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_comes_first_and_no_address_comes_twice() {
        let addresses = bindable();
        assert_eq!(addresses[0], SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        assert!(addresses.len() <= MAX_ADDRESSES);
        for (index, address) in addresses.iter().enumerate() {
            assert!(!addresses[..index].contains(address));
        }
    }

    #[test]
    fn addresses_without_meaning_to_a_peer_are_left_out() {
        for text in [
            "127.0.0.1",
            "::1",
            "169.254.1.1",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
        ] {
            assert!(!usable(&text.parse().expect(text)), "{text}");
        }
        for text in ["10.0.0.1", "192.168.1.7", "2001:db8::1", "fd00::1"] {
            assert!(usable(&text.parse().expect(text)), "{text}");
        }
    }
}
