//! Where the client finds a worker: at a signaling server, or in a room of SLEAP-RTC.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use cli::RoomArgs;
use link::signaling::rooms::{Room, SelectionRule, WorkerService};
use link::{Channel, ConnectError, PeerConfig, SignalError, WorkerChoice, Workers};
use protocol::text;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::connect::backoff::pauses;
use crate::connect::trust::{self, TrustError};

/// Longest wait for the list of the workers of a meeting point.
const LISTING_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the client finds its worker, at first and again.
#[derive(Debug)]
pub(crate) struct ClientRendezvous {
    place: MeetingPoint,
    service: WorkerService,
    /// The model that the user asks for.
    model: Option<String>,
    workers: Mutex<KnownWorkers>,
}

#[derive(Debug, Clone)]
enum MeetingPoint {
    /// A signaling server, by its address.
    Server(String),
    /// A room.
    Room(Box<RoomRendezvous>),
}

#[derive(Debug, Clone)]
pub(crate) struct RoomRendezvous {
    /// Where the login is kept: it may be renewed while this program runs.
    args: RoomArgs,
    room: Room,
    choice: SelectionRule,
}

/// What is known of the workers of the meeting point.
#[derive(Debug, Clone, Default)]
struct KnownWorkers {
    /// The one that was connected last.
    connected: Option<String>,
    /// The one that has the stream: the client goes back to it, whichever was connected meanwhile.
    own: Option<String>,
    /// Those that are listed and did not reply, or serve others.
    avoid: Vec<String>,
    /// The model of the stream that runs: no other will do.
    model: Option<String>,
    /// Those that do not let this client in, as far as that was logged.
    refusing: Vec<String>,
}

/// More workers than a meeting point has; a list that is full is cleared.
const MAX_AVOIDED: usize = 64;

impl KnownWorkers {
    /// The one to go back to.
    fn preferred(&self) -> Option<&str> {
        self.own.as_deref().or(self.connected.as_deref())
    }

    /// Others come first from now on. It stays in the list, as it may come back.
    fn avoid(&mut self, worker: &str) {
        if self.avoid.len() == MAX_AVOIDED {
            self.avoid.clear();
        }
        if !self.avoid.iter().any(|it| it == worker) {
            self.avoid.push(worker.to_owned());
        }
    }
}

impl ClientRendezvous {
    /// At the signaling server of this address.
    pub(crate) fn at_server(url: String, service: WorkerService, model: Option<String>) -> Self {
        Self::new(MeetingPoint::Server(url), service, model)
    }

    /// In a room.
    pub(crate) fn in_room(
        room: RoomRendezvous,
        service: WorkerService,
        model: Option<String>,
    ) -> Self {
        Self::new(MeetingPoint::Room(Box::new(room)), service, model)
    }

    /// The same meeting point, for another stream.
    pub(crate) fn of_another_stream(&self) -> Self {
        Self::new(self.place.clone(), self.service, self.model.clone())
    }

    fn new(place: MeetingPoint, service: WorkerService, model: Option<String>) -> Self {
        Self {
            place,
            service,
            model,
            workers: Mutex::default(),
        }
    }

    /// The model that the user asks for.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Which worker it is, for people; `id`: the one that the options name.
    pub(crate) fn worker(&self, id: Option<&str>) -> String {
        let name = |id: Option<&str>| id.map_or_else(String::new, |id| format!(" {id}"));
        match &self.place {
            MeetingPoint::Server(url) => format!("the worker{} at {url}", name(id)),
            MeetingPoint::Room(room) => {
                let workers = self.workers();
                let id = workers.preferred().or(id);
                format!("the worker{} in room {}", name(id), room.room.id)
            }
        }
    }

    /// Connects to the worker.
    pub(crate) async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        let known = self.workers().clone();
        let choice = self.choice(&known);
        let is_named = peer.worker_id.is_some();
        let connected = match &self.place {
            MeetingPoint::Server(url) => link::connect_to_one(url, choice, peer).await,
            MeetingPoint::Room(room) => {
                let entered = room.entered();
                link::connect_in_room(&entered, choice, room.choice, peer).await
            }
        };
        let mut workers = self.workers();
        match connected {
            Ok((channel, worker)) => {
                // A worker that is named stands for itself, wherever it is.
                if !is_named || matches!(self.place, MeetingPoint::Room(_)) {
                    workers.connected = Some(worker);
                }
                workers.avoid.clear();
                Ok(channel)
            }
            Err(error) => {
                if let Some(worker) = error.worker() {
                    workers.avoid(worker);
                }
                Err(error)
            }
        }
    }

    /// What a worker has to be, with what is known of those that there are.
    fn choice<'a>(&'a self, known: &'a KnownWorkers) -> WorkerChoice<'a> {
        WorkerChoice {
            service: self.service,
            model: self.model.as_deref().or(known.model.as_deref()),
            known: known.preferred(),
            avoid: &known.avoid,
        }
    }

    /// The first connection. With `waits` it is tried until there is one, unless that is of no use; without,
    /// a handshake that has failed once is tried again. A worker that does not let this client in gives way to the others.
    pub(crate) async fn wait_for(&self, peer: &PeerConfig, waits: bool) -> Result<Channel> {
        let mut backoff = pauses();
        let mut has_failed = false;
        let mut refusing = Vec::new();
        let chooses = peer.worker_id.is_none() && self.chooses();
        loop {
            match self.connect(peer.clone()).await {
                Ok(channel) => return Ok(channel),
                Err(error) if chooses && trust::is_distrust(&error) => {
                    let worker = error.worker().unwrap_or_default().to_owned();
                    let error = trust::explain(error);
                    if !self.passes_over(&worker, &mut refusing, &error).await {
                        return Err(trust::refused_by(&refusing, error));
                    }
                }
                Err(error) if error.is_failed_handshake() && !has_failed => {
                    has_failed = true;
                    info!(%error, "the handshake with the worker failed; trying again");
                }
                Err(error) if waits && !trust::is_distrust(&error) && !error.is_final() => {
                    if backoff.is_new() {
                        info!(%error, "waiting for a worker");
                    }
                    sleep(backoff.next_pause()).await;
                }
                Err(error) => return Err(trust::explain_first(error, waits)),
            }
        }
    }

    /// Whether another worker can be tried in place of this one, for which this is the reason. `refusing`: those for
    /// which there was one before; this one is added.
    pub(crate) async fn passes_over(
        &self,
        worker: &str,
        refusing: &mut Vec<String>,
        reason: &anyhow::Error,
    ) -> bool {
        // One that is chosen again is the last one left; a list without an end is a peer's fault.
        if refusing.iter().any(|it| it == worker) || refusing.len() >= MAX_AVOIDED {
            return false;
        }
        refusing.push(worker.to_owned());
        let there = self.workers_there().await;
        let is_another = there.is_ok_and(|there| there.has_beside(refusing));
        if is_another {
            self.pass_over(worker, reason);
        }
        is_another
    }

    /// Others come first from now on, as this worker does not let this client in.
    pub(crate) fn pass_over(&self, worker: &str, reason: &anyhow::Error) {
        let workers = &mut *self.workers();
        workers.avoid(worker);
        if workers.refusing.len() < MAX_AVOIDED && !workers.refusing.iter().any(|it| it == worker) {
            workers.refusing.push(worker.to_owned());
            let worker = text::cut(worker, text::NAME);
            warn!("the worker {worker} is passed over, others are tried: {reason:#}");
        }
        // A connection to another one has emptied the list of those to avoid.
        for worker in workers.refusing.clone() {
            workers.avoid(&worker);
        }
    }

    /// Whether this error ends the search for a worker that was lost: that one does not let this client in any more, and
    /// there is no other one. A worker that never had the stream ends nothing.
    pub(crate) async fn ends_search(&self, error: &anyhow::Error) -> bool {
        let connected = self.workers().connected.clone();
        let refusing = TrustError::worker_behind(error).map(str::to_owned);
        let (Some(own), Some(refusing)) = (self.own(), refusing.or(connected)) else {
            return true;
        };
        if refusing == own {
            let there = self.workers_there().await;
            if !there.is_ok_and(|there| there.has_beside(&[own])) {
                return true;
            }
        }
        self.pass_over(&refusing, error);
        false
    }

    /// Whether this program chooses among the workers of the meeting point, and not a person.
    fn chooses(&self) -> bool {
        !matches!(&self.place, MeetingPoint::Room(room) if !room.chooses())
    }

    /// The worker that was connected last, where another one will do as well.
    pub(crate) fn exchangeable(&self) -> Option<String> {
        match self.chooses() {
            true => self.workers().connected.clone(),
            false => None,
        }
    }

    /// The workers of the meeting point, for a client that looks for another one. Not where a person chooses.
    pub(crate) async fn workers_there(&self) -> Result<Workers, SignalError> {
        let known = self.workers().clone();
        let choice = self.choice(&known);
        match &self.place {
            MeetingPoint::Server(url) => {
                let peers = link::registered_workers(url, LISTING_TIMEOUT).await?;
                Ok(Workers::among(&peers, choice))
            }
            MeetingPoint::Room(room) => {
                let mut peer = PeerConfig::default();
                peer.connection.connect_timeout = LISTING_TIMEOUT;
                let workers = link::workers_in_room(&room.entered(), &peer).await?;
                Ok(Workers::in_room(&workers, choice))
            }
        }
    }

    /// The worker that was connected last has the stream from now on, with this model.
    pub(crate) fn settle(&self, model: Option<&str>) {
        let workers = &mut *self.workers();
        workers.own.clone_from(&workers.connected);
        workers.model = model.map(str::to_owned);
    }

    /// The worker that has the stream, where another one will do as well.
    pub(crate) fn own(&self) -> Option<String> {
        self.exchangeable()
            .and_then(|connected| self.workers().own.clone().or(Some(connected)))
    }

    /// The worker that was connected last, where another one has the stream.
    pub(crate) fn stand_in(&self) -> Option<String> {
        let workers = self.workers();
        let connected = workers.connected.clone();
        connected.filter(|_| workers.own.is_some() && workers.own != workers.connected)
    }

    /// Others come first from now on, until one is connected.
    pub(crate) fn avoid(&self, worker: &str) {
        self.workers().avoid(worker);
    }

    fn workers(&self) -> MutexGuard<'_, KnownWorkers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomRendezvous {
    pub(crate) fn new(args: RoomArgs, room: Room, choice: SelectionRule) -> Self {
        Self { args, room, choice }
    }

    /// Whether this program chooses among several workers, and not a person.
    fn chooses(&self) -> bool {
        self.choice.auto_select || self.choice.most_room
    }

    /// The room with the login as it is now.
    fn entered(&self) -> Room {
        match self.args.for_client(self.room.id.clone()) {
            Ok(room) => room,
            Err(error) => {
                debug!(%error, "the former login has to do");
                self.room.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_goes_back_to_the_worker_that_has_its_stream() {
        let mut workers = KnownWorkers {
            connected: Some("first".to_owned()),
            ..KnownWorkers::default()
        };
        assert_eq!(workers.preferred(), Some("first"));
        workers.own.clone_from(&workers.connected);
        workers.avoid("first");
        assert_eq!(workers.preferred(), Some("first"));
        workers.connected = Some("other".to_owned());
        assert_eq!(workers.preferred(), Some("first"));
        for number in 0..3 * MAX_AVOIDED {
            workers.avoid(&number.to_string());
            workers.avoid(&number.to_string());
            assert!(workers.avoid.len() <= MAX_AVOIDED);
        }
    }
}
