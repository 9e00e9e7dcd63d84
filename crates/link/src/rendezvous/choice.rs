//! Which of the workers at a meeting point a client takes.

use std::fmt;

use protocol::text::Lines;

use super::config::{PeerConfig, worker_id_of};
use super::error::ConnectError;
use crate::signaling::rooms::{RoomWorker, WorkerService, short};
use crate::signaling::{ListedPeer, WorkerLoad};

/// The rank of workers that have room.
const ROOM: u8 = 0;

/// Workers listed in a message.
const LISTED: usize = 20;

/// What a client needs of a worker whose name it does not give, and which workers it prefers.
#[derive(Debug, Clone, Copy)]
pub struct WorkerChoice<'a> {
    /// What the worker is used for.
    pub service: WorkerService,
    /// The name of the model that it has to run; `None`: any.
    pub model: Option<&'a str>,
    /// The worker of an earlier connection: taken first, unless it is to be avoided.
    pub known: Option<&'a str>,
    /// Workers that did not answer, or had no room: others come first.
    pub avoid: &'a [String],
}

/// Why a worker does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It does not offer the service.
    Service(WorkerService),
    /// It runs this model, or none.
    Model(Option<String>),
    /// It does not tell what it runs.
    Untold,
}

/// How well a worker fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It has so many free places.
    Room(u32),
    /// It does not tell.
    Unknown,
    /// It serves as many streams as it does at a time.
    Full,
    /// It is of no use.
    Not(Misfit),
}

impl WorkerChoice<'_> {
    /// How well a worker fits that tells this of itself.
    pub(crate) fn fit(&self, load: Option<&WorkerLoad>) -> Fit {
        let Some(load) = load else {
            // A client that looks for another worker compares the models itself.
            return match (self.model, self.known) {
                (Some(_), None) => Fit::Not(Misfit::Untold),
                _ => Fit::Unknown,
            };
        };
        let offers = match self.service {
            WorkerService::Streams => load.streams > 0,
            WorkerService::Files => load.files,
        };
        if !offers {
            return Fit::Not(Misfit::Service(self.service));
        }
        if self.model.is_some_and(|model| !load.runs(model)) {
            return Fit::Not(Misfit::Model(load.model.clone()));
        }
        match (self.service, load.free) {
            (WorkerService::Streams, 0) => Fit::Full,
            // Files wait for each other at the worker.
            (_, free) => Fit::Room(free),
        }
    }

    fn avoids(&self, id: &str) -> bool {
        self.avoid.iter().any(|it| it == id)
    }
}

impl Fit {
    /// The better, the lower; `None`: of no use.
    fn rank(&self) -> Option<(u8, u32)> {
        match self {
            Self::Room(free) => Some((ROOM, u32::MAX - free)),
            Self::Unknown => Some((1, 0)),
            Self::Full => Some((2, 0)),
            // Where there is no other, its refusal says why it has none and what to do.
            Self::Not(Misfit::Service(_)) => Some((3, 0)),
            Self::Not(_) => None,
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(free) => write!(f, "has {free} free places"),
            Self::Unknown => write!(f, "does not tell how much room it has"),
            Self::Full => write!(f, "serves as many streams as it does at a time"),
            Self::Not(Misfit::Service(WorkerService::Streams)) => write!(f, "takes no streams"),
            Self::Not(Misfit::Service(WorkerService::Files)) => write!(f, "takes no files"),
            Self::Not(Misfit::Model(Some(model))) => write!(f, "runs the model {}", short(model)),
            Self::Not(Misfit::Model(None)) => write!(f, "runs no model"),
            Self::Not(Misfit::Untold) => write!(f, "does not tell which model it runs"),
        }
    }
}

/// The worker that a client takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) id: String,
    /// Another worker has room, should this one not answer.
    pub(crate) has_substitute: bool,
}

/// The peers that may be workers, best ones first where nothing else counts: other clients may be in the list, and a
/// reference worker may have any id.
fn candidates(peers: &[ListedPeer]) -> Vec<&ListedPeer> {
    let names = |peer: &&ListedPeer, word: &str| peer.id.to_ascii_lowercase().contains(word);
    let is_worker = |peer: &&ListedPeer| peer.load.is_some() || names(peer, "worker");
    let mut found: Vec<_> = peers.iter().filter(is_worker).collect();
    found.extend(
        peers
            .iter()
            .filter(|it| !is_worker(it) && !names(it, "client")),
    );
    found
}

/// Chooses one of the peers of the server `url`: the one that `config` names, or the one that fits best; of those that
/// have the same room, by a random number.
pub(crate) fn choose(
    peers: &[ListedPeer],
    choice: WorkerChoice<'_>,
    (config, url): (&PeerConfig, &str),
    random: u64,
) -> Result<Chosen, ConnectError> {
    let url = url.to_owned();
    if let Some(worker) = &config.worker_id {
        return named(worker, peers, url);
    }
    let candidates = candidates(peers);
    if candidates.is_empty() {
        let others = peers.len();
        return Err(ConnectError::NoWorker { url, others });
    }
    let key = |peer: &ListedPeer| {
        let fit = choice.fit(peer.load.as_ref());
        let is_known = choice.known == Some(&peer.id) && !choice.avoids(&peer.id);
        // The worker that has the client's stream may not have noticed that the connection is lost.
        let rank = fit.rank()?;
        Some((choice.avoids(&peer.id), !is_known, rank))
    };
    let ranked = candidates
        .iter()
        .filter_map(|peer| Some((key(peer)?, *peer)));
    let ranked: Vec<(_, &ListedPeer)> = ranked.collect();
    let Some(least) = ranked.iter().map(|(key, _)| *key).min() else {
        let listed = Workers::of(&candidates, &choice).lines();
        return Err(ConnectError::NoneFits { url, listed });
    };
    let equals = ranked.iter().filter(|(key, _)| *key == least);
    let equals: Vec<_> = equals.map(|(_, peer)| *peer).collect();
    let best = match least {
        // Clients that come at the same moment see the same room: they are not all to take the same worker.
        (_, _, (ROOM, _)) => equals[(random % equals.len() as u64) as usize],
        _ => equals[0],
    };
    let substitute = |peer: &&&ListedPeer| {
        peer.id != best.id && has_room(peer, choice) && !choice.avoids(&peer.id)
    };
    Ok(Chosen {
        id: best.id.clone(),
        has_substitute: candidates.iter().any(|peer| substitute(&peer)),
    })
}

/// The worker of this name, or of this id.
fn named(worker: &str, peers: &[ListedPeer], url: String) -> Result<Chosen, ConnectError> {
    let ids = [worker.to_owned(), worker_id_of(worker)];
    let is_listed = |id: &String| peers.iter().any(|peer| peer.id == *id);
    let worker = worker.to_owned();
    match ids.into_iter().find(is_listed) {
        Some(id) => Ok(Chosen {
            id,
            has_substitute: false,
        }),
        None => Err(ConnectError::UnknownWorker { url, worker }),
    }
}

fn has_room(peer: &ListedPeer, choice: WorkerChoice<'_>) -> bool {
    matches!(choice.fit(peer.load.as_ref()), Fit::Room(_))
}

/// The workers of a meeting point, each with how it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers(Vec<(String, Fit)>);

impl Workers {
    pub(crate) fn of(peers: &[&ListedPeer], choice: &WorkerChoice<'_>) -> Self {
        let fit = |peer: &&ListedPeer| (peer.id.clone(), choice.fit(peer.load.as_ref()));
        Self(peers.iter().map(fit).collect())
    }

    /// The workers among the peers of a server.
    pub fn among(peers: &[ListedPeer], choice: WorkerChoice<'_>) -> Self {
        Self::of(&candidates(peers), &choice)
    }

    /// The workers of a room.
    pub fn in_room(workers: &[RoomWorker], choice: WorkerChoice<'_>) -> Self {
        let fit = |worker: &RoomWorker| match worker.offers(choice.service) {
            true if !worker.is_available() => Fit::Full,
            true => match choice.fit(worker.load.as_ref()) {
                // One that only tells that it is available.
                Fit::Unknown => Fit::Room(worker.free()),
                fit => fit,
            },
            false => Fit::Not(Misfit::Service(choice.service)),
        };
        let fit = |worker: &RoomWorker| (worker.peer_id.clone(), fit(worker));
        Self(workers.iter().map(fit).collect())
    }

    /// Whether this one is listed.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|(it, _)| it == id)
    }

    /// Whether another one than these has room.
    pub fn has_room_beside(&self, ids: &[String]) -> bool {
        let is_other = |id: &String| !ids.contains(id);
        self.0
            .iter()
            .any(|(id, fit)| is_other(id) && matches!(fit, Fit::Room(_)))
    }

    /// Whether there is another one than these that may serve the client, now or later.
    pub fn has_beside(&self, ids: &[String]) -> bool {
        let is_of_use = |fit: &Fit| !matches!(fit, Fit::Not(_));
        let mut all = self.0.iter();
        all.any(|(id, fit)| !ids.contains(id) && is_of_use(fit))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// For people, one a line.
    pub fn lines(&self) -> Lines {
        let line = |(id, fit): &(String, Fit)| format!("{} {fit}", short(id));
        let mut lines: Vec<_> = self.0.iter().take(LISTED).map(line).collect();
        if self.0.len() > LISTED {
            lines.push(format!("and {} more", self.0.len() - LISTED));
        }
        Lines(lines)
    }
}
