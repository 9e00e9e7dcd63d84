//! Addresses at which a program listens, as users write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// Parses an address of this machine: numbers, or a name that the system resolves. Of several addresses
/// an IPv4 one is taken, as clients do by default. A port alone is one of this machine's own address, which
/// others cannot reach; an address alone has the port `PORT`.
///
/// # Errors
/// Words for the user: what the text is not, and its form.
pub fn listen_address<const PORT: u16>(text: &str) -> Result<SocketAddr, String> {
    let form = format!("give HOST:PORT, such as 127.0.0.1:{PORT} or 0.0.0.0:{PORT}, or a port");
    if text.is_empty() {
        return Err(format!("it is empty: {form}"));
    }
    // The system would take a number for an address.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = text
            .parse()
            .map_err(|_| format!("it is no port from 0 to 65535: {form}"))?;
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok((ip, PORT).into());
    }
    let found = match text.contains(':') {
        true => text.to_socket_addrs(),
        false => (text, PORT).to_socket_addrs(),
    };
    let found: Vec<SocketAddr> = found.map_err(|error| format!("{error}: {form}"))?.collect();
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
    fn the_address_may_be_a_name_a_port_or_lack_a_port() {
        let parsed = |text: &str| listen_address::<8080>(text).expect(text).to_string();
        for (text, expected) in [
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:80", "[::1]:80"),
            ("8081", "127.0.0.1:8081"),
            ("0", "127.0.0.1:0"),
            ("10.0.0.5", "10.0.0.5:8080"),
            ("::", "[::]:8080"),
            ("[::1]", "[::1]:8080"),
        ] {
            assert_eq!(parsed(text), expected);
        }
        for (text, port) in [("localhost:81", 81), ("localhost", 8080)] {
            let local = listen_address::<8080>(text).unwrap();
            assert!(local.ip().is_loopback() && local.port() == port);
        }
        for text in ["65536", "127.0.0.1:x", "", "-1", "no host", ":80:"] {
            let error = listen_address::<8080>(text).unwrap_err();
            assert!(error.contains("HOST:PORT"), "{text}: {error}");
        }
    }
}
