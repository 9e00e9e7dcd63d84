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
        let model = args.model_name.clone();
        let rendezvous = match room {
            Some(room) => {
                let choice = args.rendezvous.choice(model.is_some());
                let room = RoomRendezvous::new(args.rendezvous.room.clone(), room, choice);
                ClientRendezvous::in_room(room, service, model)
            }
            None => {
                let url = trust.signal.unwrap_or_else(|| args.signal.clone());
                ClientRendezvous::at_server(url, service, model)
            }
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
