//! The client's side of a connection to a worker of a room.

use serde_json::{Map, Value, json};
use tracing::info;

use super::choice::WorkerChoice;
use super::config::PeerConfig;
use super::connect::{OfferRoute, negotiate};
use super::error::ConnectError;
use crate::channel::Channel;
use crate::signaling::SignalError;
use crate::signaling::rooms::{
    Room, RoomMembership, RoomRole, RoomWorker, SelectionRule, WorkerQuery, discover, join, listing,
};

/// Connects to a worker of a room that fits `choice`; returns its id too.
///
/// The worker that is known from an earlier connection is selected if it is in the room; else the configured one,
/// by its id or its name; else the only one, or the one that `rule` selects. Workers to `avoid` come last.
pub async fn connect_in_room(
    room: &Room,
    choice: WorkerChoice<'_>,
    rule: SelectionRule,
    mut config: PeerConfig,
) -> Result<(Channel, String), ConnectError> {
    let metadata = metadata();
    let id = config.id_for("client");
    let RoomMembership {
        mut signal,
        id,
        ice_servers,
    } = join(room, RoomRole::Client, &id, &metadata, config.step()).await?;
    config.connection.ice.servers.extend(ice_servers);
    if config.connection.ice.lacks_relay() {
        signal.close().await;
        let room = room.id.clone();
        return Err(ConnectError::NoRelay { room });
    }
    let wanted = WorkerQuery {
        room: &room.id,
        service: choice.service,
        model: choice.model,
        known: choice.known,
        avoid: choice.avoid,
        rule,
    };
    let name = config.worker_id.as_deref();
    let chosen = discover(&mut signal, &id, wanted, name, || config.step()).await;
    let connected = match chosen {
        Ok(worker) => {
            info!(%worker, room = room.id, "found");
            let pair = OfferRoute {
                id: &id,
                worker: &worker.peer_id,
                in_room: true,
            };
            let channel = negotiate(&mut signal, pair, &config).await;
            channel.map(|channel| (channel, worker.peer_id))
        }
        Err(error) => Err(error.into()),
    };
    signal.close().await;
    if let Ok((channel, worker)) = &connected {
        info!(worker, "connected");
        channel.sender.log_path().await;
    }
    connected
}

/// The workers of a room, as a client finds them there.
pub async fn workers_in_room(
    room: &Room,
    config: &PeerConfig,
) -> Result<Vec<RoomWorker>, SignalError> {
    let id = config.id_for("client");
    let joined = join(room, RoomRole::Client, &id, &metadata(), config.step()).await?;
    let mut signal = joined.signal;
    let workers = listing(&mut signal, &joined.id, Map::new(), config.step()).await;
    signal.close().await;
    workers
}

/// The metadata of a client.
fn metadata() -> Value {
    json!({"tags": ["sleap-rtc", "streaming-client"], "properties": {}})
}
