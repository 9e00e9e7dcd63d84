//! Where the client meets a worker: at a signaling server, or in a room of SLEAP-RTC.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use cli::RoomArgs;
use link::signaling::rooms::{Choice, Room, Service};
use link::{Channel, ConnectError, PeerConfig};

use crate::args::Args;

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
    fn room(&self, has_link: bool) -> Result<Option<Room>> {
        let Some(id) = self.room.id()? else {
            return Ok(None);
        };
        if has_link {
            bail!("--room and --worker are two places to meet: give one");
        }
        self.room.for_client(id).map(Some)
    }

    /// How a worker is chosen there.
    fn choice(&self) -> Choice {
        match self.auto_select {
            true => Choice::MostMemory,
            false => Choice::Named,
        }
    }
}

/// Where and how the options say that a worker is met. An error here is a usage error.
pub(crate) fn resolve(args: &Args) -> Result<(Arc<Meeting>, PeerConfig)> {
    let room = args.meeting.room(args.trust.worker.is_some())?;
    let room_id = room.as_ref().map(|room| room.id.as_str());
    let trust = args.trust.resolve(&args.signal, room_id)?;
    let peer = PeerConfig {
        worker_id: trust.worker_id.or_else(|| args.worker_id.clone()),
        auth: trust.auth,
        ..args.link.peer_config_in(room_id)?
    };
    let meeting = match room {
        Some(room) => Meeting::Room(Box::new(InRoom {
            room,
            service: match args.sending.send_file {
                Some(_) => Service::Files,
                None => Service::Streams,
            },
            choice: args.meeting.choice(),
            known: Mutex::default(),
        })),
        None => Meeting::Server(trust.signal.unwrap_or_else(|| args.signal.clone())),
    };
    Ok((Arc::new(meeting), peer))
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
    service: Service,
    choice: Choice,
    /// The worker that was met before: its stream goes on there.
    known: Mutex<Option<String>>,
}

impl Meeting {
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
                let InRoom {
                    room,
                    service,
                    choice,
                    ..
                } = &**place;
                let connected =
                    link::connect_in_room(room, *service, known.as_deref(), *choice, peer);
                let (channel, worker) = connected.await?;
                *place.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
                Ok(channel)
            }
        }
    }
}
