//! What the callbacks of a connection report.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::CHANNEL_LABEL;
use tokio::sync::{oneshot, watch};
use tracing::debug;
use webrtc::data_channel::DataChannel;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState,
};

use crate::close::{CloseReason, CloseSignal};

/// Channels that a peer may open; one is served, and each of the others costs a task until it is closed.
const MAX_CHANNELS: usize = 16;

/// What the connection's callbacks report.
#[derive(Default)]
pub(super) struct ConnectionEvents {
    /// All candidates of this side are known.
    pub(super) gathered: watch::Sender<bool>,
    /// ICE has found a path.
    pub(super) ice_connected: AtomicBool,
    /// The connection is over.
    pub(super) closed: CloseSignal,
}

/// Resolves to the data channel that the peer opens.
pub(super) type ChannelReceiver = oneshot::Receiver<Arc<dyn DataChannel>>;

/// Takes the one channel that is served.
type ChannelSlot = Mutex<Option<oneshot::Sender<Arc<dyn DataChannel>>>>;

/// Turns the connection's callbacks into [`ConnectionEvents`]. Each must return at once: the
/// connection's own task awaits it.
pub(super) struct EventHandler {
    events: Arc<ConnectionEvents>,
    incoming: Arc<ChannelSlot>,
    /// Channels that the peer has opened.
    opened: AtomicUsize,
}

impl EventHandler {
    pub(super) fn new() -> (Self, ChannelReceiver) {
        let (sender, incoming) = oneshot::channel();
        let handler = Self {
            events: Arc::default(),
            incoming: Arc::new(Mutex::new(Some(sender))),
            opened: AtomicUsize::new(0),
        };
        (handler, incoming)
    }

    pub(super) fn events(&self) -> &Arc<ConnectionEvents> {
        &self.events
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for EventHandler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.events.gathered.send_replace(true);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        debug!(%state, "ICE");
        match state {
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                self.events.ice_connected.store(true, Ordering::Relaxed);
            }
            // Nothing was received for the whole peer timeout.
            RTCIceConnectionState::Disconnected | RTCIceConnectionState::Failed => {
                self.events.closed.close(CloseReason::PeerLost);
            }
            _ => {}
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        debug!(%state, "peer connection");
        match state {
            RTCPeerConnectionState::Failed => self.events.closed.close(CloseReason::PeerLost),
            RTCPeerConnectionState::Closed => self.events.closed.close(CloseReason::Remote),
            _ => {}
        }
    }

    async fn on_data_channel(&self, data: Arc<dyn DataChannel>) {
        if self.opened.fetch_add(1, Ordering::Relaxed) >= MAX_CHANNELS {
            self.events.closed.close(CloseReason::Violation);
            return;
        }
        tokio::spawn(sort_channel(data, self.incoming.clone()));
    }
}

/// Hands the first channel that carries frames over; every other one is closed.
async fn sort_channel(data: Arc<dyn DataChannel>, slot: Arc<ChannelSlot>) {
    let label = data.label().await.unwrap_or_default();
    let incoming = match label.as_str() {
        CHANNEL_LABEL => slot.lock().unwrap_or_else(PoisonError::into_inner).take(),
        _ => None,
    };
    let refused = match incoming {
        Some(incoming) => incoming.send(data).err(),
        None => Some(data),
    };
    let Some(data) = refused else { return };
    debug!(label, "closing a data channel that is not served");
    let _ = data.close().await;
    while data.poll().await.is_some() {}
}
