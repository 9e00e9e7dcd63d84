//! The worker's side of a connection.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use crate::answer::answer as answer_offer;
use crate::auth::{AuthCounts, Gate};
use crate::channel::Channel;
use crate::config::{PeerConfig, random_u64};
use crate::error::{AcceptError, PeerError, SignalError};
use crate::ice::IceServer;
use crate::peer::MAX_DESCRIPTION_BYTES;
use crate::place::{Enrolled, InRoom, Place};
use crate::signaling::rooms::{Profile, Room, RoomError, of_code};
use crate::signaling::{Candidate, Client, Incoming, answer};

/// Channels that wait for [`Acceptor::accept`]; further handshakes wait at their end.
const BACKLOG: usize = 4;
/// Candidates and answers that wait for their task.
const QUEUE: usize = 64;
/// Offers that wait for a handshake where clients have to show who they are...
const MAX_WAITING: usize = 64;
/// ...and how often it is looked whether one may begin.
const TURN: Duration = Duration::from_millis(125);
/// A handshake that takes longer may have to give way: most are over within a second.
const GIVE_WAY_AFTER: Duration = Duration::from_secs(3);
/// First and longest pause between attempts to reach the signaling server again...
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// ...which starts anew only after a registration that lasted: a server may let in and throw out.
const SETTLED: Duration = Duration::from_secs(60);
/// After so long a room is entered anew where it lends relays: what opens them expires.
const RENEWAL: Duration = Duration::from_secs(4 * 3600);

/// A worker registered at a signaling server. It registers again whenever the server comes back;
/// established channels do not depend on it. Dropping it ends the registration.
#[derive(Debug)]
pub struct Acceptor {
    id: String,
    channels: mpsc::Receiver<Channel>,
    gate: Arc<Gate>,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Registers at the server `signal_url` (`ws://host:port`); once this returns, clients that
    /// ask the server are told of this worker.
    pub async fn register(signal_url: &str, config: PeerConfig) -> Result<Self, SignalError> {
        let id = config.id_for("worker");
        Self::stand(Place::Server(signal_url.to_owned()), id, config).await
    }

    /// Enters a room, whose members find this worker by its profile. It is said to be busy while
    /// `busy` is true. The servers that the room lends are used beside those of `config`.
    pub async fn join(
        room: Room,
        profile: Profile,
        busy: watch::Receiver<bool>,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        // Behind the ids of SLEAP-RTC's workers, `worker-..`: of those without a GPU they elect the
        // first, and one that streams cannot coordinate them.
        let id = config.id_for("worker_stream");
        let place = Place::Room(Box::new(InRoom::new(room, profile, busy)));
        Self::stand(place, id, config).await
    }

    async fn stand(mut place: Place, id: String, config: PeerConfig) -> Result<Self, SignalError> {
        let enrolled = place.enrol(&id, &config).await?;
        let id = enrolled.id.clone();
        info!(id, url = place.url(), room = place.room(), "registered");
        let (ready, channels) = mpsc::channel(BACKLOG);
        let mut desk = Desk::new(place, config, ready);
        let signal = desk.take_place(enrolled);
        Ok(Self {
            id,
            channels,
            gate: desk.gate.clone(),
            task: tokio::spawn(desk.run(signal)),
        })
    }

    /// The id under which this worker is registered.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many clients were let in and how many not; all zero where nothing is asked of them.
    pub fn auth_counts(&self) -> AuthCounts {
        self.gate.counts()
    }

    /// What reads [`auth_counts`](Self::auth_counts), also after this is dropped.
    pub fn auth_counter(&self) -> impl Fn() -> AuthCounts + Send + Sync + 'static {
        let gate = Arc::clone(&self.gate);
        move || gate.counts()
    }

    /// The next client's channel. Clients connect concurrently; one that fails is logged and never
    /// ends this. Cancelling loses no channel.
    pub async fn accept(&mut self) -> Result<Channel, AcceptError> {
        self.channels.recv().await.ok_or(AcceptError::Stopped)
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client whose handshake is under way.
struct Guest {
    since: Instant,
    candidates: mpsc::Sender<Candidate>,
    handshake: AbortHandle,
}

/// A client's offer that nothing was done about yet.
struct Offer {
    client: String,
    sdp: String,
    since: Instant,
}

/// An answer on its way from a handshake to the signaling server.
struct Answer {
    client: String,
    sdp: String,
}

/// Why a registration is given up although the server is there.
enum Parting {
    /// Nobody accepts any more.
    Unwanted,
    /// What the room lends expires.
    Stale,
}

/// Reads the worker's signaling messages and runs one task per handshake.
struct Desk {
    place: Place,
    id: String,
    config: PeerConfig,
    /// The configured ones, without those that a room lends.
    own_servers: Vec<IceServer>,
    /// When it was registered.
    since: Instant,
    /// When to register anew, if ever.
    renew_at: Option<Instant>,
    /// Before the next attempt to register.
    pause: Duration,
    ready: mpsc::Sender<Channel>,
    to_clients: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    gate: Arc<Gate>,
    guests: HashMap<String, Guest>,
    /// In order of arrival.
    waiting: VecDeque<Offer>,
    early: EarlyCandidates,
    handshakes: JoinSet<()>,
}

impl Desk {
    fn new(place: Place, config: PeerConfig, ready: mpsc::Sender<Channel>) -> Self {
        let (to_clients, answers) = mpsc::channel(QUEUE);
        Self {
            place,
            id: String::new(),
            own_servers: config.ice_servers.clone(),
            config,
            since: Instant::now(),
            renew_at: None,
            pause: BACKOFF.0,
            ready,
            to_clients,
            answers,
            gate: Arc::default(),
            guests: HashMap::new(),
            waiting: VecDeque::new(),
            early: EarlyCandidates::default(),
            handshakes: JoinSet::new(),
        }
    }

    /// Stands where it is registered now.
    fn take_place(&mut self, enrolled: Enrolled) -> Client {
        self.id = enrolled.id;
        self.since = Instant::now();
        let expires = |server: &IceServer| !server.credential.is_empty();
        let lent = enrolled.ice_servers.iter();
        self.renew_at = lent.into_iter().any(expires).then(|| self.since + RENEWAL);
        self.config.ice_servers.clone_from(&self.own_servers);
        self.config.ice_servers.extend(enrolled.ice_servers);
        if let Some(room) = self.place.room()
            && let Err(error) = self.config.relay()
        {
            warn!(room, %error, "--relay-only: no client can connect");
        }
        enrolled.signal
    }

    async fn run(mut self, mut signal: Client) {
        loop {
            match self.attend(&mut signal).await {
                Ok(Parting::Unwanted) => return signal.close().await,
                Ok(Parting::Stale) => {
                    debug!("entering the room anew: the credentials of its relays expire");
                    signal.close().await;
                }
                Err(error) => {
                    warn!(%error, "lost the signaling server; established channels go on");
                }
            }
            signal = self.enrol_again().await;
        }
    }

    /// Serves until the signaling server is lost, or left (`Ok`).
    async fn attend(&mut self, signal: &mut Client) -> Result<Parting, SignalError> {
        loop {
            let is_quiet = self.handshakes.is_empty() && self.waiting.is_empty();
            let renew_at = self.renew_at.filter(|_| is_quiet);
            tokio::select! {
                incoming = signal.next() => {
                    self.receive(incoming?)?;
                    // Messages that come all the time must not put off the turn below.
                    self.begin_waiting();
                }
                Some(Answer { client, sdp }) = self.answers.recv() => {
                    signal.send(&answer(&self.id, &client, &sdp)).await?;
                }
                news = self.place.news(&self.id) => signal.send(&news).await?,
                Some(_) = self.handshakes.join_next() => self.begin_waiting(),
                () = sleep(TURN), if !self.waiting.is_empty() => self.begin_waiting(),
                () = at(renew_at) => return Ok(Parting::Stale),
                () = self.ready.closed() => return Ok(Parting::Unwanted),
            }
        }
    }

    /// The error says that the server does not know this worker any more.
    fn receive(&mut self, incoming: Incoming) -> Result<(), SignalError> {
        match incoming {
            Incoming::Offer { sender, sdp } => self.receive_offer(sender, sdp),
            Incoming::Candidate {
                sender: Some(sender),
                candidate,
            } => match self.guests.get(&sender) {
                // More than the queue holds are of no use.
                Some(guest) => drop(guest.candidates.try_send(candidate)),
                None => self.early.keep(sender, candidate),
            },
            Incoming::Error { code, message, .. }
                if self.place.room().is_some()
                    && of_code(&code, &message) == RoomError::NotInRoom =>
            {
                return Err(RoomError::NotInRoom.into());
            }
            Incoming::Error {
                undelivered: Some(client),
                ..
            } => {
                debug!(client, "gone before its answer");
                self.forget(&client);
            }
            Incoming::Error { message, .. } => debug!(message, "signaling server"),
            _ => {}
        }
        Ok(())
    }

    /// Starts a handshake. A second offer of the same client replaces its first.
    fn receive_offer(&mut self, client: String, sdp: String) {
        self.forget(&client);
        self.begin_waiting();
        let is_open_to_all = self.config.auth.is_none();
        if sdp.len() > MAX_DESCRIPTION_BYTES || self.waiting.len() == MAX_WAITING {
            self.gate.count_turned_away();
            return debug!(client, bytes = sdp.len(), "not answering an offer");
        }
        let since = Instant::now();
        self.waiting.push_back(Offer { client, sdp, since });
        self.begin_waiting();
        if is_open_to_all && let Some(Offer { client, .. }) = self.waiting.pop_front() {
            let limit = self.config.max_handshakes;
            warn!(client, limit, "too many handshakes, refusing one");
        }
    }

    /// Begins the handshakes that may begin: what they cost, strangers make this side spend, so there
    /// are few at a time and few a second, and each client has its turn.
    fn begin_waiting(&mut self) {
        self.guests
            .retain(|_, guest| !guest.handshake.is_finished());
        // Nobody waits for the answer any longer.
        let longest = self.config.connect_timeout;
        self.waiting.retain(|offer| offer.since.elapsed() < longest);
        while !self.waiting.is_empty() {
            self.make_room();
            let is_full = self.guests.len() >= self.config.max_handshakes;
            if is_full || !(self.config.auth.is_none() || self.gate.takes_offer()) {
                return;
            }
            if let Some(Offer { client, sdp, .. }) = self.waiting.pop_front() {
                self.begin(client, sdp);
            }
        }
    }

    fn begin(&mut self, client: String, sdp: String) {
        debug!(client, "offer");
        let (candidates, queue) = mpsc::channel(QUEUE);
        for candidate in self.early.take(&client) {
            let _ = candidates.try_send(candidate);
        }
        let handshake = Handshake {
            client: client.clone(),
            config: self.config.clone(),
            answers: self.to_clients.clone(),
            ready: self.ready.clone(),
            gate: self.gate.clone(),
        };
        let handshake = self.handshakes.spawn(handshake.run(sdp, queue));
        self.guests.insert(
            client,
            Guest {
                since: Instant::now(),
                candidates,
                handshake,
            },
        );
    }

    /// Where all places are taken, the handshake that has lasted longest gives way, unless it is
    /// young: clients that only hold a place must not keep others out.
    fn make_room(&mut self) {
        if self.config.auth.is_none() || self.guests.len() < self.config.max_handshakes {
            return;
        }
        let oldest = self.guests.iter().min_by_key(|(_, guest)| guest.since);
        if let Some((client, guest)) = oldest
            && guest.since.elapsed() >= GIVE_WAY_AFTER
        {
            debug!(client, "a handshake gives way to another");
            let client = client.clone();
            self.forget(&client);
        }
    }

    /// Ends what is under way with a client.
    fn forget(&mut self, client: &str) {
        self.waiting.retain(|offer| offer.client != client);
        if let Some(guest) = self.guests.remove(client)
            && !guest.handshake.is_finished()
        {
            guest.handshake.abort();
            self.gate.count_aborted();
        }
    }

    async fn enrol_again(&mut self) -> Client {
        if self.since.elapsed() >= SETTLED {
            self.pause = BACKOFF.0;
        }
        let mut told = false;
        loop {
            sleep(self.next_pause()).await;
            match self.place.enrol(&self.id, &self.config).await {
                Ok(enrolled) => {
                    info!(id = enrolled.id, url = self.place.url(), "registered again");
                    return self.take_place(enrolled);
                }
                Err(SignalError::Room(error)) if !told => {
                    warn!(%error, "not let in again; trying on");
                    told = true;
                }
                Err(error) => debug!(%error, "signaling server still not there"),
            }
        }
    }

    /// Doubles from one to the next. By chance up to half as long again: what lost its server together
    /// does not come back together.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (2 * pause).min(BACKOFF.1);
        let part = random_u64() as f64 / u64::MAX as f64;
        pause.mul_f64(1.0 + part / 2.0)
    }
}

/// Resolves at a time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// One client on its way to an open channel.
struct Handshake {
    client: String,
    config: PeerConfig,
    answers: mpsc::Sender<Answer>,
    ready: mpsc::Sender<Channel>,
    gate: Arc<Gate>,
}

impl Handshake {
    async fn run(self, offer: String, candidates: mpsc::Receiver<Candidate>) {
        match self.negotiate(offer, candidates).await {
            Ok(channel) => {
                let path = channel.sender.path_text().await;
                info!(client = self.client, path, "connected");
                // Nobody accepts any more: the channel closes with this task.
                let _ = self.ready.send(channel).await;
            }
            Err(PeerError::Guest(error)) => self.gate.tell(&self.client, &error),
            Err(error) => warn!(client = self.client, %error, "connection failed"),
        }
    }

    async fn negotiate(
        &self,
        offer: String,
        candidates: mpsc::Receiver<Candidate>,
    ) -> Result<Channel, PeerError> {
        let answered = answer_offer(offer, &self.config).await?;
        let answer = Answer {
            client: self.client.clone(),
            sdp: answered.sdp().to_owned(),
        };
        match timeout_at(answered.deadline(), self.answers.send(answer)).await {
            Ok(Ok(())) => answered.open(candidates, &self.gate).await,
            Ok(Err(_)) => Err(PeerError::Closed),
            Err(_) => Err(PeerError::Timeout {
                waited: self.config.connect_timeout,
            }),
        }
    }
}

/// Candidates that came before the offer they belong to; the oldest give way.
#[derive(Debug, Default)]
struct EarlyCandidates(VecDeque<(String, Candidate)>);

impl EarlyCandidates {
    fn keep(&mut self, client: String, candidate: Candidate) {
        if self.0.len() == QUEUE {
            self.0.pop_front();
        }
        self.0.push_back((client, candidate));
    }

    /// Those of `client`, in their order.
    fn take(&mut self, client: &str) -> Vec<Candidate> {
        let (taken, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(sender, _)| sender == client);
        self.0 = kept;
        taken.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Auth, Secret};
    use crate::signaling::rooms::Credential;

    fn desk(auth: Auth) -> Desk {
        let config = PeerConfig {
            auth,
            ..PeerConfig::default()
        };
        let place = Place::Server("ws://x".into());
        Desk::new(place, config, mpsc::channel(1).0)
    }

    fn in_room() -> Place {
        let room = Room {
            url: "ws://x".into(),
            id: "lab".into(),
            credential: Credential::Key("slp_1".into()),
            silence: Duration::from_secs(90),
        };
        Place::Room(Box::new(InRoom::new(
            room,
            Profile::default(),
            watch::Sender::new(false).subscribe(),
        )))
    }

    fn secret() -> Auth {
        Auth::Bound(Secret::generate().expect("randomness"))
    }

    /// Every client has its turn, however many strangers came before it; and they cannot have more
    /// done than the bucket holds.
    #[tokio::test]
    async fn offers_wait_for_their_turn_where_clients_have_to_show_who_they_are() {
        let mut desk = desk(secret());
        let places = desk.config.max_handshakes;
        for index in 0..places + MAX_WAITING + 3 {
            desk.receive_offer(format!("client-{index}"), "v=0".into());
        }
        assert_eq!(
            (desk.guests.len(), desk.waiting.len()),
            (places, MAX_WAITING)
        );
        assert_eq!(desk.gate.counts().turned_away, 3);
        // The same client again: its first is forgotten, wherever it was.
        desk.receive_offer("client-0".into(), "v=0".into());
        assert_eq!(desk.gate.counts().aborted, 1);
        assert_eq!(
            (desk.guests.len(), desk.waiting.len()),
            (places, MAX_WAITING)
        );
        // Whoever is gone before its answer keeps no place.
        let gone = |client: &str| Incoming::Error {
            code: "PEER_NOT_FOUND".into(),
            message: String::new(),
            undelivered: Some(client.to_owned()),
        };
        desk.receive(gone("client-1")).unwrap();
        assert_eq!(desk.guests.len(), places - 1);
        let mut begun = 0;
        while let Some(client) = desk.guests.keys().next().cloned() {
            begun += 1;
            desk.receive(gone(&client)).unwrap();
            desk.begin_waiting();
        }
        // Those after the first eight, with what the bucket had left.
        assert!(begun < MAX_WAITING, "{begun} handshakes begun at once");
        assert!(!desk.waiting.is_empty());
    }

    #[tokio::test]
    async fn an_offer_that_is_too_long_begins_nothing() {
        for auth in [secret(), Auth::None] {
            let mut desk = desk(auth);
            desk.receive_offer("client-1".into(), "x".repeat(MAX_DESCRIPTION_BYTES + 1));
            assert!(desk.guests.is_empty() && desk.waiting.is_empty());
            assert_eq!(desk.gate.counts().turned_away, 1);
        }
    }

    #[tokio::test]
    async fn pauses_grow_from_one_loss_to_the_next() {
        let mut desk = desk(Auth::None);
        let mut expected = BACKOFF.0;
        for _ in 0..10 {
            let pause = desk.next_pause();
            assert!(
                (expected..=expected.mul_f64(1.5)).contains(&pause),
                "{pause:?}"
            );
            expected = (2 * expected).min(BACKOFF.1);
        }
        assert_eq!(desk.pause, BACKOFF.1);
    }

    #[tokio::test]
    async fn only_a_server_of_rooms_forgets_a_worker_in_words() {
        let forgotten = |code: &str| Incoming::Error {
            code: code.into(),
            message: String::new(),
            undelivered: None,
        };
        let mut desk = desk(Auth::None);
        desk.receive(forgotten("NOT_IN_ROOM")).unwrap();
        desk.place = in_room();
        for code in ["NOT_IN_ROOM", "ROOM_NOT_FOUND"] {
            let error = desk.receive(forgotten(code)).unwrap_err();
            assert!(matches!(error, SignalError::Room(RoomError::NotInRoom)));
        }
        for code in ["PEER_NOT_FOUND", "INVALID_MESSAGE", ""] {
            desk.receive(forgotten(code)).unwrap();
        }
    }

    #[test]
    fn early_candidates_wait_for_their_offer_and_are_bounded() {
        let candidate = |line: usize| Candidate {
            candidate: line.to_string(),
            sdp_mid: None,
            sdp_mline_index: None,
        };
        let mut early = EarlyCandidates::default();
        for line in 0..QUEUE + 2 {
            let client = if line % 2 == 0 { "even" } else { "odd" };
            early.keep(client.to_owned(), candidate(line));
        }
        assert_eq!(early.0.len(), QUEUE);
        let taken = early.take("odd");
        assert_eq!(taken[..2], [candidate(3), candidate(5)]);
        assert_eq!(taken.len(), QUEUE / 2);
        assert!(early.take("odd").is_empty() && early.take("else").is_empty());
        assert_eq!(early.take("even").len(), QUEUE / 2);
    }
}
