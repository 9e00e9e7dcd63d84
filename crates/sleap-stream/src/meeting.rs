//! Where the client meets a worker: at a signaling server, or in a room of SLEAP-RTC.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use cli::RoomArgs;
use link::signaling::rooms::{Choice, Room};
use link::{Channel, ConnectError, PeerConfig};

/// Options of meeting in a room.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Room")]
pub struct MeetingArgs {
    #[command(flatten)]
    pub room: RoomArgs,

    /// Where several workers of the room stream: take the available one with the most GPU memory.
    #[arg(long, conflicts_with = "worker_id")]
    pub auto_select: bool,
}

impl MeetingArgs {
    /// The room to enter, if one is asked for. An error here is a usage error.
    pub(crate) fn resolve(&self, has_link: bool) -> Result<Option<Room>> {
        let Some(id) = self.room.id()? else {
            return Ok(None);
        };
        if has_link {
            bail!("--room and --worker are two places to meet: give one");
        }
        self.room.for_client(id).map(Some)
    }

    /// How a worker is chosen there.
    pub(crate) fn choice(&self) -> Choice {
        match self.auto_select {
            true => Choice::MostMemory,
            false => Choice::Named,
        }
    }
}

/// Where the worker is met, at first and again.
#[derive(Debug)]
pub(crate) enum Meeting {
    Server(String),
    Room(Box<InRoom>),
}

#[derive(Debug)]
pub(crate) struct InRoom {
    room: Room,
    choice: Choice,
    /// The worker that was met before: its stream goes on there.
    known: Mutex<Option<String>>,
}

impl Meeting {
    pub(crate) fn in_room(room: Room, choice: Choice) -> Self {
        let known = Mutex::default();
        Self::Room(Box::new(InRoom {
            room,
            choice,
            known,
        }))
    }

    /// Connects to the worker.
    pub(crate) async fn connect(&self, peer: PeerConfig) -> Result<Channel, ConnectError> {
        match self {
            Self::Server(url) => link::connect(url, peer).await,
            Self::Room(place) => {
                let known = place
                    .known
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let connected =
                    link::connect_in_room(&place.room, known.as_deref(), place.choice, peer);
                let (channel, worker) = connected.await?;
                *place.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
                Ok(channel)
            }
        }
    }
}
