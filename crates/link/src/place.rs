//! Where a worker stands to be found: at a signaling server, or in a room.

use serde_json::Value;
use tokio::sync::watch;

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
    pub(crate) room: Room,
    pub(crate) profile: Profile,
    /// Whether a stream is served.
    pub(crate) busy: watch::Receiver<bool>,
}

impl InRoom {
    fn metadata(&mut self) -> Value {
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

    /// The message to send, once there is something new to say of the worker.
    pub(crate) async fn news(&mut self, id: &str) -> Value {
        if let Self::Room(place) = self
            && place.busy.changed().await.is_ok()
        {
            return update_metadata(id, &place.metadata());
        }
        // Nothing will change any more.
        std::future::pending().await
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
