//! Where a worker stands to be found: at a signaling server, or in a room.

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::config::PeerConfig;
use crate::error::SignalError;
use crate::ice::IceServer;
use crate::signaling::rooms::{Joined, Profile, Role, Room, Status, join, update_metadata};
use crate::signaling::{Client, Reservation, register};

pub(crate) enum Place {
    /// The simple form, by the server's address.
    Server(String),
    Room(Box<InRoom>),
}

pub(crate) struct InRoom {
    room: Room,
    profile: Profile,
    /// Whether a stream is served.
    busy: watch::Receiver<bool>,
    /// When to say the same again: the answer shows whether the server still knows this worker.
    again_at: Instant,
}

impl InRoom {
    pub(crate) fn new(room: Room, profile: Profile, busy: watch::Receiver<bool>) -> Self {
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
            true => Status::Busy,
            false => Status::Available,
        })
    }
}

/// A registration.
pub(crate) struct Enrolled {
    pub(crate) signal: Client,
    /// The id under which clients find the worker.
    pub(crate) id: String,
    /// Servers that are lent with it.
    pub(crate) ice_servers: Vec<IceServer>,
}

impl Place {
    /// Address of the server.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Server(url) => url,
            Self::Room(place) => &place.room.url,
        }
    }

    /// The room's id, where it is one.
    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Server(_) => None,
            Self::Room(place) => Some(&place.room.id),
        }
    }

    /// Connects and registers; once this returns, clients that ask are told of the worker.
    pub(crate) async fn enrol(
        &mut self,
        id: &str,
        config: &PeerConfig,
    ) -> Result<Enrolled, SignalError> {
        match self {
            Self::Server(url) => {
                let signal = enrol(url, id, config).await?;
                Ok(Enrolled {
                    signal,
                    id: id.to_owned(),
                    ice_servers: Vec::new(),
                })
            }
            Self::Room(place) => {
                let metadata = place.metadata();
                let Joined {
                    signal,
                    id,
                    ice_servers,
                } = join(&place.room, Role::Worker, id, &metadata, config).await?;
                Ok(Enrolled {
                    signal,
                    id,
                    ice_servers,
                })
            }
        }
    }

    /// The message to send, once there is something new to say of the worker, or nothing was said
    /// for long. Cancelling loses nothing.
    pub(crate) async fn news(&mut self, id: &str) -> Value {
        let Self::Room(place) = self else {
            return std::future::pending().await;
        };
        let changed = async {
            if place.busy.changed().await.is_err() {
                // Nothing will change any more.
                std::future::pending::<()>().await;
            }
        };
        let _ = timeout_at(place.again_at, changed).await;
        update_metadata(id, &place.metadata())
    }
}

/// Makes sure that the registration has been processed: it is not answered, but a query that follows
/// it is.
async fn enrol(url: &str, id: &str, config: &PeerConfig) -> Result<Client, SignalError> {
    let mut signal = Client::connect(url, config.connect_timeout).await?;
    let key = config.reservation.as_ref().map(Reservation::key);
    signal.send(&register(id, key)).await?;
    signal.peers(config.connect_timeout).await?;
    Ok(signal)
}
