use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::QUEUE;
use super::early::EarlyCandidates;
use super::handshake::{Answer, Handshake};
use crate::auth::Gate;
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::peer::MAX_DESCRIPTION_BYTES;
use crate::signaling::Candidate;

/// Offers that wait for a handshake where clients have to show who they are.
pub(super) const MAX_WAITING: usize = 64;
/// A handshake that takes longer may have to give way: most are over within a second.
const GIVE_WAY_AFTER: Duration = Duration::from_secs(3);

/// A client whose handshake is under way.
pub(super) struct Guest {
    since: Instant,
    /// What it offered.
    offer: String,
    /// What it was answered, once it was.
    answer: Option<String>,
    candidates: mpsc::Sender<Candidate>,
    handshake: AbortHandle,
}

/// A client's offer that nothing was done about yet.
pub(super) struct Offer {
    client: String,
    sdp: String,
    since: Instant,
}

/// The clients that want a channel: those whose handshake is under way, and those that wait for one.
pub(super) struct Guests {
    pub(super) ready: mpsc::Sender<Channel>,
    answers: mpsc::Sender<Answer>,
    pub(super) gate: Arc<Gate>,
    pub(super) under_way: HashMap<String, Guest>,
    /// In order of arrival.
    pub(super) waiting: VecDeque<Offer>,
    early: EarlyCandidates,
    /// Those of `under_way`.
    pub(super) tasks: JoinSet<()>,
}

impl Guests {
    pub(super) fn new(ready: mpsc::Sender<Channel>, answers: mpsc::Sender<Answer>) -> Self {
        Self {
            ready,
            answers,
            gate: Arc::default(),
            under_way: HashMap::new(),
            waiting: VecDeque::new(),
            early: EarlyCandidates::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Whether nobody wants a channel at the moment.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.waiting.is_empty()
    }

    /// Starts a handshake. Another offer of the same client replaces its first; the same offer once more
    /// is a question after the answer.
    pub(super) fn receive_offer(&mut self, config: &PeerConfig, client: String, sdp: String) {
        if self.is_known(&client, &sdp) {
            return self.answer_again(client);
        }
        self.forget(&client);
        self.begin_waiting(config);
        let is_open_to_all = config.auth.is_none();
        if sdp.len() > MAX_DESCRIPTION_BYTES || self.waiting.len() == MAX_WAITING {
            self.gate.count_turned_away();
            return debug!(client, bytes = sdp.len(), "not answering an offer");
        }
        let since = Instant::now();
        self.waiting.push_back(Offer { client, sdp, since });
        self.begin_waiting(config);
        if is_open_to_all && let Some(Offer { client, .. }) = self.waiting.pop_front() {
            let limit = config.max_handshakes;
            warn!(client, limit, "too many handshakes, refusing one");
        }
    }

    /// Whether the client's offer waits, or its handshake is under way.
    fn is_known(&self, client: &str, sdp: &str) -> bool {
        let under_way = self.under_way.get(client);
        under_way.is_some_and(|guest| guest.offer == sdp && !guest.handshake.is_finished())
            || self
                .waiting
                .iter()
                .any(|offer| offer.client == client && offer.sdp == sdp)
    }

    /// The client may not have got its answer. One that is still to come goes by itself.
    fn answer_again(&self, client: String) {
        let answer = self.under_way.get(&client).and_then(|it| it.answer.clone());
        debug!(client, answered = answer.is_some(), "the same offer again");
        if let Some(sdp) = answer {
            // Without room in the queue the client asks once more.
            let _ = self.answers.try_send(Answer { client, sdp });
        }
    }

    /// The client's handshake has this answer.
    pub(super) fn answers_with(&mut self, client: &str, sdp: &str) {
        if let Some(guest) = self.under_way.get_mut(client) {
            guest.answer = Some(sdp.to_owned());
        }
    }

    pub(super) fn receive_candidate(&mut self, client: String, candidate: Candidate) {
        match self.under_way.get(&client) {
            // More than the queue holds are of no use.
            Some(guest) => drop(guest.candidates.try_send(candidate)),
            None => self.early.keep(client, candidate),
        }
    }

    /// Begins the handshakes that may begin: what they cost, strangers make this side spend, so there
    /// are few at a time and few a second, and each client has its turn.
    pub(super) fn begin_waiting(&mut self, config: &PeerConfig) {
        self.under_way
            .retain(|_, guest| !guest.handshake.is_finished());
        // Nobody waits for the answer any longer.
        let longest = config.connect_timeout;
        self.waiting.retain(|offer| offer.since.elapsed() < longest);
        while !self.waiting.is_empty() {
            self.make_room(config);
            let is_full = self.under_way.len() >= config.max_handshakes;
            if is_full || !(config.auth.is_none() || self.gate.takes_offer()) {
                return;
            }
            if let Some(Offer { client, sdp, .. }) = self.waiting.pop_front() {
                self.begin(config, client, sdp);
            }
        }
    }

    fn begin(&mut self, config: &PeerConfig, client: String, sdp: String) {
        debug!(client, "offer");
        let (candidates, queue) = mpsc::channel(QUEUE);
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
        self.under_way.insert(
            client,
            Guest {
                since: Instant::now(),
                offer,
                answer: None,
                candidates,
                handshake,
            },
        );
    }

    /// Where all places are taken, the handshake that has lasted longest gives way, unless it is
    /// young: clients that only hold a place must not keep others out.
    fn make_room(&mut self, config: &PeerConfig) {
        if config.auth.is_none() || self.under_way.len() < config.max_handshakes {
            return;
        }
        let oldest = self.under_way.iter().min_by_key(|(_, guest)| guest.since);
        if let Some((client, guest)) = oldest
            && guest.since.elapsed() >= GIVE_WAY_AFTER
        {
            debug!(client, "a handshake gives way to another");
            let client = client.clone();
            self.forget(&client);
        }
    }

    /// Ends what is under way with a client.
    pub(super) fn forget(&mut self, client: &str) {
        self.waiting.retain(|offer| offer.client != client);
        if let Some(guest) = self.under_way.remove(client)
            && !guest.handshake.is_finished()
        {
            guest.handshake.abort();
            self.gate.count_aborted();
        }
    }
}
