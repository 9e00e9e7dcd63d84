//! The JSON messages of signaling, as a peer sees them.

use serde_json::{Value, json};

use super::load::{ListedPeer, WorkerLoad};
use crate::ice::IceCandidate;

/// The server's error codes for an id that another peer has.
pub(super) const ID_RESERVED: &str = "ID_RESERVED";
pub(super) const ID_TAKEN: &str = "ID_TAKEN";

/// A message from the server or, through it, from a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignalingMessage {
    AvailablePeers(Vec<ListedPeer>),
    Offer {
        sender: String,
        sdp: String,
    },
    Answer {
        sender: Option<String>,
        sdp: String,
    },
    Candidate {
        sender: Option<String>,
        candidate: IceCandidate,
    },
    /// `undelivered`: the id that is not registered at the server, if that is the error. `code`: as
    /// servers of rooms name it.
    Error {
        code: String,
        message: String,
        undelivered: Option<String>,
    },
    /// An offer to this peer comes back: the peer left before it answered, or came again.
    Bounced {
        target: String,
    },
    /// Nothing that this side acts on.
    Other,
}

impl SignalingMessage {
    pub(crate) fn parse(text: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return Self::Other;
        };
        Self::from_value(&value).unwrap_or(Self::Other)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let sender = text("sender").filter(|sender| !sender.is_empty());
        Some(match value.get("type")?.as_str()? {
            "available_peers" => Self::AvailablePeers(listed(value)?),
            "offer" => Self::Offer {
                sender: sender?,
                sdp: description(value)?,
            },
            "answer" => Self::Answer {
                sender,
                sdp: description(value)?,
            },
            "candidate" => Self::Candidate {
                sender,
                candidate: candidate(value)?,
            },
            "error" => Self::Error {
                code: text("code").unwrap_or_default(),
                message: text("message")
                    .or_else(|| text("reason"))
                    .unwrap_or_default(),
                undelivered: text("target"),
            },
            "bounce" => Self::Bounced {
                target: text("target")?,
            },
            _ => return None,
        })
    }
}

/// The ids that a server lists, each with what its worker told.
fn listed(value: &Value) -> Option<Vec<ListedPeer>> {
    let workers = value.get("workers").and_then(Value::as_array);
    let load = |index: usize| WorkerLoad::of(workers?.get(index)?);
    let peers = value.get("peers")?.as_array()?.iter().enumerate();
    let listed = peers.filter_map(|(index, id)| {
        Some(ListedPeer {
            id: id.as_str()?.to_owned(),
            load: load(index),
        })
    });
    Some(listed.collect())
}

/// `"sdp"` is a string, or the object `{"type", "sdp"}` that browsers serialise.
fn description(value: &Value) -> Option<String> {
    let sdp = value.get("sdp")?;
    let sdp = sdp.get("sdp").unwrap_or(sdp);
    sdp.as_str().map(str::to_owned)
}

/// `"candidate"` is the object `{"candidate", "sdpMid", "sdpMLineIndex"}`, or the candidate line
/// with the other two beside it. The empty line that ends a list of candidates is left out.
fn candidate(value: &Value) -> Option<IceCandidate> {
    let inner = value.get("candidate")?;
    let (line, fields) = match inner.as_str() {
        Some(line) => (line, value),
        None => (inner.get("candidate")?.as_str()?, inner),
    };
    if line.is_empty() {
        return None;
    }
    Some(IceCandidate {
        candidate: line.to_owned(),
        sdp_mid: fields
            .get("sdpMid")
            .and_then(Value::as_str)
            .map(str::to_owned),
        sdp_mline_index: fields
            .get("sdpMLineIndex")
            .and_then(Value::as_u64)
            .and_then(|index| index.try_into().ok()),
    })
}

/// As a client, to which offers without an answer are returned.
pub(crate) fn register_client(peer_id: &str) -> Value {
    json!({"type": "register", "peer_id": peer_id, "bounces": true})
}

/// The server's message to a client whose offer to `target` was not answered.
pub(super) fn bounce(target: &str) -> Value {
    json!({"type": "bounce", "target": target})
}

/// `key`: of a reserved id, or the worker's own.
pub(crate) fn register(peer_id: &str, key: Option<&str>) -> Value {
    match key {
        Some(key) => json!({"type": "register", "peer_id": peer_id, "key": key}),
        None => json!({"type": "register", "peer_id": peer_id}),
    }
}

/// A worker's registration, with how much room it has.
pub(crate) fn with_load(mut registration: Value, load: &WorkerLoad) -> Value {
    registration["worker"] = load.to_value();
    registration
}

/// Asks for the other peers, and for what workers told.
pub(crate) fn query() -> Value {
    json!({"type": "query", "workers": true})
}

pub(crate) fn ping() -> Value {
    json!({"type": "ping"})
}

pub(crate) fn offer(sender: &str, target: &str, sdp: &str) -> Value {
    json!({"type": "offer", "sender": sender, "target": target, "sdp": sdp})
}

pub(crate) fn answer(sender: &str, target: &str, sdp: &str) -> Value {
    json!({"type": "answer", "sender": sender, "target": target, "sdp": sdp})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_may_be_a_string_or_an_object() {
        let expected = SignalingMessage::Offer {
            sender: "a".into(),
            sdp: "v=0".into(),
        };
        let plain = r#"{"type":"offer","sender":"a","target":"b","sdp":"v=0"}"#;
        let object = r#"{"type":"offer","sender":"a","sdp":{"type":"offer","sdp":"v=0"}}"#;
        assert_eq!(SignalingMessage::parse(plain), expected);
        assert_eq!(SignalingMessage::parse(object), expected);
    }

    #[test]
    fn a_candidate_may_be_a_string_or_an_object() {
        let expected = SignalingMessage::Candidate {
            sender: Some("a".into()),
            candidate: IceCandidate {
                candidate: "candidate:1 1 udp 1 10.0.0.1 9 typ host".into(),
                sdp_mid: Some("0".into()),
                sdp_mline_index: Some(0),
            },
        };
        let line = "candidate:1 1 udp 1 10.0.0.1 9 typ host";
        let plain = json!({"type":"candidate","sender":"a","candidate":line,"sdpMid":"0","sdpMLineIndex":0});
        let object = json!({"type":"candidate","sender":"a",
            "candidate":{"candidate":line,"sdpMid":"0","sdpMLineIndex":0}});
        assert_eq!(SignalingMessage::parse(&plain.to_string()), expected);
        assert_eq!(SignalingMessage::parse(&object.to_string()), expected);
    }

    #[test]
    fn each_listed_peer_has_what_it_told() {
        let listed = |text: &str| match SignalingMessage::parse(text) {
            SignalingMessage::AvailablePeers(peers) => peers,
            other => panic!("{other:?}"),
        };
        let loads = |text: &str| -> Vec<_> {
            let peers = listed(text).into_iter();
            let free = |peer: ListedPeer| (peer.id, peer.load.map(|load| load.free));
            peers.map(free).collect()
        };
        let told = r#"{"type":"available_peers","peers":["a",7,"b","c"],
            "workers":[null,{"streams":9,"free":9},{"streams":2,"free":1}]}"#;
        let expected = [("a", None), ("b", Some(1)), ("c", None)];
        let expected = expected.map(|(id, free)| (id.to_owned(), free));
        assert_eq!(loads(told), expected);
        let plain = r#"{"type":"available_peers","peers":["a"],"workers":{"a":1}}"#;
        assert_eq!(loads(plain), [("a".to_owned(), None)]);
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
        for text in [
            "",
            "[]",
            "null",
            "{",
            r#"{"type":7}"#,
            r#"{"type":"offer"}"#,
            r#"{"type":"offer","sender":"a"}"#,
            r#"{"type":"offer","sdp":"v=0"}"#,
            r#"{"type":"offer","sender":"","sdp":"v=0"}"#,
            r#"{"type":"answer","sdp":{"sdp":3}}"#,
            r#"{"type":"candidate","candidate":null}"#,
            r#"{"type":"candidate","candidate":""}"#,
            r#"{"type":"available_peers"}"#,
            r#"{"type":"quit","sender":"a"}"#,
            r#"{"type":"bounce"}"#,
            r#"{"type":"bounce","target":7}"#,
        ] {
            assert_eq!(
                SignalingMessage::parse(text),
                SignalingMessage::Other,
                "{text}"
            );
        }
    }
}
