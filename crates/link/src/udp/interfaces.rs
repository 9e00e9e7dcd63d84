//! Which local addresses and ports to offer as host candidates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

use thiserror::Error;

use super::config::UdpConfig;

/// Beyond this many addresses further ones only slow the connectivity checks down.
const MAX_ADDRESSES: usize = 16;

/// No UDP socket can be opened as configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InterfaceError {
    /// An interface or address was asked for that this machine does not have.
    #[error("there is no network interface or address `{wanted}`; there are: {available}")]
    Unknown {
        /// The interface or address that was asked for.
        wanted: String,
        /// The interfaces and addresses that there are.
        available: String,
    },
    /// All ports of the range are taken.
    #[error("no UDP port of {first}-{last} is free: give a wider range")]
    Ports {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
    },
    /// No address of the chosen interfaces can be bound.
    #[error("none of the chosen addresses can be used: {reason}")]
    Unbindable {
        /// The system's error.
        reason: String,
    },
    /// No address of this machine can be bound.
    #[error(
        "this machine has no network address that can be used, not even 127.0.0.1 or ::1 ({reason}): \
         is its loopback interface up?"
    )]
    NoAddress {
        /// The system's error.
        reason: String,
    },
}

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InterfaceAddress {
    interface: String,
    ip: IpAddr,
}

/// Addresses on which a UDP socket can be bound: those of the configured interfaces, or loopback
/// and then every usable interface. The ports are 0, or free ones of the configured range.
///
/// Each is tried here because a host may list IPv6 addresses that cannot be bound, and the
/// transport stack takes a failing address for an error.
pub(crate) fn bindable(config: &UdpConfig) -> Result<Vec<SocketAddr>, InterfaceError> {
    let listed = interface_addresses();
    let mut chosen = match config.interfaces.is_empty() {
        true => everywhere(loopback(), &listed),
        false => chosen(&listed, &config.interfaces)?,
    };
    let mut reason = String::new();
    chosen.retain(|ip| match UdpSocket::bind((*ip, 0)) {
        Ok(_) => true,
        Err(error) => {
            reason = error.to_string();
            false
        }
    });
    chosen.truncate(MAX_ADDRESSES);
    if chosen.is_empty() {
        return Err(match config.interfaces.is_empty() {
            true => InterfaceError::NoAddress { reason },
            false => InterfaceError::Unbindable { reason },
        });
    }
    let ports = config.ports.as_ref();
    let with_port = chosen.into_iter().filter_map(|ip| free_port(ip, ports));
    let addresses: Vec<SocketAddr> = with_port.collect();
    match (addresses.is_empty(), ports) {
        (true, Some(ports)) => Err(InterfaceError::Ports {
            first: *ports.start(),
            last: *ports.end(),
        }),
        _ => Ok(addresses),
    }
}

/// The addresses at which other machines may reach this one.
pub fn own_addresses() -> Vec<IpAddr> {
    let mut addresses = everywhere(loopback(), &interface_addresses());
    addresses.retain(|ip| !ip.is_loopback());
    addresses
}

/// The loopback address. IPv6 has its own only where IPv4 has none: each address is a path to try.
pub(crate) fn loopback() -> IpAddr {
    match UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
        Ok(_) => Ipv4Addr::LOCALHOST.into(),
        Err(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Loopback, then every usable address once.
fn everywhere(loopback: IpAddr, listed: &[InterfaceAddress]) -> Vec<IpAddr> {
    let mut addresses = vec![loopback];
    for InterfaceAddress { ip, .. } in listed {
        if usable(ip) && !addresses.contains(ip) {
            addresses.push(*ip);
        }
    }
    addresses
}

/// The configured addresses, given by interface or as addresses; each must exist.
fn chosen(listed: &[InterfaceAddress], wanted: &[String]) -> Result<Vec<IpAddr>, InterfaceError> {
    let mut addresses = Vec::new();
    for wanted in wanted {
        let ip = wanted.parse::<IpAddr>().ok();
        let mut found = listed
            .iter()
            .filter(|address| match ip {
                Some(ip) => address.ip == ip,
                None => address.interface == *wanted && offerable(&address.ip),
            })
            .peekable();
        if found.peek().is_none() {
            return Err(InterfaceError::Unknown {
                wanted: wanted.clone(),
                available: describe(listed),
            });
        }
        for InterfaceAddress { ip, .. } in found {
            if !addresses.contains(ip) {
                addresses.push(*ip);
            }
        }
    }
    Ok(addresses)
}

fn describe(listed: &[InterfaceAddress]) -> String {
    let offerable = listed.iter().filter(|address| offerable(&address.ip));
    let named = offerable.map(|InterfaceAddress { interface, ip }| format!("{interface} {ip}"));
    named.collect::<Vec<_>>().join(", ")
}

/// `ip` with port 0 or a port of the range that is free now. Where in the range the search begins
/// is left to chance, so that connections made at the same time do not try the same ports.
fn free_port(ip: IpAddr, ports: Option<&RangeInclusive<u16>>) -> Option<SocketAddr> {
    let Some(ports) = ports else {
        return Some(SocketAddr::new(ip, 0));
    };
    let count = u64::from(ports.end().checked_sub(*ports.start())?) + 1;
    let begin = crate::random::random_u64() % count;
    (0..count)
        .map(|step| ports.start() + ((begin + step) % count) as u16)
        .map(|port| SocketAddr::new(ip, port))
        .find(|address| UdpSocket::bind(address).is_ok())
}

/// Whether an address is offered without being asked for.
fn usable(ip: &IpAddr) -> bool {
    offerable(ip) && !ip.is_loopback()
}

/// Link-local addresses mean nothing to a peer without their interface, which a candidate
/// does not carry.
fn offerable(ip: &IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(link_local || ip.is_unspecified() || ip.is_multicast())
}

fn interface_addresses() -> Vec<InterfaceAddress> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    // Up and with a link: a bridge that nothing is attached to leads nowhere.
    let in_use = interfaces
        .into_iter()
        .filter(|interface| interface.is_oper_up());
    in_use
        .map(|interface| InterfaceAddress {
            ip: interface.ip(),
            interface: interface.name,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(addresses: &[(&str, &str)]) -> Vec<InterfaceAddress> {
        let parse = |(interface, ip): &(&str, &str)| InterfaceAddress {
            interface: (*interface).to_owned(),
            ip: ip.parse().expect("an address"),
        };
        addresses.iter().map(parse).collect()
    }

    #[test]
    fn loopback_comes_first_and_no_address_comes_twice() {
        let addresses = bindable(&UdpConfig::default()).expect("loopback at least");
        assert_eq!(addresses[0], SocketAddr::new(loopback(), 0));
        assert!(addresses.len() <= MAX_ADDRESSES);
        for (index, address) in addresses.iter().enumerate() {
            assert!(!addresses[..index].contains(address));
        }
    }

    #[test]
    fn a_machine_without_ipv4_is_reached_by_itself_all_the_same() {
        let v6 = Ipv6Addr::LOCALHOST.into();
        let listed = listed(&[("lo", "::1"), ("eth0", "fd00::1")]);
        let fd: IpAddr = "fd00::1".parse().expect("an address");
        assert_eq!(everywhere(v6, &listed), [v6, fd]);
        // Beside IPv4's own, that of IPv6 leads nowhere else.
        let v4 = Ipv4Addr::LOCALHOST.into();
        assert_eq!(everywhere(v4, &listed), [v4, fd]);
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

    #[test]
    fn interfaces_are_chosen_by_name_and_by_address() {
        let listed = listed(&[
            ("lo", "127.0.0.1"),
            ("eth0", "10.0.0.1"),
            ("eth0", "fe80::1"),
            ("eth0", "fd00::1"),
            ("wlan0", "10.1.0.1"),
        ]);
        let chosen = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let chosen = chosen(&listed, &wanted);
            chosen.map(|list| list.iter().map(IpAddr::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            chosen(&["eth0"]),
            Ok(vec!["10.0.0.1".into(), "fd00::1".into()])
        );
        assert_eq!(
            chosen(&["10.1.0.1", "lo"]),
            Ok(vec!["10.1.0.1".into(), "127.0.0.1".into()])
        );
        assert_eq!(chosen(&["eth0", "10.0.0.1"]).map(|list| list.len()), Ok(2));
        for wanted in ["eth1", "10.0.0.9"] {
            let error = chosen(&["lo", wanted]).expect_err(wanted).to_string();
            assert!(
                error.contains(wanted) && error.contains("wlan0 10.1.0.1"),
                "{error}"
            );
            assert!(!error.contains("fe80"), "{error}");
        }
    }

    #[test]
    fn ports_come_from_the_range_and_a_full_range_is_told() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let taken = UdpSocket::bind((ip, 0)).expect("loopback");
        let port = taken.local_addr().expect("bound").port();
        assert_eq!(free_port(ip, Some(&(port..=port))), None);
        let (first, last) = (port.saturating_sub(20).max(1024), port.saturating_add(20));
        let free = free_port(ip, Some(&(first..=last))).expect("one of them is free");
        assert!((first..=last).contains(&free.port()) && free.port() != port);
        let config = UdpConfig {
            ports: Some(port..=port),
            interfaces: vec!["127.0.0.1".into()],
            ..UdpConfig::default()
        };
        let full = InterfaceError::Ports {
            first: port,
            last: port,
        };
        assert_eq!(bindable(&config), Err(full));
        #[expect(clippy::reversed_empty_ranges, reason = "what a caller may write")]
        let backwards = 9..=8;
        assert_eq!(free_port(ip, Some(&backwards)), None);
    }
}
