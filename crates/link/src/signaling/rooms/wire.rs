//! The JSON messages that rooms have besides those of the simple form.

use serde_json::{Map, Value, json};

use super::{Room, RoomCredential, error};
use crate::signaling::error::SignalError;

/// Keys of accounts name no room.
const ACCOUNT_KEY: &str = "slp_acct_";

/// As what a peer enters a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomRole {
    Worker,
    Client,
}

impl RoomRole {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Client => "client",
        }
    }
}

pub(super) fn register(room: &Room, role: RoomRole, peer_id: &str, metadata: &Value) -> Value {
    let mut message = json!({
        "type": "register", "peer_id": peer_id, "role": role.word(), "metadata": metadata,
    });
    let names_room = match &room.credential {
        RoomCredential::Key(key) => {
            message["api_key"] = key.as_str().into();
            key.starts_with(ACCOUNT_KEY)
        }
        RoomCredential::Jwt(jwt) => {
            message["jwt"] = jwt.as_str().into();
            true
        }
    };
    if role == RoomRole::Worker {
        // SLEAP-RTC's workers elect a coordinator; this worker takes no part, and declares so in their form.
        message["is_admin"] = false.into();
    }
    if names_room {
        message["room_id"] = room.id.as_str().into();
    }
    message
}

/// `properties`: what is equal in those that are looked for.
pub(super) fn discover(peer_id: &str, role: RoomRole, properties: Map<String, Value>) -> Value {
    let mut filters = json!({"role": role.word()});
    if !properties.is_empty() {
        filters["properties"] = properties.into();
    }
    json!({"type": "discover_peers", "from_peer_id": peer_id, "filters": filters})
}

pub(crate) fn update_metadata(peer_id: &str, metadata: &Value) -> Value {
    json!({"type": "update_metadata", "peer_id": peer_id, "metadata": metadata})
}

/// What a server answers to a registration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RegisterReply {
    pub(super) room_id: Option<String>,
    pub(super) peer_id: Option<String>,
    pub(super) ice_servers: Value,
    pub(super) mesh_ice_servers: Value,
}

/// The answer to a registration; `None`: another message.
pub(super) fn registered(text: &str, room: &Room) -> Option<Result<RegisterReply, SignalError>> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match value.get("type")?.as_str()? {
        "registered_auth" => {
            let some = |text: Option<String>| text.filter(|text| !text.is_empty());
            let (room_id, peer_id) = (some(text("room_id")), some(text("peer_id")));
            let mut taken = |key: &str| value.get_mut(key).map(Value::take).unwrap_or_default();
            Some(Ok(RegisterReply {
                room_id,
                peer_id,
                ice_servers: taken("ice_servers"),
                mesh_ice_servers: taken("mesh_ice_servers"),
            }))
        }
        "error" => {
            let code = text("code").unwrap_or_default();
            let reason = text("reason").or_else(|| text("message"));
            let reason = reason.unwrap_or_default();
            Some(Err(error::of_registration(room, &code, &reason).into()))
        }
        _ => None,
    }
}

/// The peers that a server lists; `None`: another message.
pub(super) fn peer_list(text: &str) -> Option<Result<Vec<Value>, SignalError>> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    match value.get("type")?.as_str()? {
        "peer_list" => match value.get_mut("peers").map(Value::take) {
            Some(Value::Array(peers)) => Some(Ok(peers)),
            _ => Some(Ok(Vec::new())),
        },
        "error" => {
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
            let reason = match text("message") {
                "" => text("reason"),
                message => message,
            };
            Some(Err(error::of_code(text("code"), reason).into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::RoomError;
    use super::*;

    fn room(credential: RoomCredential) -> Room {
        Room {
            url: "ws://x".into(),
            id: "lab".into(),
            credential,
            silence: Duration::from_secs(90),
        }
    }

    #[test]
    fn a_key_of_a_room_names_the_room_and_others_do_not() {
        let message = |credential, role| register(&room(credential), role, "p", &json!({}));
        let key = message(RoomCredential::Key("slp_1".into()), RoomRole::Worker);
        assert_eq!(
            key,
            json!({"type": "register", "peer_id": "p", "role": "worker", "metadata": {},
                "api_key": "slp_1", "is_admin": false})
        );
        let account = message(RoomCredential::Key("slp_acct_1".into()), RoomRole::Worker);
        assert_eq!(account["room_id"], "lab");
        let user = message(RoomCredential::Jwt("j".into()), RoomRole::Client);
        assert_eq!(
            user,
            json!({"type": "register", "peer_id": "p", "role": "client", "metadata": {},
                "jwt": "j", "room_id": "lab"})
        );
    }

    #[test]
    fn credentials_are_not_in_logs() {
        for credential in [
            RoomCredential::Key("hunter2".into()),
            RoomCredential::Jwt("hunter2".into()),
        ] {
            assert!(!format!("{:?}", room(credential)).contains("hunter2"));
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let keyed = room(RoomCredential::Key("slp_1".into()));
        let error_of = |text: &str, room: &Room| match registered(text, room) {
            Some(Err(SignalError::Room(error))) => error,
            other => panic!("{other:?}"),
        };
        let error = |text: &str| error_of(text, &keyed);
        let refused = error(r#"{"type":"error","reason":"bad\u001b[2J key"}"#);
        assert_eq!(
            refused.to_string(),
            "the server does not let this program into the room lab: bad\u{1b}[2J key"
        );
        let login = room(RoomCredential::Jwt("j".into()));
        let expired = error_of(r#"{"type":"error","reason":"expired"}"#, &login);
        assert!(expired.is_final() && expired.to_string().contains("sleap-rtc login"));
        let missing = error(r#"{"type":"error","code":"ROOM_NOT_FOUND","message":"no"}"#);
        assert!(matches!(missing, RoomError::NoRoom { .. }));
        for code in ["INVALID_JSON", "RATE_LIMITED", "INTERNAL_ERROR"] {
            let text = json!({"type": "error", "code": code, "message": "no"}).to_string();
            let odd = error(&text);
            assert!(matches!(odd, RoomError::Other { .. }) && !odd.is_final());
        }
        assert!(refused.is_final() && missing.is_final());
        for text in ["", "[]", "{}", r#"{"type":"ping"}"#, r#"{"type":7}"#] {
            assert_eq!(registered(text, &keyed).map(|it| it.is_ok()), None);
            assert_eq!(peer_list(text).map(|it| it.is_ok()), None);
        }
    }
}
