use super::{Room, RoomCredential, short};
use crate::signaling::error::RoomError;

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
    let by_login = matches!(room.credential, RoomCredential::Jwt(_));
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
