use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::QUEUE;
use super::guests::Guests;
use super::handshake::Answer;
use crate::channel::Channel;
use crate::config::{PeerConfig, random_u64};
use crate::error::SignalError;
use crate::ice::IceServer;
use crate::place::{Enrolled, Place};
use crate::signaling::rooms::{RoomError, of_code};
use crate::signaling::{Client, Incoming, answer};

/// How often it is looked whether an offer that waits may begin its handshake.
const TURN: Duration = Duration::from_millis(125);
/// First and longest pause between attempts to reach the signaling server again...
pub(super) const BACKOFF: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(15));
/// ...which starts anew only after a registration that lasted: a server may let in and throw out.
const SETTLED: Duration = Duration::from_secs(60);
/// After so long a room is entered anew where it lends relays: what opens them expires.
const RENEWAL: Duration = Duration::from_secs(4 * 3600);

/// Why a registration is given up although the server is there.
enum Parting {
    /// Nobody accepts any more.
    Unwanted,
    /// What the room lends expires.
    Stale,
}

/// Keeps the worker registered, and reads and writes its signaling messages.
pub(super) struct Desk {
    pub(super) place: Place,
    id: String,
    pub(super) config: PeerConfig,
    /// The configured ones, without those that a room lends.
    own_servers: Vec<IceServer>,
    /// When it was registered.
    since: Instant,
    /// When to register anew, if ever.
    renew_at: Option<Instant>,
    /// Before the next attempt to register.
    pub(super) pause: Duration,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) guests: Guests,
}

impl Desk {
    pub(super) fn new(place: Place, config: PeerConfig, ready: mpsc::Sender<Channel>) -> Self {
        let (to_clients, answers) = mpsc::channel(QUEUE);
        Self {
            place,
            id: String::new(),
            own_servers: config.ice_servers.clone(),
            config,
            since: Instant::now(),
            renew_at: None,
            pause: BACKOFF.0,
            answers,
            guests: Guests::new(ready, to_clients),
        }
    }

    /// Stands where it is registered now.
    pub(super) fn take_place(&mut self, enrolled: Enrolled) -> Client {
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

    pub(super) async fn run(mut self, mut signal: Client) {
        loop {
            let is_known_lost = match self.attend(&mut signal).await {
                Ok(Parting::Unwanted) => return signal.close().await,
                Ok(Parting::Stale) => {
                    debug!("entering the room anew: the credentials of its relays expire");
                    signal.close().await;
                    false
                }
                Err(error) => {
                    warn!(%error, "lost the signaling server; established channels go on");
                    true
                }
            };
            signal = self.enrol_again(is_known_lost).await;
        }
    }

    /// Serves until the signaling server is lost, or left (`Ok`).
    async fn attend(&mut self, signal: &mut Client) -> Result<Parting, SignalError> {
        loop {
            let renew_at = self.renew_at.filter(|_| self.guests.is_empty());
            tokio::select! {
                incoming = signal.next() => {
                    self.receive(incoming?)?;
                    // Messages that come all the time must not put off the turn below.
                    self.guests.begin_waiting(&self.config);
                }
                Some(Answer { client, sdp }) = self.answers.recv() => {
                    self.guests.answers_with(&client, &sdp);
                    signal.send(&answer(&self.id, &client, &sdp)).await?;
                }
                news = self.place.news(&self.id) => signal.send(&news).await?,
                Some(_) = self.guests.tasks.join_next() => self.guests.begin_waiting(&self.config),
                () = sleep(TURN), if !self.guests.waiting.is_empty() => self.guests.begin_waiting(&self.config),
                () = at(renew_at) => return Ok(Parting::Stale),
                () = self.guests.ready.closed() => return Ok(Parting::Unwanted),
            }
        }
    }

    /// The error says that the server does not know this worker any more.
    pub(super) fn receive(&mut self, incoming: Incoming) -> Result<(), SignalError> {
        match incoming {
            Incoming::Offer { sender, sdp } => self.guests.receive_offer(&self.config, sender, sdp),
            Incoming::Candidate {
                sender: Some(sender),
                candidate,
            } => self.guests.receive_candidate(sender, candidate),
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
                self.guests.forget(&client);
            }
            Incoming::Error { message, .. } => debug!(message, "signaling server"),
            _ => {}
        }
        Ok(())
    }

    /// Tries until it is there again. Why it is not is said once.
    async fn enrol_again(&mut self, mut is_known_lost: bool) -> Client {
        if self.since.elapsed() >= SETTLED {
            self.pause = BACKOFF.0;
        }
        let mut is_known_refused = false;
        loop {
            sleep(self.next_pause()).await;
            match self.place.enrol(&self.id, &self.config).await {
                Ok(enrolled) => {
                    info!(id = enrolled.id, url = self.place.url(), "registered again");
                    return self.take_place(enrolled);
                }
                Err(SignalError::Room(error)) => {
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

    /// Doubles from one to the next. By chance up to half as long again: what lost its server together
    /// does not come back together.
    pub(super) fn next_pause(&mut self) -> Duration {
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
