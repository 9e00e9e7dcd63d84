//! One WebRTC peer connection, from its settings to the open data channel.

mod fingerprints;
mod handler;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::CHANNEL_LABEL;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, warn};
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, RTCIceCandidateInit, RTCSessionDescription,
};

pub(crate) use handler::Signals;

use crate::auth::{Auth, Quota};
use crate::channel::{Channel, CloseReason, Transport};
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::ice::candidates::MAX_ADDED;
use crate::ice::servers::Servers;
use crate::ice::{Candidates, PathFailure, ServerFailure, candidates};
use crate::interfaces;
use crate::lanes::{Lane, Lanes, Pipe, decode};
use crate::signaling::Candidate;
use crate::socket::{Granted, TunedRuntime};
use handler::Handler;
use settings::{MAX_MESSAGE_BYTES, configuration, setting_engine};

/// Longest wait for STUN and TURN servers before offering the candidates found so far.
const GATHER_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts to open the sockets; a port that was free may be taken before it is bound.
const BIND_ATTEMPTS: usize = 4;
/// Messages that a peer may send before this side has its channel open, and their bytes together.
const MAX_EARLY: usize = 16;
const MAX_EARLY_BYTES: usize = 65_536;
/// Longest description that is taken from a peer, in bytes: many times one with all its candidates.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 64 << 10;
/// Media of a peer's description: data channels, and what else a browser may have open.
const MAX_MEDIA: usize = 8;
/// Says that no candidate follows a description (RFC 8840).
const END_OF_CANDIDATES: &str = "a=end-of-candidates\r\n";

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
    servers: Arc<Servers>,
    quota: Arc<Quota>,
    /// What each side offered so far, this one first.
    offered: Mutex<(Candidates, Candidates)>,
    /// Candidates that the other side sent after its description.
    added: AtomicUsize,
    incoming: tokio::sync::Mutex<oneshot::Receiver<Arc<dyn DataChannel>>>,
    early: Mutex<VecDeque<RTCDataChannelMessage>>,
    config: PeerConfig,
}

impl Peer {
    pub(crate) async fn new(config: &PeerConfig) -> Result<Self, PeerError> {
        let mut attempts = 1;
        loop {
            let addresses = interfaces::bindable(config)?;
            let wanted = addresses.len();
            let peer = Self::bound_to(addresses, config).await;
            // Ports chosen by the system are never taken.
            let complete = config.ports.is_none()
                || peer
                    .as_ref()
                    .is_ok_and(|peer| peer.granted.sockets() == wanted);
            if complete || attempts == BIND_ATTEMPTS {
                return peer;
            }
            attempts += 1;
        }
    }

    async fn bound_to(addresses: Vec<SocketAddr>, config: &PeerConfig) -> Result<Self, PeerError> {
        let signals = Signals::new();
        let (sender, incoming) = oneshot::channel();
        let handler = Handler {
            signals: signals.clone(),
            incoming: Arc::new(Mutex::new(Some(sender))),
            opened: Default::default(),
        };
        let quota = Quota::new(!config.auth.is_none(), signals.clone());
        let locals = addresses.iter().map(SocketAddr::ip).collect();
        let servers = Arc::new(Servers::new(config.ice_servers.clone(), locals));
        let (runtime, granted) =
            TunedRuntime::new(config.socket_buffer_bytes, servers.clone(), quota.clone());
        let connection = PeerConnectionBuilder::new()
            .with_configuration(configuration(&servers, config.relay_only))
            .with_setting_engine(setting_engine(config))
            .with_handler(Arc::new(handler))
            .with_runtime(runtime)
            .with_udp_addrs(addresses)
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
            servers,
            quota,
            offered: Mutex::default(),
            added: AtomicUsize::default(),
            incoming: tokio::sync::Mutex::new(incoming),
            early: Mutex::default(),
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
        let description = self.gathered_description().await?;
        if self.config.relay_only && candidates::none_will_come(&description) {
            return Err(self.no_path());
        }
        Ok((data, description))
    }

    /// Takes a peer's offer; returns the answer with all candidates.
    pub(crate) async fn answer(&self, offer: String) -> Result<String, PeerError> {
        let offer = self.readable(&offer)?;
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
        let answer = self.readable(&answer)?;
        let nothing_to_try = candidates::none_will_come(&answer);
        let answer = RTCSessionDescription::answer(answer).map_err(unusable)?;
        self.connection
            .set_remote_description(answer)
            .await
            .map_err(unusable)?;
        match nothing_to_try {
            true => Err(self.no_path()),
            false => Ok(()),
        }
    }

    /// The peer's description without what cannot be used; notes its candidates.
    fn readable(&self, sdp: &str) -> Result<String, PeerError> {
        check_description(sdp)?;
        let sdp = candidates::without_unusable(sdp);
        self.offered().1 = candidates::of_description(&sdp);
        Ok(sdp)
    }

    /// Adds a candidate that came after the description. A bad one is no reason to give up.
    pub(crate) async fn add_candidate(&self, candidate: Candidate) {
        let is_one_too_many = self.added.fetch_add(1, Ordering::Relaxed) >= MAX_ADDED;
        if is_one_too_many || !candidates::usable(&candidate.candidate) {
            return;
        }
        self.offered().1.add(&candidate.candidate);
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
        let gathering = gathered.wait_for(|done| *done);
        let complete = timeout(GATHER_TIMEOUT, gathering).await.is_ok();
        for ServerFailure { server, fault } in self.servers.failures() {
            warn!(server, %fault, "a STUN or TURN server is of no use");
        }
        let description = self.connection.local_description().await;
        let Some(description) = description else {
            return Err(PeerError::Create("no local description".to_owned()));
        };
        let mut sdp = description.sdp;
        if self.config.relay_only {
            sdp = candidates::without_related_addresses(&sdp);
        }
        if !complete && !sdp.contains(END_OF_CANDIDATES) {
            // Candidates that come later are not sent: the peer need not wait for them.
            sdp.push_str(END_OF_CANDIDATES);
        }
        self.offered().0 = candidates::of_description(&sdp);
        Ok(sdp)
    }

    /// The data channel that the other side creates, once it is there.
    pub(crate) async fn incoming(&self) -> Result<Arc<dyn DataChannel>, PeerError> {
        let mut incoming = self.incoming.lock().await;
        tokio::select! {
            data = &mut *incoming => data.map_err(|_| PeerError::Closed),
            reason = self.signals.closed() => Err(self.failure(reason)),
        }
    }

    /// Waits until `data` is open. The library may report a peer's first messages before that, as
    /// where they are relayed: those are kept.
    pub(crate) async fn opened(&self, data: &Arc<dyn DataChannel>) -> Result<(), PeerError> {
        loop {
            let event = tokio::select! {
                event = data.poll() => event,
                reason = self.signals.closed() => return Err(self.failure(reason)),
            };
            match event {
                Some(DataChannelEvent::OnOpen) => return Ok(()),
                Some(DataChannelEvent::OnClose) | None => return Err(PeerError::Closed),
                Some(DataChannelEvent::OnMessage(message)) => self.keep_early(message)?,
                Some(_) => {}
            }
        }
    }

    fn keep_early(&self, message: RTCDataChannelMessage) -> Result<(), PeerError> {
        let mut early = self.early();
        let bytes: usize = early.iter().map(|early| early.data.len()).sum();
        if early.len() == MAX_EARLY || bytes + message.data.len() > MAX_EARLY_BYTES {
            return Err(PeerError::Closed);
        }
        early.push_back(message);
        Ok(())
    }

    /// Messages that came before the channel was open, in their order.
    pub(crate) fn early(&self) -> MutexGuard<'_, VecDeque<RTCDataChannelMessage>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the other side has to prove before a channel may come about.
    pub(crate) fn auth(&self) -> &Auth {
        &self.config.auth
    }

    pub(crate) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// The other side has proved what it was asked to.
    pub(crate) fn trust(&self) {
        self.quota.lift();
    }

    /// A further lane of a channel, over the open `data`.
    pub(crate) async fn into_lane(self, data: Arc<dyn DataChannel>) -> Lane {
        let pipe = Pipe {
            data,
            drained: Arc::default(),
            max_message_bytes: self.max_message_bytes().await as usize,
        };
        Lane::new(pipe, self.connection, self.signals)
    }

    async fn max_message_bytes(&self) -> u32 {
        match self.connection.sctp().await {
            Some(sctp) => sctp.max_message_size().await.unwrap_or(MAX_MESSAGE_BYTES),
            None => MAX_MESSAGE_BYTES,
        }
    }

    /// The channel over the open `data`.
    pub(crate) async fn into_channel(self, data: Arc<dyn DataChannel>) -> Channel {
        let max_message_bytes = self.max_message_bytes().await;
        let Self {
            connection,
            signals,
            granted,
            servers,
            config,
            early,
            ..
        } = self;
        let lanes = Lanes::new(&config);
        let transport = Transport::new(
            data,
            connection,
            signals,
            granted,
            servers,
            max_message_bytes,
            lanes,
        );
        let mut channel = Channel::new(transport, &config);
        for message in early.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let raw = (message.is_string, message.data.freeze());
            channel.receiver.keep(decode(raw, &config.limits));
        }
        channel
    }

    /// The STUN and TURN servers that are of no use, as far as is known.
    pub(crate) fn server_failures(&self) -> Vec<ServerFailure> {
        self.servers.failures()
    }

    /// Why no data channel is open after `waited`.
    pub(crate) fn timed_out(&self, waited: Duration) -> PeerError {
        match self.ice_connected() {
            true => PeerError::Timeout { waited },
            false => self.no_path(),
        }
    }

    fn failure(&self, reason: CloseReason) -> PeerError {
        match reason {
            CloseReason::PeerLost if self.ice_connected() => PeerError::Dtls,
            CloseReason::PeerLost => self.no_path(),
            CloseReason::Local | CloseReason::Remote | CloseReason::Violation => PeerError::Closed,
        }
    }

    fn ice_connected(&self) -> bool {
        self.signals.ice_connected.load(Ordering::Relaxed)
    }

    fn no_path(&self) -> PeerError {
        let (local, remote) = self.offered().clone();
        PeerError::NoPath(Box::new(PathFailure {
            local,
            remote,
            servers: self.servers.failures(),
            relay_only: self.config.relay_only,
        }))
    }

    fn offered(&self) -> MutexGuard<'_, (Candidates, Candidates)> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be known of a peer's description before anything is made for it.
pub(crate) fn check_description(sdp: &str) -> Result<(), PeerError> {
    if sdp.len() > MAX_DESCRIPTION_BYTES {
        let bytes = sdp.len();
        return Err(PeerError::Description(format!(
            "{bytes} bytes, at most {MAX_DESCRIPTION_BYTES} are taken"
        )));
    }
    let media = sdp.lines().filter(|line| line.starts_with("m=")).count();
    if media > MAX_MEDIA {
        return Err(PeerError::Description(format!(
            "{media} media, at most {MAX_MEDIA} are taken"
        )));
    }
    Ok(())
}

fn unusable(error: webrtc::error::Error) -> PeerError {
    PeerError::Description(error.to_string())
}
