//! Where the client finds a worker: at a signaling server, or in a room of SLEAP-RTC.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use cli::RoomArgs;
use link::signaling::rooms::{Room, SelectionRule, WorkerService};
use link::{Channel, ConnectError, PeerConfig};
use tokio::time::sleep;
use tracing::{debug, info};

use crate::connect::backoff::pauses;
use crate::connect::trust;

/// Where the client finds its worker, at first and again.
#[derive(Debug)]
pub(crate) enum ClientRendezvous {
    /// At a signaling server, by its address.
    Server(String),
    /// In a room.
    Room(Box<RoomRendezvous>),
}

#[derive(Debug)]
pub(crate) struct RoomRendezvous {
    /// Where the login is kept: it may be renewed while this program runs.
    args: RoomArgs,
    room: Room,
    service: WorkerService,
    choice: SelectionRule,
    workers: Mutex<KnownWorkers>,
}

/// What is known of a room's workers.
#[derive(Debug, Clone, Default)]
struct KnownWorkers {
    /// The one that was connected last.
    connected: Option<String>,
    /// The one that has the stream: the client goes back to it, whichever was connected meanwhile.
    own: Option<String>,
    /// Those that are listed and did not reply, or serve others.
    avoid: Vec<String>,
}

/// More workers than a room has; a list that is full is cleared.
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
    /// Which worker it is, for people; `id`: the one that the options name.
    pub(crate) fn worker(&self, id: Option<&str>) -> String {
        let name = |id: Option<&str>| id.map_or_else(String::new, |id| format!(" {id}"));
        match self {
            Self::Server(url) => format!("the worker{} at {url}", name(id)),
            Self::Room(room) => {
                let workers = room.workers();
                let id = workers.preferred().or(id);
                format!("the worker{} in room {}", name(id), room.room.id)
            }
        }
    }

    /// Connects to the worker.
    pub(crate) async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        match self {
            Self::Server(url) => link::connect(url, peer).await,
            Self::Room(room) => room.connect(peer).await,
        }
    }

    /// The first connection. With `waits` it is tried until there is one, unless that is of no use; without,
    /// a handshake that has failed once is tried again.
    pub(crate) async fn wait_for(&self, peer: &PeerConfig, waits: bool) -> Result<Channel> {
        let mut backoff = pauses();
        let mut has_failed = false;
        loop {
            match self.connect(peer.clone()).await {
                Ok(channel) => return Ok(channel),
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

    /// The worker that was connected last, where another one will do as well.
    pub(crate) fn exchangeable(&self) -> Option<String> {
        match self {
            Self::Room(room) if room.choice.auto_select => room.workers().connected.clone(),
            _ => None,
        }
    }

    /// The worker that was connected last has the stream from now on.
    pub(crate) fn settle(&self) {
        if let Self::Room(room) = self {
            let workers = &mut *room.workers();
            workers.own.clone_from(&workers.connected);
        }
    }

    /// The worker that was connected last, where another one has the stream.
    pub(crate) fn stand_in(&self) -> Option<String> {
        let Self::Room(room) = self else {
            return None;
        };
        let workers = room.workers();
        let connected = workers.connected.clone();
        connected.filter(|_| workers.own.is_some() && workers.own != workers.connected)
    }

    /// Others come first from now on, until one is connected.
    pub(crate) fn avoid(&self, worker: &str) {
        if let Self::Room(room) = self {
            room.workers().avoid(worker);
        }
    }
}

impl RoomRendezvous {
    pub(crate) fn new(
        args: RoomArgs,
        room: Room,
        service: WorkerService,
        choice: SelectionRule,
    ) -> Self {
        Self {
            args,
            room,
            service,
            choice,
            workers: Mutex::default(),
        }
    }

    fn workers(&self) -> MutexGuard<'_, KnownWorkers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        let room = match self.args.for_client(self.room.id.clone()) {
            Ok(room) => room,
            Err(error) => {
                debug!(%error, "the former login has to do");
                self.room.clone()
            }
        };
        let workers = self.workers().clone();
        let (preferred, avoid) = (workers.preferred(), &workers.avoid);
        let connected =
            link::connect_in_room(&room, self.service, preferred, avoid, self.choice, peer).await;
        let mut workers = self.workers();
        match connected {
            Ok((channel, worker)) => {
                workers.connected = Some(worker);
                workers.avoid.clear();
                Ok(channel)
            }
            Err(error) => {
                if let ConnectError::NoAnswer { worker, .. } | ConnectError::WorkerLeft { worker } =
                    &error
                {
                    workers.avoid(worker);
                }
                Err(error)
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
