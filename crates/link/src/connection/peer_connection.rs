//! The WebRTC library's connection with the sockets below it.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use webrtc::peer_connection::{PeerConnection as Library, PeerConnectionBuilder};

use super::config::ConnectionConfig;
use super::error::ConnectionError;
use super::events::{ChannelReceiver, ConnectionEvents, EventHandler};
use super::settings::{configuration, setting_engine};
use crate::udp::{GrantedBuffers, IceServers, PreAuthQuota, TunedRuntime, bindable};

/// Attempts to open the sockets; a port that was free may be taken before it is bound.
const BIND_ATTEMPTS: usize = 4;

/// Closes the library's connection when dropped: the library's own task would run on otherwise.
pub(super) struct ConnectionGuard {
    inner: Arc<dyn Library>,
    runtime: tokio::runtime::Handle,
}

impl Deref for ConnectionGuard {
    type Target = Arc<dyn Library>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let inner = self.inner.clone();
        self.runtime.spawn(async move {
            let _ = inner.close().await;
        });
    }
}

/// The library's connection, its sockets, and what both report.
pub(super) struct PeerConnection {
    pub(super) library: ConnectionGuard,
    pub(super) events: Arc<ConnectionEvents>,
    pub(super) granted: Arc<GrantedBuffers>,
    pub(super) servers: Arc<IceServers>,
    pub(super) quota: Arc<PreAuthQuota>,
    pub(super) config: ConnectionConfig,
}

impl PeerConnection {
    /// `auth_pending`: the peer is bounded in what it sends until it has been authenticated.
    pub(super) async fn new(
        config: &ConnectionConfig,
        auth_pending: bool,
    ) -> Result<(Self, ChannelReceiver), ConnectionError> {
        let mut attempts = 1;
        loop {
            let addresses = bindable(&config.udp)?;
            let wanted = addresses.len();
            let made = Self::bound_to(addresses, config, auth_pending).await;
            let bound = made.as_ref().map_or(0, |(peer, _)| peer.granted.sockets());
            // Ports chosen by the system are never taken.
            let is_complete = config.udp.ports.is_none() || bound == wanted;
            if is_complete || attempts == BIND_ATTEMPTS {
                return made;
            }
            attempts += 1;
        }
    }

    async fn bound_to(
        addresses: Vec<SocketAddr>,
        config: &ConnectionConfig,
        auth_pending: bool,
    ) -> Result<(Self, ChannelReceiver), ConnectionError> {
        let (handler, incoming) = EventHandler::new();
        let events = handler.events().clone();
        let quota = PreAuthQuota::new(auth_pending, events.closed.clone());
        let locals = addresses.iter().map(SocketAddr::ip).collect();
        let servers = Arc::new(IceServers::new(config.ice.servers.clone(), locals));
        let (runtime, granted) = TunedRuntime::new(&config.udp, servers.clone(), quota.clone());
        let library = PeerConnectionBuilder::new()
            .with_configuration(configuration(&servers, config.ice.relay_only))
            .with_setting_engine(setting_engine(config))
            .with_handler(Arc::new(handler))
            .with_runtime(runtime)
            .with_udp_addrs(addresses)
            .with_data_channel_send_buffer_limit(config.sctp.send_buffer_bytes.max(1))
            .build()
            .await
            .map_err(|error| ConnectionError::Create(error.to_string()))?;
        let peer = Self {
            library: ConnectionGuard {
                inner: Arc::new(library),
                runtime: tokio::runtime::Handle::current(),
            },
            events,
            granted,
            servers,
            quota,
            config: config.clone(),
        };
        Ok((peer, incoming))
    }

    /// Whether ICE has found a path.
    pub(super) fn has_path(&self) -> bool {
        self.events.ice_connected.load(Ordering::Relaxed)
    }
}
