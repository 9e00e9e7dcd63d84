//! The client's metrics, served.

use std::sync::Arc;

use anyhow::Result;
use metrics_server::{MetricsAddress, MetricsServer, MetricsSource, Readiness};

use super::Metrics;
use super::counters::Counters;

/// The running server with its counts; dropping it ends it. The default one serves and counts nothing.
#[derive(Default)]
pub(crate) struct ClientServer {
    metrics: Metrics,
    _server: Option<MetricsServer>,
}

/// Serves metrics at this address.
///
/// # Errors
/// The address cannot be listened at.
pub(crate) async fn serve(listen: Option<MetricsAddress>) -> Result<ClientServer> {
    let Some(listen) = listen else {
        return Ok(ClientServer::default());
    };
    let counters = Arc::new(Counters::new()?);
    let server = metrics_server::serve(listen, ClientMetrics(Arc::clone(&counters))).await?;
    // Standard output is the predictions'.
    tracing::info!("metrics: {}", server.url());
    server.log_reach();
    Ok(ClientServer {
        metrics: Metrics(Some(counters)),
        _server: Some(server),
    })
}

impl ClientServer {
    /// The counts that are served.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}

struct ClientMetrics(Arc<Counters>);

impl MetricsSource for ClientMetrics {
    async fn text(&self) -> Result<Vec<u8>> {
        self.0.text()
    }

    fn readiness(&self) -> Readiness {
        match self.0.is_connected() {
            true => Readiness {
                is_ready: true,
                words: "ready",
            },
            false => Readiness {
                is_ready: false,
                words: "not ready: no worker takes the stream",
            },
        }
    }
}
