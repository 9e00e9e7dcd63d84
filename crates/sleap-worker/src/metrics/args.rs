//! Options of metrics.

use std::net::SocketAddr;

use crate::listen_address::address;

/// Options of the metrics for a monitoring system.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// Serve metrics for Prometheus at http://ADDR/metrics [ADDR if none is given: 127.0.0.1:9464].
    ///
    /// Plain HTTP, for everybody who reaches the address: counts, times and the model's name, but
    /// nothing of what frames show.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:9464",
        value_parser = address
    )]
    pub metrics: Option<SocketAddr>,
}
