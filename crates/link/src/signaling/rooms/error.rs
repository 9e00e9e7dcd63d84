use thiserror::Error;

use super::shown;

/// A server of rooms refuses something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoomError {
    #[error("the server does not let this program into the room {room}: {reason}")]
    Refused { room: String, reason: String },
    #[error("there is no room {room}, or it is not open to this account: {reason}")]
    NoRoom { room: String, reason: String },
    #[error("the key belongs to the room {there}, not to {wanted}")]
    OtherRoom { wanted: String, there: String },
    #[error("the server no longer counts this program among those in the room")]
    NotInRoom,
    #[error("the server cannot deliver to the other peer: it has left, or it is in another room")]
    Undelivered,
    #[error("the server reports an error: {code} {reason}")]
    Other { code: String, reason: String },
}

impl RoomError {
    /// Whether it stays so until somebody has changed something.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::NoRoom { .. } | Self::OtherRoom { .. }
        )
    }
}

/// What an error of a server means to a peer that has registered.
pub(crate) fn of_code(code: &str, reason: &str) -> RoomError {
    match code {
        "NOT_IN_ROOM" | "ROOM_NOT_FOUND" => RoomError::NotInRoom,
        "PEER_NOT_FOUND" | "PEER_NOT_IN_ROOM" | "DELIVERY_FAILED" => RoomError::Undelivered,
        _ => RoomError::Other {
            code: shown(code),
            reason: shown(reason),
        },
    }
}

/// What it means as the answer to a registration in `room`.
pub(super) fn of_registration(room: &str, code: &str, reason: &str) -> RoomError {
    let reason = match shown(reason) {
        empty if empty.is_empty() => "it gives no reason".to_owned(),
        reason => reason,
    };
    let room = room.to_owned();
    match code {
        "ROOM_NOT_FOUND" => RoomError::NoRoom { room, reason },
        "INVALID_JSON" | "INVALID_MESSAGE" | "UNKNOWN_MESSAGE_TYPE" => RoomError::Other {
            code: shown(code),
            reason,
        },
        _ => RoomError::Refused { room, reason },
    }
}
