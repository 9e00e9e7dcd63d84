use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::config::PeerConfig;
use super::early_candidates::EarlyCandidates;
use super::handshake::{Handshake, HandshakeAnswer};
use crate::auth::AuthGate;
use crate::channel::Channel;
use crate::connection::MAX_DESCRIPTION_BYTES;
use crate::ice::IceCandidate;

/// Candidates that wait for their handshake.
const CANDIDATE_QUEUE_LEN: usize = 64;
/// Offers that wait for a handshake where clients have to authenticate.
pub(super) const MAX_QUEUED: usize = 64;
/// A handshake that takes longer may be evicted: most are over within a second.
const EVICTABLE_AFTER: Duration = Duration::from_secs(3);

/// A handshake that is running.
pub(super) struct RunningHandshake {
    since: Instant,
    /// The client's offer.
    offer: String,
    /// The answer to it, once it was sent.
    answer: Option<String>,
    candidates: mpsc::Sender<IceCandidate>,
    handshake: AbortHandle,
}

/// A client's offer whose handshake has not begun.
pub(super) struct QueuedOffer {
    client: String,
    sdp: String,
    since: Instant,
}

/// The handshakes of all clients: those that run, and offers that wait for one.
pub(super) struct Handshakes {
    pub(super) ready: mpsc::Sender<Channel>,
    answers: mpsc::Sender<HandshakeAnswer>,
    pub(super) gate: Arc<AuthGate>,
    pub(super) running: HashMap<String, RunningHandshake>,
    /// In order of arrival.
    pub(super) queued: VecDeque<QueuedOffer>,
    early: EarlyCandidates,
    /// The tasks of `running`.
    pub(super) tasks: JoinSet<()>,
}

impl Handshakes {
    pub(super) fn new(
        ready: mpsc::Sender<Channel>,
        answers: mpsc::Sender<HandshakeAnswer>,
    ) -> Self {
        Self {
            ready,
            answers,
            gate: Arc::default(),
            running: HashMap::new(),
            queued: VecDeque::new(),
            early: EarlyCandidates::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Whether no handshake runs or waits.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.queued.is_empty()
    }

    /// Starts a handshake. Another offer of the same client replaces its first; the same offer again asks
    /// for the answer.
    pub(super) fn receive_offer(&mut self, config: &PeerConfig, client: String, sdp: String) {
        if self.is_known(&client, &sdp) {
            return self.answer_again(client);
        }
        self.forget(&client);
        self.begin_queued(config);
        let is_open_to_all = config.auth.is_none();
        if sdp.len() > MAX_DESCRIPTION_BYTES || self.queued.len() == MAX_QUEUED {
            self.gate.count_refused();
            return debug!(client, bytes = sdp.len(), "not answering an offer");
        }
        let since = Instant::now();
        self.queued.push_back(QueuedOffer { client, sdp, since });
        self.begin_queued(config);
        if is_open_to_all && let Some(QueuedOffer { client, .. }) = self.queued.pop_front() {
            let limit = config.max_handshakes;
            warn!(client, limit, "too many handshakes, refusing one");
        }
    }

    /// Whether the client's offer is queued, or its handshake runs.
    fn is_known(&self, client: &str, sdp: &str) -> bool {
        let running = self.running.get(client);
        running.is_some_and(|running| running.offer == sdp && !running.handshake.is_finished())
            || self
                .queued
                .iter()
                .any(|offer| offer.client == client && offer.sdp == sdp)
    }

    /// Sends the client its answer again: it may not have got it. One that is still to come is sent
    /// by the handshake.
    fn answer_again(&self, client: String) {
        let answer = self.running.get(&client).and_then(|it| it.answer.clone());
        debug!(client, answered = answer.is_some(), "the same offer again");
        if let Some(sdp) = answer {
            // Where the queue is full the client offers again.
            let _ = self.answers.try_send(HandshakeAnswer { client, sdp });
        }
    }

    /// Keeps the answer of the client's handshake.
    pub(super) fn note_answer(&mut self, client: &str, sdp: &str) {
        if let Some(running) = self.running.get_mut(client) {
            running.answer = Some(sdp.to_owned());
        }
    }

    pub(super) fn receive_candidate(&mut self, client: String, candidate: IceCandidate) {
        match self.running.get(&client) {
            // More than the queue holds are of no use.
            Some(running) => drop(running.candidates.try_send(candidate)),
            None => self.early.keep(client, candidate),
        }
    }

    /// Begins the handshakes that may begin. Unauthenticated clients cause their cost, so there are few
    /// at a time and few a second, and each client has its turn.
    pub(super) fn begin_queued(&mut self, config: &PeerConfig) {
        self.running
            .retain(|_, running| !running.handshake.is_finished());
        // The client no longer waits for the answer.
        let longest = config.connection.connect_timeout;
        self.queued.retain(|offer| offer.since.elapsed() < longest);
        while !self.queued.is_empty() {
            self.evict_oldest(config);
            let is_full = self.running.len() >= config.max_handshakes;
            if is_full || !(config.auth.is_none() || self.gate.takes_offer()) {
                return;
            }
            if let Some(QueuedOffer { client, sdp, .. }) = self.queued.pop_front() {
                self.begin(config, client, sdp);
            }
        }
    }

    fn begin(&mut self, config: &PeerConfig, client: String, sdp: String) {
        debug!(client, "offer");
        let (candidates, queue) = mpsc::channel(CANDIDATE_QUEUE_LEN);
        for candidate in self.early.take(&client) {
            let _ = candidates.try_send(candidate);
        }
        let handshake = Handshake {
            client: client.clone(),
            config: config.clone(),
            answers: self.answers.clone(),
            ready: self.ready.clone(),
            gate: self.gate.clone(),
        };
        let offer = sdp.clone();
        let handshake = self.tasks.spawn(handshake.run(sdp, queue));
        self.running.insert(
            client,
            RunningHandshake {
                since: Instant::now(),
                offer,
                answer: None,
                candidates,
                handshake,
            },
        );
    }

    /// Where all handshakes that may run do, the one that has run longest is evicted, unless it is
    /// young: clients that only connect must not keep others out.
    fn evict_oldest(&mut self, config: &PeerConfig) {
        if config.auth.is_none() || self.running.len() < config.max_handshakes {
            return;
        }
        let oldest = self.running.iter().min_by_key(|(_, running)| running.since);
        if let Some((client, running)) = oldest
            && running.since.elapsed() >= EVICTABLE_AFTER
        {
            debug!(client, "evicting a handshake for another");
            let client = client.clone();
            self.forget(&client);
        }
    }

    /// Drops a client's offer and its handshake.
    pub(super) fn forget(&mut self, client: &str) {
        self.queued.retain(|offer| offer.client != client);
        if let Some(running) = self.running.remove(client)
            && !running.handshake.is_finished()
        {
            running.handshake.abort();
            self.gate.count_aborted();
        }
    }
}
