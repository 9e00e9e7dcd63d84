//! The client's metrics, served.

use std::sync::Arc;

use anyhow::Result;
use metrics_server::{MetricsAddress, MetricsServer, MetricsSource, Readiness};

use super::Metrics;
use super::counters::Counters;

/// The running server with its counts; dropping it ends it. The default one serves and counts nothing.
#[derive(Default)]
pub(crate) struct ClientServer {
    /// Of each stream.
    metrics: Vec<Metrics>,
    _server: Option<MetricsServer>,
}

/// Serves metrics of streams at this address. `cameras`: the names of the streams, which the only one needs not have.
///
/// # Errors
/// The address cannot be listened at.
pub(crate) async fn serve(
    listen: Option<MetricsAddress>,
    cameras: &[Option<&str>],
) -> Result<ClientServer> {
    let Some(listen) = listen else {
        return Ok(ClientServer::default());
    };
    let counters = cameras
        .iter()
        .map(|camera| Counters::new(*camera).map(Arc::new));
    let counters = counters.collect::<Result<Vec<_>>>()?;
    let server = metrics_server::serve(listen, ClientMetrics(counters.clone())).await?;
    // Standard output is the predictions'.
    tracing::info!("metrics: {}", server.url());
    server.log_reach();
    Ok(ClientServer {
        metrics: counters.into_iter().map(|it| Metrics(Some(it))).collect(),
        _server: Some(server),
    })
}

impl ClientServer {
    /// The counts that are served of the stream of this index.
    pub(crate) fn metrics(&self, stream: usize) -> Metrics {
        self.metrics.get(stream).cloned().unwrap_or_default()
    }
}

struct ClientMetrics(Vec<Arc<Counters>>);

impl MetricsSource for ClientMetrics {
    async fn text(&self) -> Result<Vec<u8>> {
        metrics_server::text(self.0.iter().map(|counters| counters.registry()))
    }

    fn readiness(&self) -> Readiness {
        match self.0.iter().all(|counters| counters.is_connected()) {
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
