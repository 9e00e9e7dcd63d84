//! Addresses at which the worker listens.

use std::net::{SocketAddr, ToSocketAddrs};

/// Parses an address of this machine: numbers, or a name that the system resolves. Of several addresses
/// an IPv4 one is taken, as clients do by default.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let form = "give HOST:PORT, such as 127.0.0.1:8080 or 0.0.0.0:8080";
    if !text.contains(':') {
        return Err(format!("there is no port in it: {form}"));
    }
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| format!("{error}: {form}"))?
        .collect();
    let preferred = found.iter().find(|address| address.is_ipv4());
    let address = preferred.or(found.first());
    address
        .copied()
        .ok_or_else(|| format!("the name has no address: {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_a_name() {
        assert_eq!(address("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(address("[::1]:80").unwrap().to_string(), "[::1]:80");
        let local = address("localhost:8080").unwrap();
        assert!(local.ip().is_loopback() && local.port() == 8080);
        for text in ["localhost", "8080", "127.0.0.1:x", ""] {
            let error = address(text).unwrap_err();
            assert!(error.contains("HOST:PORT"), "{text}: {error}");
        }
    }
}
