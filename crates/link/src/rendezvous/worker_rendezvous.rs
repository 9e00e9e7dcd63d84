//! Where a worker registers: at a signaling server, or in a room.

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::config::PeerConfig;
use crate::ice::IceServer;
use crate::signaling::rooms::{
    Room, RoomMembership, RoomRole, WorkerAvailability, WorkerProfile, join, update_metadata,
};
use crate::signaling::{IdReservation, SignalError, SignalingClient, register};

pub(crate) enum WorkerRendezvous {
    /// The simple form, by the server's address.
    Server(String),
    Room(Box<RoomRegistration>),
}

pub(crate) struct RoomRegistration {
    room: Room,
    profile: WorkerProfile,
    /// Whether the worker serves a stream.
    busy: watch::Receiver<bool>,
    /// When to send the same metadata again: the reply shows whether the worker is still registered.
    again_at: Instant,
}

impl RoomRegistration {
    pub(crate) fn new(room: Room, profile: WorkerProfile, busy: watch::Receiver<bool>) -> Self {
        Self {
            room,
            profile,
            busy,
            again_at: Instant::now(),
        }
    }

    fn metadata(&mut self) -> Value {
        self.again_at = Instant::now() + self.room.silence;
        self.profile.metadata(match *self.busy.borrow_and_update() {
            true => WorkerAvailability::Busy,
            false => WorkerAvailability::Available,
        })
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
            Self::Server(url) => url,
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
            Self::Server(url) => {
                let signal = register_at(url, id, config).await?;
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

    /// The message to send, once the worker's metadata changes, or none was sent for long. Cancelling
    /// loses nothing.
    pub(crate) async fn news(&mut self, id: &str) -> Value {
        let Self::Room(room) = self else {
            return std::future::pending().await;
        };
        let changed = async {
            if room.busy.changed().await.is_err() {
                // Nothing will change any more.
                std::future::pending::<()>().await;
            }
        };
        let _ = timeout_at(room.again_at, changed).await;
        update_metadata(id, &room.metadata())
    }
}

/// Makes sure that the registration has been processed: it is not answered, but a query that follows
/// it is.
async fn register_at(
    url: &str,
    id: &str,
    config: &PeerConfig,
) -> Result<SignalingClient, SignalError> {
    let wait = config.connection.connect_timeout;
    let mut signal = SignalingClient::connect(url, wait).await?;
    let key = config.reservation.as_ref().map(IdReservation::key);
    signal.send(&register(id, key)).await?;
    signal.peers(wait).await?;
    Ok(signal)
}
