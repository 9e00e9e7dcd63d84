//! Where connections come from.

use std::net::{IpAddr, Ipv6Addr};

/// The network that connections from this address count for: the address itself, or the /64 of an IPv6
/// address, of which every machine has many.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip => ip,
    }
}

/// As [`network_of`], but `None` for this machine, whose connections have no limit of their own.
pub fn remote_network_of(address: IpAddr) -> Option<IpAddr> {
    let network = network_of(address);
    (!network.is_loopback()).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_has_many_addresses() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(
            network_of(ip("2001:db8::1:2")),
            network_of(ip("2001:db8::3"))
        );
        assert_ne!(
            network_of(ip("2001:db8::1")),
            network_of(ip("2001:db8:0:1::1"))
        );
        assert_eq!(network_of(ip("::1")), ip("::1"));
        assert_eq!(network_of(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }

    #[test]
    fn this_machine_counts_for_no_network() {
        for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(
                remote_network_of(address.parse().unwrap()),
                None,
                "{address}"
            );
        }
        let other: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(remote_network_of(other), Some(other));
    }
}
