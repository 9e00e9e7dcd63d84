//! Options of metrics.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::listen_address::address;

/// Where metrics are served unless an address is given.
pub(super) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Options of the metrics for a monitoring system.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// Serve metrics for Prometheus, and health checks.
    ///
    /// At http://ADDR/metrics, /healthz and /readyz. ADDR is HOST:PORT, or a port or an address alone; if none is
    /// given, 127.0.0.1:9464 or the next free port. Plain HTTP, for all who reach the address: counts,
    /// times, the names of the model and of the running stream's source, but nothing of what frames show.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = MetricsAddress::DEFAULT
    )]
    pub metrics: Option<MetricsAddress>,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAddress {
    /// At the default port, or at the next free one.
    Default,
    /// At this address and no other.
    At(SocketAddr),
}

impl MetricsAddress {
    /// The word for the default address.
    const DEFAULT: &str = "default";
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            Self::DEFAULT => Ok(Self::Default),
            text => address::<9464>(text).map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        metrics: MetricsArgs,
    }

    #[test]
    fn only_without_an_address_the_port_is_a_default() {
        let parse = |line: &str| {
            let line = Line::try_parse_from(line.split(' '));
            line.map(|line| line.metrics.metrics)
        };
        assert_eq!(parse("x").unwrap(), None);
        let bare = parse("x --metrics").unwrap();
        assert_eq!(bare, Some(MetricsAddress::Default));
        let named = parse(&format!("x --metrics {DEFAULT_ADDRESS}")).unwrap();
        assert_eq!(named, Some(MetricsAddress::At(DEFAULT_ADDRESS)));
        assert!(parse("x --metrics=9464x").is_err());
    }
}
