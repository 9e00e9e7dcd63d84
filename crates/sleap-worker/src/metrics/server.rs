//! The worker's metrics, served.

use std::sync::Arc;

use anyhow::{Context, Result};
use metrics_server::{MetricsAddress, MetricsSource, Readiness};

use super::Metrics;
use super::counters::Counters;
use super::gpu::GpuReader;
use super::health;

/// The running server with its counts; dropping it ends it.
pub(crate) struct MetricsServer {
    server: metrics_server::MetricsServer,
    metrics: Metrics,
}

/// Serves metrics at this address, from before the model is loaded: until then a health check gets 503.
///
/// # Errors
/// The address cannot be listened at.
pub(crate) async fn serve(listen: MetricsAddress) -> Result<MetricsServer> {
    let metrics = Metrics::new()?;
    let source = WorkerMetrics {
        counters: metrics.0.clone().context("new metrics count")?,
        gpus: GpuReader::start(),
    };
    let server = metrics_server::serve(listen, source).await?;
    Ok(MetricsServer { server, metrics })
}

impl MetricsServer {
    /// The counts that are served.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Prints the address of the metrics.
    pub(crate) fn announce(&self) {
        cli::terminal::tell(format_args!("metrics: {}", self.server.url()));
        self.server.log_reach();
    }
}

/// What answers are made of.
struct WorkerMetrics {
    counters: Arc<Counters>,
    gpus: GpuReader,
}

impl MetricsSource for WorkerMetrics {
    async fn text(&self) -> Result<Vec<u8>> {
        let gpus = self.gpus.read().await;
        self.counters.text(&gpus)
    }

    fn readiness(&self) -> Readiness {
        let readiness = self.counters.health.readiness();
        Readiness {
            is_ready: readiness == health::Readiness::Ready,
            words: readiness.words(),
        }
    }
}
