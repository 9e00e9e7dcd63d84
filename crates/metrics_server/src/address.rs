//! Where metrics are served.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAddress {
    /// At this machine's own address, at this port or at the next free one.
    From(u16),
    /// At this address and no other.
    At(SocketAddr),
}

impl MetricsAddress {
    /// The word for the default address.
    pub const DEFAULT: &str = "default";

    /// Parses what follows `--metrics`; `PORT` is the default port.
    ///
    /// # Errors
    /// Words for the user: what the text is not, and its form.
    pub fn parse<const PORT: u16>(text: &str) -> Result<Self, String> {
        match text {
            Self::DEFAULT => Ok(Self::From(PORT)),
            text => net::listen_address::<PORT>(text).map(Self::At),
        }
    }

    /// The address that is tried first.
    pub(crate) fn first(self) -> SocketAddr {
        match self {
            Self::From(port) => (IpAddr::V4(Ipv4Addr::LOCALHOST), port).into(),
            Self::At(address) => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_an_address_the_port_is_a_default() {
        let parse = MetricsAddress::parse::<9464>;
        assert_eq!(
            parse(MetricsAddress::DEFAULT),
            Ok(MetricsAddress::From(9464))
        );
        let address = SocketAddr::from(([127, 0, 0, 1], 9464));
        assert_eq!(parse("127.0.0.1:9464"), Ok(MetricsAddress::At(address)));
        assert_eq!(parse("9464"), Ok(MetricsAddress::At(address)));
        assert!(parse("9464x").is_err());
    }
}
