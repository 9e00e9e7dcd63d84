//! Where the client meets a worker: at a signaling server, or in a room of SLEAP-RTC.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use cli::RoomArgs;
use link::signaling::rooms::{Room, SelectionRule, WorkerService};
use link::{Channel, ConnectError, PeerConfig};
use tokio::time::sleep;
use tracing::{debug, info};

use crate::connect::backoff::Backoff;
use crate::connect::trust;

/// Where the worker is met, at first and again.
#[derive(Debug)]
pub(crate) enum ClientRendezvous {
    Server(String),
    Room(Box<RoomRendezvous>),
}

#[derive(Debug)]
pub(crate) struct RoomRendezvous {
    /// Where the login stands: it may be renewed while this program runs.
    args: RoomArgs,
    room: Room,
    service: WorkerService,
    choice: SelectionRule,
    known: Mutex<KnownWorkers>,
}

/// What is known of a room's workers.
#[derive(Debug, Clone, Default)]
struct KnownWorkers {
    /// The one that was met last.
    met: Option<String>,
    /// The one that has the stream: it is gone back to, whoever was met meanwhile.
    own: Option<String>,
    /// Those that are listed and did not answer, or serve others.
    avoid: Vec<String>,
}

/// More workers than a room has; whoever fills the list is not worth remembering.
const MAX_AVOIDED: usize = 64;

impl KnownWorkers {
    /// Whom to go back to.
    fn known(&self) -> Option<&str> {
        self.own.as_deref().or(self.met.as_deref())
    }

    /// Others come first from now on; it is not forgotten, as it may come back.
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
    /// Which worker it is, for people; `id`: the one that was asked for.
    pub(crate) fn worker(&self, id: Option<&str>) -> String {
        let name = |id: Option<&str>| id.map_or_else(String::new, |id| format!(" {id}"));
        match self {
            Self::Server(url) => format!("the worker{} at {url}", name(id)),
            Self::Room(place) => {
                let known = place.known();
                let id = known.known().or(id);
                format!("the worker{} in room {}", name(id), place.room.id)
            }
        }
    }

    /// Connects to the worker.
    pub(crate) async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        match self {
            Self::Server(url) => link::connect(url, peer).await,
            Self::Room(place) => place.connect(peer).await,
        }
    }

    /// The first connection. With `waits` it is tried until there is one, unless that is of no use.
    pub(crate) async fn wait_for(&self, peer: &PeerConfig, waits: bool) -> Result<Channel> {
        let mut backoff = Backoff::new();
        loop {
            match self.connect(peer.clone()).await {
                Ok(channel) => return Ok(channel),
                Err(error) if waits && !trust::is_distrust(&error) && !error.is_final() => {
                    if backoff.is_new() {
                        info!(%error, "waiting for a worker");
                    }
                    sleep(backoff.next()).await;
                }
                Err(error) => return Err(trust::explain(error)),
            }
        }
    }

    /// The worker that was met last, where another one may be taken as well.
    pub(crate) fn exchangeable(&self) -> Option<String> {
        match self {
            Self::Room(place) if place.choice.auto_select => place.known().met.clone(),
            _ => None,
        }
    }

    /// The worker that was met last has the stream from now on.
    pub(crate) fn settle(&self) {
        if let Self::Room(place) = self {
            let known = &mut *place.known();
            known.own.clone_from(&known.met);
        }
    }

    /// The worker that was met last, where another one has the stream.
    pub(crate) fn stand_in(&self) -> Option<String> {
        let Self::Room(place) = self else {
            return None;
        };
        let known = place.known();
        let met = known.met.clone();
        met.filter(|_| known.own.is_some() && known.own != known.met)
    }

    /// Others come first from now on, until one is met.
    pub(crate) fn avoid(&self, worker: &str) {
        if let Self::Room(place) = self {
            place.known().avoid(worker);
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
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, KnownWorkers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        let room = match self.args.for_client(self.room.id.clone()) {
            Ok(room) => room,
            Err(error) => {
                debug!(%error, "the former login has to do");
                self.room.clone()
            }
        };
        let known = self.known().clone();
        let (known, avoid) = (known.known(), &known.avoid);
        let connected =
            link::connect_in_room(&room, self.service, known, avoid, self.choice, peer).await;
        let mut known = self.known();
        match connected {
            Ok((channel, worker)) => {
                known.met = Some(worker);
                known.avoid.clear();
                Ok(channel)
            }
            Err(error) => {
                if let ConnectError::NoAnswer { worker, .. } | ConnectError::WorkerLeft { worker } =
                    &error
                {
                    known.avoid(worker);
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
    fn whoever_has_the_stream_is_gone_back_to() {
        let mut known = KnownWorkers {
            met: Some("first".to_owned()),
            ..KnownWorkers::default()
        };
        assert_eq!(known.known(), Some("first"));
        known.own.clone_from(&known.met);
        known.avoid("first");
        assert_eq!(known.known(), Some("first"));
        known.met = Some("other".to_owned());
        assert_eq!(known.known(), Some("first"));
        for number in 0..3 * MAX_AVOIDED {
            known.avoid(&number.to_string());
            known.avoid(&number.to_string());
            assert!(known.avoid.len() <= MAX_AVOIDED);
        }
    }
}
