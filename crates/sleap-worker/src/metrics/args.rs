//! Options of metrics.

use metrics_server::MetricsAddress;

/// Options of the metrics for a monitoring system.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// Serve metrics for Prometheus, and health checks.
    ///
    /// At http://ADDR/metrics, /healthz and /readyz. ADDR is HOST:PORT, or a port or an address alone; if none is
    /// given, 127.0.0.1:9464 or the next free port. Plain HTTP, for all who reach the address: counts,
    /// times, the names of the model and of running streams' sources, but nothing of what frames show.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = MetricsAddress::DEFAULT,
        value_parser = MetricsAddress::parse::<9464>
    )]
    pub metrics: Option<MetricsAddress>,
}
