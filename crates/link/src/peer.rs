//! One WebRTC peer connection, from its settings to the open data channel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::CHANNEL_LABEL;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, warn};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfiguration,
    RTCConfigurationBuilder, RTCIceCandidateInit, RTCIceConnectionState, RTCIceGatheringState,
    RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, SettingEngine,
    SettingEngineBuilder,
};

use crate::channel::{Channel, CloseReason, Transport};
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::signaling::Candidate;
use crate::socket::{Granted, TunedRuntime};
use crate::{IceServer, interfaces};

/// Longest message that a peer may send, as announced in `a=max-message-size`, in bytes.
const MAX_MESSAGE_BYTES: u32 = 262_144;
/// Longest wait for STUN and TURN servers before offering the candidates found so far.
const GATHER_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of consent checks; several fit into the peer timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// What the connection's callbacks report, shared by everything that waits for it.
pub(crate) struct Signals {
    gathered: watch::Sender<bool>,
    ice_connected: AtomicBool,
    closed: watch::Sender<Option<CloseReason>>,
}

impl Signals {
    fn new() -> Arc<Self> {
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
struct Handler {
    signals: Arc<Signals>,
    incoming: Arc<IncomingSlot>,
}

/// Where the one channel that is served is waited for.
type IncomingSlot = Mutex<Option<oneshot::Sender<Arc<dyn DataChannel>>>>;

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

/// Closes the peer connection when dropped: the library's own task would run on otherwise.
pub(crate) struct Connection {
    inner: Arc<dyn PeerConnection>,
    runtime: tokio::runtime::Handle,
}

impl std::ops::Deref for Connection {
    type Target = Arc<dyn PeerConnection>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let inner = self.inner.clone();
        self.runtime.spawn(async move {
            let _ = inner.close().await;
        });
    }
}

/// A peer connection on its way to an open data channel.
pub(crate) struct Peer {
    connection: Connection,
    signals: Arc<Signals>,
    granted: Arc<Granted>,
    incoming: tokio::sync::Mutex<oneshot::Receiver<Arc<dyn DataChannel>>>,
    config: PeerConfig,
}

impl Peer {
    pub(crate) async fn new(config: &PeerConfig) -> Result<Self, PeerError> {
        let signals = Signals::new();
        let (sender, incoming) = oneshot::channel();
        let handler = Handler {
            signals: signals.clone(),
            incoming: Arc::new(Mutex::new(Some(sender))),
        };
        let (runtime, granted) = TunedRuntime::new(config.socket_buffer_bytes);
        let connection = PeerConnectionBuilder::new()
            .with_configuration(configuration(&config.ice_servers))
            .with_setting_engine(setting_engine(config))
            .with_handler(Arc::new(handler))
            .with_runtime(runtime)
            .with_udp_addrs(interfaces::bindable())
            .with_data_channel_send_buffer_limit(config.send_buffer_bytes.max(1))
            .build()
            .await
            .map_err(|error| PeerError::Create(error.to_string()))?;
        Ok(Self {
            connection: Connection {
                inner: Arc::new(connection),
                runtime: tokio::runtime::Handle::current(),
            },
            signals,
            granted,
            incoming: tokio::sync::Mutex::new(incoming),
            config: config.clone(),
        })
    }

    /// Creates the data channel and the offer for it, with all candidates.
    pub(crate) async fn offer(&self) -> Result<(Arc<dyn DataChannel>, String), PeerError> {
        let create = |error: webrtc::error::Error| PeerError::Create(error.to_string());
        let data = self
            .connection
            .create_data_channel(CHANNEL_LABEL, None)
            .await
            .map_err(create)?;
        let offer = self.connection.create_offer(None).await.map_err(create)?;
        self.connection
            .set_local_description(offer)
            .await
            .map_err(create)?;
        Ok((data, self.gathered_description().await?))
    }

    /// Takes a peer's offer; returns the answer with all candidates.
    pub(crate) async fn answer(&self, offer: String) -> Result<String, PeerError> {
        let offer = RTCSessionDescription::offer(offer).map_err(unusable)?;
        self.connection
            .set_remote_description(offer)
            .await
            .map_err(unusable)?;
        let answer = self
            .connection
            .create_answer(None)
            .await
            .map_err(unusable)?;
        self.connection
            .set_local_description(answer)
            .await
            .map_err(unusable)?;
        self.gathered_description().await
    }

    /// Takes the peer's answer to this side's offer.
    pub(crate) async fn take_answer(&self, answer: String) -> Result<(), PeerError> {
        let answer = RTCSessionDescription::answer(answer).map_err(unusable)?;
        self.connection
            .set_remote_description(answer)
            .await
            .map_err(unusable)
    }

    /// Adds a candidate that came after the description. A bad one is no reason to give up.
    pub(crate) async fn add_candidate(&self, candidate: Candidate) {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_mline_index,
            ..Default::default()
        };
        if let Err(error) = self.connection.add_ice_candidate(candidate).await {
            debug!(%error, "ignoring a candidate of the peer");
        }
    }

    /// Reference peers cannot take candidates one by one, so the description waits for all.
    async fn gathered_description(&self) -> Result<String, PeerError> {
        let mut gathered = self.signals.gathered.subscribe();
        if timeout(GATHER_TIMEOUT, gathered.wait_for(|done| *done))
            .await
            .is_err()
        {
            warn!("STUN and TURN servers are slow; going on with the candidates found so far");
        }
        let description = self.connection.local_description().await;
        description
            .map(|description| description.sdp)
            .ok_or_else(|| PeerError::Create("no local description".to_owned()))
    }

    /// The data channel that the other side creates, once it is there.
    pub(crate) async fn incoming(&self) -> Result<Arc<dyn DataChannel>, PeerError> {
        let mut incoming = self.incoming.lock().await;
        tokio::select! {
            data = &mut *incoming => data.map_err(|_| PeerError::Closed),
            reason = self.signals.closed() => Err(self.failure(reason)),
        }
    }

    /// Waits until `data` is open.
    pub(crate) async fn opened(&self, data: &Arc<dyn DataChannel>) -> Result<(), PeerError> {
        loop {
            let event = tokio::select! {
                event = data.poll() => event,
                reason = self.signals.closed() => return Err(self.failure(reason)),
            };
            match event {
                Some(DataChannelEvent::OnOpen) => return Ok(()),
                Some(DataChannelEvent::OnClose) | None => return Err(PeerError::Closed),
                Some(_) => {}
            }
        }
    }

    /// The channel over the open `data`.
    pub(crate) async fn into_channel(self, data: Arc<dyn DataChannel>) -> Channel {
        let max_message_bytes = match self.connection.sctp().await {
            Some(sctp) => sctp.max_message_size().await.unwrap_or(MAX_MESSAGE_BYTES),
            None => MAX_MESSAGE_BYTES,
        };
        let Self {
            connection,
            signals,
            granted,
            config,
            ..
        } = self;
        let transport = Transport::new(data, connection, signals, granted, max_message_bytes);
        Channel::new(transport, &config)
    }

    fn failure(&self, reason: CloseReason) -> PeerError {
        match reason {
            CloseReason::PeerLost if self.signals.ice_connected.load(Ordering::Relaxed) => {
                PeerError::Dtls
            }
            CloseReason::PeerLost => PeerError::Ice,
            CloseReason::Local | CloseReason::Remote => PeerError::Closed,
        }
    }
}

fn unusable(error: webrtc::error::Error) -> PeerError {
    PeerError::Description(error.to_string())
}

fn configuration(servers: &[IceServer]) -> RTCConfiguration {
    let usable = servers.iter().filter(|server| match server.unsupported() {
        Some(reason) => {
            warn!(?server, reason, "skipping a server");
            false
        }
        None => true,
    });
    let servers = usable.map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    RTCConfigurationBuilder::default()
        .with_ice_servers(servers.collect())
        .build()
}

fn setting_engine(config: &PeerConfig) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        // With mDNS on, a host without a multicast route cannot connect at all.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // Checks of a new connection go on for the sum of the first two.
        .with_ice_timeouts(
            Some(config.peer_timeout),
            Some(config.connect_timeout),
            Some(KEEP_ALIVE),
        )
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE_BYTES))
        .with_sctp_max_receive_buffer_size(config.receive_window_bytes.max(MAX_MESSAGE_BYTES))
        .with_sctp_mtu(config.sctp_mtu)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peer that offers and the one that answers, connecting; `others` are further channels
    /// that the first creates before the one for frames.
    async fn connecting(others: &[&str]) -> (Peer, Arc<dyn DataChannel>, Peer) {
        let config = PeerConfig::default();
        let (client, worker) = (Peer::new(&config).await, Peer::new(&config).await);
        let (client, worker) = (client.expect("client"), worker.expect("worker"));
        for label in others {
            let channel = client.connection.create_data_channel(label, None).await;
            channel.expect("another channel");
        }
        let (data, offer) = client.offer().await.expect("offer");
        let answer = worker.answer(offer).await.expect("answer");
        client.take_answer(answer).await.expect("taken");
        (client, data, worker)
    }

    #[tokio::test]
    async fn an_offer_carries_all_candidates_and_the_longest_message() {
        let peer = Peer::new(&PeerConfig::default()).await.expect("peer");
        let (_data, offer) = peer.offer().await.expect("offer");
        assert!(offer.contains("a=max-message-size:262144"), "{offer}");
        for address in interfaces::bindable() {
            assert!(offer.contains(&format!(" {} ", address.ip())), "{offer}");
        }
        assert!(offer.contains("a=end-of-candidates"), "{offer}");
    }

    #[tokio::test]
    async fn channels_with_another_label_are_closed_and_do_not_disturb() {
        let (client, data, worker) = connecting(&["chat", "video"]).await;
        let incoming = worker.incoming().await.expect("the channel for frames");
        assert_eq!(incoming.label().await.ok().as_deref(), Some(CHANNEL_LABEL));
        worker.opened(&incoming).await.expect("open");
        client.opened(&data).await.expect("open");
        let mut worker = worker.into_channel(incoming).await;
        let client = client.into_channel(data).await;
        client
            .sender
            .send(protocol::Message::KeepAlive)
            .await
            .expect("sent");
        let received = worker.receiver.recv().await.expect("open").expect("valid");
        assert_eq!(received, protocol::Message::KeepAlive);
    }

    #[tokio::test]
    async fn a_second_channel_for_frames_is_closed() {
        let (client, first, worker) = connecting(&[]).await;
        client.opened(&first).await.expect("open");
        let served = worker.incoming().await.expect("the channel for frames");
        worker.opened(&served).await.expect("open");
        let second = client
            .connection
            .create_data_channel(CHANNEL_LABEL, None)
            .await;
        let second = second.expect("created");
        while !matches!(second.poll().await, Some(DataChannelEvent::OnClose) | None) {}
        assert!(client.signals.closed_because().is_none());
    }

    #[test]
    fn the_first_reason_for_an_end_stands() {
        let signals = Signals::new();
        signals.close(CloseReason::PeerLost);
        signals.close(CloseReason::Remote);
        assert_eq!(signals.closed_because(), Some(CloseReason::PeerLost));
    }
}
