//! Where and how the options say that the worker is met.

use std::sync::Arc;

use anyhow::Result;
use link::PeerConfig;
use link::signaling::rooms::WorkerService;

use crate::command_line::args::Args;
use crate::connect::ConnectConfig;
use crate::connect::rendezvous::{InRoom, Meeting};

impl TryFrom<&Args> for ConnectConfig {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: &Args) -> Result<Self> {
        let room = args.meeting.room(args.trust.worker.is_some())?;
        let room_id = room.as_ref().map(|room| room.id.as_str());
        let trust = args.trust.resolve(&args.signal, room_id)?;
        let peer = PeerConfig {
            worker_id: trust.worker_id.or_else(|| args.worker_id.clone()),
            auth: trust.auth,
            ..args.link.peer_config_in(room_id)?
        };
        let service = match args.sending.send_file {
            Some(_) => WorkerService::Files,
            None => WorkerService::Streams,
        };
        let meeting = match room {
            Some(room) => Meeting::Room(Box::new(InRoom::new(
                args.meeting.room.clone(),
                room,
                service,
                args.meeting.choice(),
            ))),
            None => Meeting::Server(trust.signal.unwrap_or_else(|| args.signal.clone())),
        };
        Ok(Self {
            meeting: Arc::new(meeting),
            peer,
            wait: args.wait,
            ack_timeout: args.ack_timeout,
            reconnect_timeout: args.reconnect_timeout,
        })
    }
}
