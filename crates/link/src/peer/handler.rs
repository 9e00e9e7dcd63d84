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

use crate::channel::CloseReason;

/// What the connection's callbacks report, shared by everything that waits for it.
pub(crate) struct Signals {
    pub(super) gathered: watch::Sender<bool>,
    pub(super) ice_connected: AtomicBool,
    closed: watch::Sender<Option<CloseReason>>,
}

impl Signals {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            gathered: watch::Sender::new(false),
            ice_connected: AtomicBool::new(false),
            closed: watch::Sender::new(None),
        })
    }

    /// Notes why the connection is over; the first reason stands.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(reason);
            first
        });
    }

    pub(crate) fn closed_because(&self) -> Option<CloseReason> {
        *self.closed.borrow()
    }

    /// Waits until the connection is over.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut closed = self.closed.subscribe();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(CloseReason::PeerLost),
            // The sender is a field of `self`, so it outlives this borrow.
            Err(_) => CloseReason::PeerLost,
        }
    }
}

/// Turns the connection's callbacks into [`Signals`]. Each must return at once: the connection's
/// own task awaits it.
pub(super) struct Handler {
    pub(super) signals: Arc<Signals>,
    pub(super) incoming: Arc<IncomingSlot>,
    /// Channels that the peer has opened.
    pub(super) opened: AtomicUsize,
}

/// Channels that a peer may open; one is served, and each of the others costs a task until it is closed.
const MAX_CHANNELS: usize = 16;

/// Where the one channel that is served is waited for.
pub(super) type IncomingSlot = Mutex<Option<oneshot::Sender<Arc<dyn DataChannel>>>>;

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.signals.gathered.send_replace(true);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        debug!(%state, "ICE");
        match state {
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                self.signals.ice_connected.store(true, Ordering::Relaxed);
            }
            // Nothing was heard for the whole peer timeout.
            RTCIceConnectionState::Disconnected | RTCIceConnectionState::Failed => {
                self.signals.close(CloseReason::PeerLost);
            }
            _ => {}
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        debug!(%state, "peer connection");
        match state {
            RTCPeerConnectionState::Failed => self.signals.close(CloseReason::PeerLost),
            RTCPeerConnectionState::Closed => self.signals.close(CloseReason::Remote),
            _ => {}
        }
    }

    async fn on_data_channel(&self, data: Arc<dyn DataChannel>) {
        if self.opened.fetch_add(1, Ordering::Relaxed) >= MAX_CHANNELS {
            self.signals.close(CloseReason::Violation);
            return;
        }
        tokio::spawn(sort_channel(data, self.incoming.clone()));
    }
}

/// Hands the first channel that carries frames over; every other one is closed.
async fn sort_channel(data: Arc<dyn DataChannel>, slot: Arc<IncomingSlot>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_for_an_end_stands() {
        let signals = Signals::new();
        signals.close(CloseReason::PeerLost);
        signals.close(CloseReason::Remote);
        assert_eq!(signals.closed_because(), Some(CloseReason::PeerLost));
    }
}
