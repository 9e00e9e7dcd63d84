use thiserror::Error;

use super::{Credential, Room, short};

/// A server of rooms refuses something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoomError {
    #[error("the server does not let this program into the room {room}: {reason}{}", advice(*.by_login))]
    Refused {
        room: String,
        reason: String,
        /// It was a user's login, and no key, that did not open the room.
        by_login: bool,
    },
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

fn advice(by_login: bool) -> &'static str {
    match by_login {
        true => " (run `sleap-rtc login`)",
        false => "",
    }
}

/// What an error of a server means to a peer that has registered.
pub(crate) fn of_code(code: &str, reason: &str) -> RoomError {
    match code {
        "NOT_IN_ROOM" | "ROOM_NOT_FOUND" => RoomError::NotInRoom,
        "PEER_NOT_FOUND" | "PEER_NOT_IN_ROOM" | "DELIVERY_FAILED" => RoomError::Undelivered,
        _ => RoomError::Other {
            code: short(code),
            reason: short(reason),
        },
    }
}

/// Whether it is an error of the server. Members may send each other objects of the type `error`,
/// such as "worker_busy", which have none of its codes.
pub(crate) fn is_of_server(code: &str) -> bool {
    [
        "NOT_IN_ROOM",
        "ROOM_NOT_FOUND",
        "PEER_NOT_FOUND",
        "PEER_NOT_IN_ROOM",
        "INVALID_MESSAGE",
        "INVALID_JSON",
        "UNKNOWN_MESSAGE_TYPE",
        "DELIVERY_FAILED",
    ]
    .contains(&code)
}

/// What it means as the answer to a registration in `room`.
///
/// Credentials that are refused have a reason and no code; what else goes wrong there may pass.
pub(super) fn of_registration(room: &Room, code: &str, reason: &str) -> RoomError {
    let reason = match short(reason) {
        empty if empty.is_empty() => "it gives no reason".to_owned(),
        reason => reason,
    };
    let by_login = matches!(room.credential, Credential::Jwt(_));
    let room = room.id.clone();
    match code {
        "" => RoomError::Refused {
            room,
            reason,
            by_login,
        },
        "ROOM_NOT_FOUND" => RoomError::NoRoom { room, reason },
        _ => RoomError::Other {
            code: short(code),
            reason,
        },
    }
}
