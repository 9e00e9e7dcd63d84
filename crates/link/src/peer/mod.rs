//! One WebRTC peer connection, from its settings to the open data channel.

mod handler;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::CHANNEL_LABEL;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, warn};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, RTCIceCandidateInit, RTCSessionDescription,
};

pub(crate) use handler::Signals;

use crate::channel::{Channel, CloseReason, Transport};
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::interfaces;
use crate::signaling::Candidate;
use crate::socket::{Granted, TunedRuntime};
use handler::Handler;
use settings::{MAX_MESSAGE_BYTES, configuration, setting_engine};

/// Longest wait for STUN and TURN servers before offering the candidates found so far.
const GATHER_TIMEOUT: Duration = Duration::from_secs(5);

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
