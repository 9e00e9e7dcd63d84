//! Where a worker registers: at a signaling server, or in a room.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::config::PeerConfig;
use crate::ice::IceServer;
use crate::signaling::rooms::{
    Room, RoomMembership, RoomRole, WorkerAvailability, WorkerProfile, join, update_metadata,
};
use crate::signaling::{
    IdReservation, SignalError, SignalingClient, WorkerLoad, register, with_load,
};

/// Least time between two messages about the worker's load.
const LOAD_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) enum WorkerRendezvous {
    /// The simple form.
    Server(ServerRegistration),
    Room(Box<RoomRegistration>),
}

pub(crate) struct ServerRegistration {
    /// The server's address.
    url: String,
    load: Option<ToldLoad>,
}

/// The worker's load, and what the meeting point was told of it last.
struct ToldLoad {
    load: watch::Receiver<WorkerLoad>,
    told: WorkerLoad,
    told_at: Instant,
}

impl ToldLoad {
    fn new(load: watch::Receiver<WorkerLoad>) -> Self {
        let told = load.borrow().clone();
        Self {
            load,
            told,
            told_at: Instant::now(),
        }
    }

    /// What to tell now.
    fn tell(&mut self) -> &WorkerLoad {
        self.told_at = Instant::now();
        self.told.clone_from(&self.load.borrow());
        &self.told
    }

    /// Resolves once there is something to tell. Cancelling loses nothing.
    async fn changed(&mut self) {
        let told = &self.told;
        if self.load.wait_for(|load| load != told).await.is_err() {
            // Nothing will change any more.
            std::future::pending::<()>().await;
        }
        sleep_until(self.told_at + LOAD_INTERVAL).await;
    }
}

impl ServerRegistration {
    pub(crate) fn new(url: &str, load: Option<watch::Receiver<WorkerLoad>>) -> Self {
        Self {
            url: url.to_owned(),
            load: load.map(ToldLoad::new),
        }
    }

    /// The message that registers the worker, now or again with another load.
    fn message(&mut self, id: &str, config: &PeerConfig) -> Value {
        let key = config.reservation.as_ref().map(IdReservation::key);
        let registration = register(id, key);
        match &mut self.load {
            Some(load) => with_load(registration, load.tell()),
            None => registration,
        }
    }

    /// Connects and registers. That is not answered, but a query that follows it is: it has been processed then.
    async fn register(
        &mut self,
        id: &str,
        config: &PeerConfig,
    ) -> Result<SignalingClient, SignalError> {
        let wait = config.connection.connect_timeout;
        let mut signal = SignalingClient::connect(&self.url, wait).await?;
        signal.send(&self.message(id, config)).await?;
        signal.peers(wait).await?;
        Ok(signal)
    }
}

pub(crate) struct RoomRegistration {
    room: Room,
    profile: WorkerProfile,
    load: ToldLoad,
    /// When to send the same metadata again: the reply shows whether the worker is still registered.
    again_at: Instant,
}

impl RoomRegistration {
    pub(crate) fn new(
        room: Room,
        profile: WorkerProfile,
        load: watch::Receiver<WorkerLoad>,
    ) -> Self {
        Self {
            room,
            profile,
            load: ToldLoad::new(load),
            again_at: Instant::now(),
        }
    }

    fn metadata(&mut self) -> Value {
        self.again_at = Instant::now() + self.room.silence;
        let load = self.load.tell();
        let status = match load.streams > 0 && load.free == 0 {
            true => WorkerAvailability::Busy,
            false => WorkerAvailability::Available,
        };
        self.profile.metadata(status, load)
    }
}

/// A registration.
pub(crate) struct Registered {
    pub(crate) signal: SignalingClient,
    /// The id under which clients find the worker.
    pub(crate) id: String,
    /// STUN and TURN servers that come with it.
    pub(crate) ice_servers: Vec<IceServer>,
}

impl WorkerRendezvous {
    /// Address of the server.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Server(server) => &server.url,
            Self::Room(room) => &room.room.url,
        }
    }

    /// The room's id, where it is one.
    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Server(_) => None,
            Self::Room(room) => Some(&room.room.id),
        }
    }

    /// Connects and registers; once this returns, clients that ask the server find the worker.
    pub(crate) async fn register(
        &mut self,
        id: &str,
        config: &PeerConfig,
    ) -> Result<Registered, SignalError> {
        let wait = config.connection.connect_timeout;
        match self {
            Self::Server(server) => {
                let signal = server.register(id, config).await?;
                Ok(Registered {
                    signal,
                    id: id.to_owned(),
                    ice_servers: Vec::new(),
                })
            }
            Self::Room(room) => {
                let metadata = room.metadata();
                let RoomMembership {
                    signal,
                    id,
                    ice_servers,
                } = join(&room.room, RoomRole::Worker, id, &metadata, wait).await?;
                Ok(Registered {
                    signal,
                    id,
                    ice_servers,
                })
            }
        }
    }

    /// The message to send, once the worker's load changes, or, in a room, none was sent for long. Cancelling
    /// loses nothing.
    pub(crate) async fn news(&mut self, id: &str, config: &PeerConfig) -> Value {
        match self {
            Self::Server(server) => {
                match &mut server.load {
                    Some(load) => load.changed().await,
                    None => std::future::pending().await,
                }
                server.message(id, config)
            }
            Self::Room(room) => {
                let _ = timeout_at(room.again_at, room.load.changed()).await;
                update_metadata(id, &room.metadata())
            }
        }
    }
}
