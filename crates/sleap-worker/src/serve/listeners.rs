//! The addresses at which clients, viewers and monitoring reach the worker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};
use link::signaling;
use link::signaling::rooms::Room;

use crate::command_line::Args;
use crate::{metrics, view};

/// The bound addresses.
pub(super) struct Listeners {
    /// The worker's own signaling server, unless another one is named.
    pub(super) embedded: Option<signaling::Server>,
    /// The live view.
    pub(super) page: Option<view::ViewListener>,
    /// The metrics.
    pub(super) metrics: Option<metrics::MetricsServer>,
    /// The address of the signaling server or of the room's server.
    pub(super) rendezvous: String,
}

impl Listeners {
    /// Binds all addresses, before the model is loaded: a port in use is reported at once. Metrics and
    /// health checks are served from here on.
    ///
    /// # Errors
    /// An address cannot be listened at.
    pub(super) async fn bind(args: &Args, room: Option<&Room>) -> Result<Self> {
        let elsewhere = room.map(|room| &room.url).or(args.signal.as_ref());
        let (embedded, rendezvous) = match elsewhere {
            Some(url) => (None, url.clone()),
            None => {
                let server = bind_signaling(args.listen).await?;
                let url = url(&server);
                (Some(server), url)
            }
        };
        let page = match args.view.view {
            Some(listen) => Some(view::bind(listen).await?),
            None => None,
        };
        let metrics = match args.metrics.metrics {
            Some(listen) => Some(metrics::serve(listen).await?),
            None => None,
        };
        Ok(Self {
            embedded,
            page,
            metrics,
            rendezvous,
        })
    }
}

/// Starts a signaling server.
pub(super) async fn bind_signaling(listen: SocketAddr) -> Result<signaling::Server> {
    signaling::Server::bind(listen)
        .await
        .context("no signaling server (--listen ADDR chooses another address)")
}

/// The URL of a signaling server for clients on this machine.
pub(super) fn url(server: &signaling::Server) -> String {
    format!("ws://{}", reachable(server.local_addr()))
}

/// The address at which a server bound to "any address" is reached from this machine.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}
