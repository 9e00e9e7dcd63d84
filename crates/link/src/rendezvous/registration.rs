use std::time::Duration;

use net::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::config::PeerConfig;
use super::handshake::HandshakeAnswer;
use super::handshakes::Handshakes;
use super::worker_rendezvous::{Registered, WorkerRendezvous};
use crate::channel::Channel;
use crate::connection::ConfigError;
use crate::ice::IceServer;
use crate::random::random_u64;
use crate::signaling::rooms::{RoomError, of_code};
use crate::signaling::{SignalError, SignalingClient, SignalingMessage, answer};

/// Answers that wait to be sent.
const ANSWER_QUEUE_LEN: usize = 64;
/// How often queued offers are checked for one whose handshake may begin.
const QUEUE_CHECK_INTERVAL: Duration = Duration::from_millis(125);
/// First and longest pause between attempts to reach the signaling server again...
pub(super) const BACKOFF_RANGE: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(15));
/// ...which begins again only after a registration that lasted: a server may register and drop.
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// After this long a room is joined again where it provides relays: their credentials expire.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// Why a registration is given up although the server is there.
enum RegistrationEnd {
    /// The acceptor was dropped.
    AcceptorGone,
    /// The credentials that the room provides expire.
    CredentialsExpire,
}

/// Keeps the worker registered, and reads and writes its signaling messages.
pub(super) struct Registration {
    pub(super) rendezvous: WorkerRendezvous,
    id: String,
    pub(super) config: PeerConfig,
    /// The configured servers, without those that a room provides.
    own_servers: Vec<IceServer>,
    /// When it was registered.
    since: Instant,
    /// When to register again, if ever.
    renew_at: Option<Instant>,
    /// Pauses between attempts to register.
    pub(super) backoff: Backoff,
    pub(super) answers: mpsc::Receiver<HandshakeAnswer>,
    pub(super) handshakes: Handshakes,
    /// Whether clients find the worker at the moment.
    pub(super) is_registered: watch::Sender<bool>,
}

impl Registration {
    pub(super) fn new(
        rendezvous: WorkerRendezvous,
        config: PeerConfig,
        ready: mpsc::Sender<Channel>,
    ) -> Self {
        let (to_clients, answers) = mpsc::channel(ANSWER_QUEUE_LEN);
        Self {
            rendezvous,
            id: String::new(),
            own_servers: config.connection.ice.servers.clone(),
            config,
            since: Instant::now(),
            renew_at: None,
            backoff: Backoff::new(BACKOFF_RANGE.0, BACKOFF_RANGE.1),
            answers,
            handshakes: Handshakes::new(ready, to_clients),
            is_registered: watch::Sender::new(false),
        }
    }

    /// Takes a new registration.
    pub(super) fn registered(&mut self, registered: Registered) -> SignalingClient {
        self.id = registered.id;
        self.is_registered.send_replace(true);
        self.since = Instant::now();
        let expires = |server: &IceServer| !server.credential.is_empty();
        let provided = registered.ice_servers.iter();
        self.renew_at = provided
            .into_iter()
            .any(expires)
            .then(|| self.since + RENEWAL_INTERVAL);
        let ice = &mut self.config.connection.ice;
        ice.servers.clone_from(&self.own_servers);
        ice.servers.extend(registered.ice_servers);
        if let Some(room) = self.rendezvous.room()
            && self.config.connection.ice.lacks_relay()
        {
            let error = ConfigError::RelayOnly;
            warn!(room, %error, "--relay-only: no client can connect");
        }
        registered.signal
    }

    pub(super) async fn run(mut self, mut signal: SignalingClient) {
        loop {
            let ended = self.attend(&mut signal).await;
            self.is_registered.send_replace(false);
            let is_known_lost = match ended {
                Ok(RegistrationEnd::AcceptorGone) => return signal.close().await,
                Ok(RegistrationEnd::CredentialsExpire) => {
                    debug!("joining the room again: the credentials of its relays expire");
                    signal.close().await;
                    false
                }
                Err(error) => {
                    warn!(%error, "lost the signaling server; established channels go on");
                    true
                }
            };
            signal = self.register_again(is_known_lost).await;
        }
    }

    /// Serves until the signaling server is lost, or left (`Ok`).
    async fn attend(
        &mut self,
        signal: &mut SignalingClient,
    ) -> Result<RegistrationEnd, SignalError> {
        loop {
            let renew_at = self.renew_at.filter(|_| self.handshakes.is_empty());
            tokio::select! {
                incoming = signal.next() => {
                    self.receive(incoming?)?;
                    // Messages that come all the time must not put off the check below.
                    self.handshakes.begin_queued(&self.config);
                }
                Some(HandshakeAnswer { client, sdp }) = self.answers.recv() => {
                    self.handshakes.note_answer(&client, &sdp);
                    signal.send(&answer(&self.id, &client, &sdp)).await?;
                }
                news = self.rendezvous.news(&self.id, &self.config) => signal.send(&news).await?,
                Some(_) = self.handshakes.tasks.join_next() => self.handshakes.begin_queued(&self.config),
                () = sleep(QUEUE_CHECK_INTERVAL), if !self.handshakes.queued.is_empty() => self.handshakes.begin_queued(&self.config),
                () = net::due(renew_at.map(Instant::into_std)) => return Ok(RegistrationEnd::CredentialsExpire),
                () = self.handshakes.ready.closed() => return Ok(RegistrationEnd::AcceptorGone),
            }
        }
    }

    /// Acts on a message. An error: the server no longer counts this worker as registered.
    pub(super) fn receive(&mut self, incoming: SignalingMessage) -> Result<(), SignalError> {
        match incoming {
            SignalingMessage::Offer { sender, sdp } => {
                self.handshakes.receive_offer(&self.config, sender, sdp)
            }
            SignalingMessage::Candidate {
                sender: Some(sender),
                candidate,
            } => self.handshakes.receive_candidate(sender, candidate),
            SignalingMessage::Error { code, message, .. }
                if self.rendezvous.room().is_some()
                    && of_code(&code, &message) == RoomError::NotInRoom =>
            {
                return Err(RoomError::NotInRoom.into());
            }
            SignalingMessage::Error {
                undelivered: Some(client),
                ..
            } => {
                debug!(client, "gone before its answer");
                self.handshakes.forget(&client);
            }
            SignalingMessage::Error { message, .. } => debug!(message, "signaling server"),
            _ => {}
        }
        Ok(())
    }

    /// Tries until the worker is registered again. Each reason for a failure is logged once.
    async fn register_again(&mut self, mut is_known_lost: bool) -> SignalingClient {
        if self.since.elapsed() >= STABLE_AFTER {
            self.backoff.reset();
        }
        let mut is_known_refused = false;
        loop {
            sleep(self.next_pause()).await;
            match self.rendezvous.register(&self.id, &self.config).await {
                Ok(registered) => {
                    let signal = self.registered(registered);
                    let (id, url) = (&self.id, self.rendezvous.url());
                    info!(id, url, "registered again");
                    return signal;
                }
                Err(error @ (SignalError::Room(_) | SignalError::IdTaken { .. })) => {
                    if !std::mem::replace(&mut is_known_refused, true) {
                        warn!(%error, "not let in again; trying on");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_known_lost, true) {
                        warn!(%error, "cannot reach the signaling server; established channels go on");
                    }
                }
            }
        }
    }

    /// The next pause, with a random part of up to a half added: workers that lost their server at the
    /// same time do not all register at the same time.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.backoff.next_pause();
        let part = random_u64() as f64 / u64::MAX as f64;
        pause.mul_f64(1.0 + part / 2.0)
    }
}
