//! From the options to how the worker is found.

use std::sync::Arc;

use anyhow::Result;
use link::PeerConfig;
use link::signaling::rooms::WorkerService;

use crate::command_line::args::Args;
use crate::connect::ConnectConfig;
use crate::connect::rendezvous::{ClientRendezvous, RoomRendezvous};

impl TryFrom<&Args> for ConnectConfig {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: &Args) -> Result<Self> {
        let room = args.rendezvous.room(args.trust.worker.is_some())?;
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
        let rendezvous = match room {
            Some(room) => ClientRendezvous::Room(Box::new(RoomRendezvous::new(
                args.rendezvous.room.clone(),
                room,
                service,
                args.rendezvous.choice(),
            ))),
            None => ClientRendezvous::Server(trust.signal.unwrap_or_else(|| args.signal.clone())),
        };
        Ok(Self {
            rendezvous: Arc::new(rendezvous),
            peer,
            wait: args.wait,
            ack_timeout: args.ack_timeout,
            reconnect_timeout: args.reconnect_timeout,
        })
    }
}
