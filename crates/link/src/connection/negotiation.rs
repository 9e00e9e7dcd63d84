//! A connection on its way to an open data channel.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use protocol::CHANNEL_LABEL;
use tokio::time::timeout;
use tracing::{debug, warn};
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{RTCIceCandidateInit, RTCSessionDescription};

use super::association::{Association, RawMessage};
use super::config::ConnectionConfig;
use super::error::ConnectionError;
use super::events::ChannelReceiver;
use super::open::Connection;
use super::peer_connection::PeerConnection;
use super::settings::MAX_MESSAGE_BYTES;
use crate::close::CloseReason;
use crate::ice::candidates::MAX_ADDED;
use crate::ice::{CandidateSummary, IceCandidate, PathFailure, ServerFailure, candidates};

/// Longest wait for STUN and TURN servers before offering the candidates found so far.
const GATHER_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of a data channel that both sides create.
const ONCE_CHANNEL: u16 = 0;
/// Messages that a peer may send before this side has its channel open, and their bytes together.
pub(super) const MAX_EARLY: usize = 16;
const MAX_EARLY_BYTES: usize = 65_536;
/// Longest description that is taken from a peer, in bytes: many times one with all its candidates.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 64 << 10;
/// Media of a peer's description: data channels, and what else a browser may have open.
const MAX_MEDIA: usize = 8;
/// Marks a description that no candidate follows (RFC 8840).
const END_OF_CANDIDATES: &str = "a=end-of-candidates\r\n";

/// A connection on its way to an open data channel. It closes when this is dropped.
pub(crate) struct Negotiation {
    pub(super) peer: PeerConnection,
    candidates: Candidates,
    incoming: tokio::sync::Mutex<ChannelReceiver>,
    /// The data channel: this side's own, or the peer's once it has created it.
    data: OnceLock<Arc<dyn DataChannel>>,
    /// Messages that came before the data channel was open, in their order.
    early: Mutex<VecDeque<RawMessage>>,
}

/// What a data channel does for its messages, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of them arrive, in order. The side that offers creates the channel.
    Reliable,
    /// Each is sent once, and none waits for another. Both sides create the channel, since the library's
    /// answering side would send over one that it is offered as over a reliable one.
    Once,
}

impl Delivery {
    fn init(self) -> Option<RTCDataChannelInit> {
        (self == Self::Once).then(|| RTCDataChannelInit {
            ordered: false,
            max_retransmits: Some(0),
            negotiated: Some(ONCE_CHANNEL),
            ..RTCDataChannelInit::default()
        })
    }
}

/// What both sides offered so far.
#[derive(Default)]
struct Candidates {
    local: Mutex<CandidateSummary>,
    remote: Mutex<CandidateSummary>,
    /// Candidates that the peer sent after its description.
    added: AtomicUsize,
}

impl Negotiation {
    /// `auth_pending`: the peer is bounded in what it sends until [`Connection::trust`].
    pub(crate) async fn new(
        config: &ConnectionConfig,
        auth_pending: bool,
    ) -> Result<Self, ConnectionError> {
        let (peer, incoming) = PeerConnection::new(config, auth_pending).await?;
        Ok(Self {
            peer,
            candidates: Candidates::default(),
            incoming: tokio::sync::Mutex::new(incoming),
            data: OnceLock::new(),
            early: Mutex::default(),
        })
    }

    /// Creates the data channel and the offer for it, with all candidates.
    pub(crate) async fn offer(&self, delivery: Delivery) -> Result<String, ConnectionError> {
        let create = |error: webrtc::error::Error| ConnectionError::Create(error.to_string());
        let library = &self.peer.library;
        self.create_channel(delivery).await?;
        let offer = library.create_offer(None).await.map_err(create)?;
        library.set_local_description(offer).await.map_err(create)?;
        let description = self.gathered_description().await?;
        if self.peer.config.ice.relay_only && candidates::none_will_come(&description) {
            return Err(self.no_path());
        }
        Ok(description)
    }

    /// Creates the data channel. The side that answers does so only where both sides know beforehand
    /// that there is one.
    async fn create_channel(&self, delivery: Delivery) -> Result<(), ConnectionError> {
        let library = &self.peer.library;
        let data = library
            .create_data_channel(CHANNEL_LABEL, delivery.init())
            .await
            .map_err(|error| ConnectionError::Create(error.to_string()))?;
        let _ = self.data.set(data);
        Ok(())
    }

    /// Takes a peer's offer of a connection whose data channel delivers so; returns the answer with all
    /// candidates.
    pub(crate) async fn answer_for(
        &self,
        offer: String,
        delivery: Delivery,
    ) -> Result<String, ConnectionError> {
        if delivery == Delivery::Once {
            self.create_channel(delivery).await?;
        }
        self.answer(offer).await
    }

    /// Takes a peer's offer; returns the answer with all candidates.
    pub(crate) async fn answer(&self, offer: String) -> Result<String, ConnectionError> {
        let offer = self.readable(&offer)?;
        let offer = RTCSessionDescription::offer(offer).map_err(unusable)?;
        let library = &self.peer.library;
        library
            .set_remote_description(offer)
            .await
            .map_err(unusable)?;
        let answer = library.create_answer(None).await.map_err(unusable)?;
        library
            .set_local_description(answer)
            .await
            .map_err(unusable)?;
        self.gathered_description().await
    }

    /// Takes the peer's answer to this side's offer.
    pub(crate) async fn take_answer(&self, answer: String) -> Result<(), ConnectionError> {
        let answer = self.readable(&answer)?;
        let nothing_to_try = candidates::none_will_come(&answer);
        let answer = RTCSessionDescription::answer(answer).map_err(unusable)?;
        let library = &self.peer.library;
        library
            .set_remote_description(answer)
            .await
            .map_err(unusable)?;
        match nothing_to_try {
            true => Err(self.no_path()),
            false => Ok(()),
        }
    }

    /// The peer's description without what cannot be used; notes its candidates.
    fn readable(&self, sdp: &str) -> Result<String, ConnectionError> {
        check_description(sdp)?;
        let sdp = candidates::without_unusable(sdp);
        *lock(&self.candidates.remote) = candidates::of_description(&sdp);
        Ok(sdp)
    }

    /// Adds a candidate that came after the description. A bad one is no reason to give up.
    pub(crate) async fn add_candidate(&self, candidate: IceCandidate) {
        let added = self.candidates.added.fetch_add(1, Ordering::Relaxed);
        if added >= MAX_ADDED || !candidates::usable(&candidate.candidate) {
            return;
        }
        lock(&self.candidates.remote).add(&candidate.candidate);
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_mline_index,
            ..Default::default()
        };
        if let Err(error) = self.peer.library.add_ice_candidate(candidate).await {
            debug!(%error, "ignoring a candidate of the peer");
        }
    }

    /// Reference peers cannot take candidates one by one, so the description waits for all.
    async fn gathered_description(&self) -> Result<String, ConnectionError> {
        let mut gathered = self.peer.events.gathered.subscribe();
        let gathering = gathered.wait_for(|done| *done);
        let complete = timeout(GATHER_TIMEOUT, gathering).await.is_ok();
        for ServerFailure { server, fault } in self.peer.servers.failures() {
            warn!(server, %fault, "a STUN or TURN server is of no use");
        }
        let description = self.peer.library.local_description().await;
        let Some(description) = description else {
            let reason = "no local description".to_owned();
            return Err(ConnectionError::Create(reason));
        };
        let mut sdp = candidates::without_media(&description.sdp);
        if self.peer.config.ice.relay_only {
            sdp = candidates::without_related_addresses(&sdp);
        }
        if !complete && !sdp.contains(END_OF_CANDIDATES) {
            // Candidates that come later are not sent: the peer need not wait for them.
            sdp.push_str(END_OF_CANDIDATES);
        }
        *lock(&self.candidates.local) = candidates::of_description(&sdp);
        Ok(sdp)
    }

    /// Waits until the data channel is open: this side's own, or the one that the peer creates. The
    /// library may report a peer's first messages before that, as where they are relayed: those are
    /// kept.
    pub(crate) async fn opened(&self) -> Result<(), ConnectionError> {
        let data = match self.data.get() {
            Some(own) => own.clone(),
            None => self.incoming().await?,
        };
        loop {
            let event = tokio::select! {
                event = data.poll() => event,
                reason = self.peer.events.closed.closed() => return Err(self.failure(reason)),
            };
            match event {
                Some(DataChannelEvent::OnOpen) => return Ok(()),
                Some(DataChannelEvent::OnClose) | None => return Err(ConnectionError::Closed),
                Some(DataChannelEvent::OnMessage(message)) => self.keep_early(message.into())?,
                Some(_) => {}
            }
        }
    }

    /// The data channel that the peer creates, once it is there.
    pub(super) async fn incoming(&self) -> Result<Arc<dyn DataChannel>, ConnectionError> {
        let mut incoming = self.incoming.lock().await;
        let data = tokio::select! {
            data = &mut *incoming => data.map_err(|_| ConnectionError::Closed)?,
            reason = self.peer.events.closed.closed() => return Err(self.failure(reason)),
        };
        Ok(self.data.get_or_init(|| data).clone())
    }

    pub(super) fn keep_early(&self, message: RawMessage) -> Result<(), ConnectionError> {
        let mut early = lock(&self.early);
        let bytes: usize = early.iter().map(|early| early.data.len()).sum();
        if early.len() == MAX_EARLY || bytes + message.data.len() > MAX_EARLY_BYTES {
            return Err(ConnectionError::Closed);
        }
        early.push_back(message);
        Ok(())
    }

    /// The connection, whose data channel is [open](Self::opened).
    pub(crate) async fn into_connection(self) -> Result<Connection, ConnectionError> {
        let max_message_bytes = match self.peer.library.sctp().await {
            Some(sctp) => sctp.max_message_size().await.unwrap_or(MAX_MESSAGE_BYTES),
            None => MAX_MESSAGE_BYTES,
        };
        let data = self.data.into_inner().ok_or(ConnectionError::Closed)?;
        let early = self.early.into_inner();
        let early = early.unwrap_or_else(PoisonError::into_inner);
        let association = Association::new(data, max_message_bytes as usize, early);
        Ok(Connection::new(self.peer, association))
    }

    /// The STUN and TURN servers that are of no use, as far as is known.
    pub(crate) fn server_failures(&self) -> Vec<ServerFailure> {
        self.peer.servers.failures()
    }

    /// Why no data channel is open after `waited`.
    pub(crate) fn timed_out(&self, waited: Duration) -> ConnectionError {
        match self.peer.has_path() {
            true => ConnectionError::Timeout { waited },
            false => self.no_path(),
        }
    }

    fn failure(&self, reason: CloseReason) -> ConnectionError {
        match reason {
            CloseReason::PeerLost if self.peer.has_path() => ConnectionError::Dtls,
            CloseReason::PeerLost => self.no_path(),
            CloseReason::Local
            | CloseReason::Remote
            | CloseReason::Silent
            | CloseReason::Violation => ConnectionError::Closed,
        }
    }

    fn no_path(&self) -> ConnectionError {
        ConnectionError::NoPath(Box::new(PathFailure {
            local: lock(&self.candidates.local).clone(),
            remote: lock(&self.candidates.remote).clone(),
            servers: self.peer.servers.failures(),
            relay_only: self.peer.config.ice.relay_only,
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The lists are valid whatever panicked while one was locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What can be known of a peer's description before anything is made for it.
pub(crate) fn check_description(sdp: &str) -> Result<(), ConnectionError> {
    if sdp.len() > MAX_DESCRIPTION_BYTES {
        let bytes = sdp.len();
        return Err(ConnectionError::Description(format!(
            "{bytes} bytes, at most {MAX_DESCRIPTION_BYTES} are taken"
        )));
    }
    let media = sdp.lines().filter(|line| line.starts_with("m=")).count();
    if media > MAX_MEDIA {
        return Err(ConnectionError::Description(format!(
            "{media} media, at most {MAX_MEDIA} are taken"
        )));
    }
    Ok(())
}

fn unusable(error: webrtc::error::Error) -> ConnectionError {
    ConnectionError::Description(error.to_string())
}
