//! Entering a room.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use tracing::debug;

use super::{Room, RoomRole, ice, wire};
use crate::ice::IceServer;
use crate::signaling::client::{Liveness, SignalingClient};
use crate::signaling::error::{RoomError, SignalError};

/// A place in a room.
pub(crate) struct RoomMembership {
    pub(crate) signal: SignalingClient,
    /// The id under which this peer is registered.
    pub(crate) id: String,
    /// The servers that the room provides.
    pub(crate) ice_servers: Vec<IceServer>,
}

/// Enters `room` as `id`. Each step fails within `wait`.
pub(crate) async fn join(
    room: &Room,
    role: RoomRole,
    id: &str,
    metadata: &Value,
    wait: Duration,
) -> Result<RoomMembership, SignalError> {
    let liveness = Liveness::Messages {
        limit: room.silence,
    };
    let mut signal = SignalingClient::connect_with(&room.url, wait, liveness).await?;
    let message = wire::register(room, role, id, metadata);
    signal.send(&message).await?;
    let answered = async {
        loop {
            if let Some(answer) = wire::registered(&signal.next_text().await?, room) {
                return answer;
            }
        }
    };
    let registered = match timeout(wait, answered).await {
        Ok(registered) => registered?,
        Err(_) => {
            return Err(SignalError::Timeout {
                url: room.url.clone(),
                waited: wait,
            });
        }
    };
    if let Some(there) = registered.room_id.filter(|there| *there != room.id) {
        signal.close().await;
        let (wanted, there) = (room.id.clone(), super::short(&there));
        return Err(RoomError::OtherRoom { wanted, there }.into());
    }
    let mut ice_servers = ice::servers(&registered.ice_servers);
    if ice_servers.is_empty() {
        ice_servers = ice::servers(&registered.mesh_ice_servers);
    }
    debug!(room = room.id, servers = ice_servers.len(), "joined");
    Ok(RoomMembership {
        signal,
        id: registered.peer_id.unwrap_or_else(|| id.to_owned()),
        ice_servers,
    })
}
