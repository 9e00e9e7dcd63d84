//! STUN and TURN servers as a room's server hands them out.

use serde_json::Value;
use tracing::debug;

use crate::ice::IceServer;

/// Servers taken of one list; a connection asks each of them.
const MAX_SERVERS: usize = 16;

/// Reads a list in the form of W3C's `RTCIceServer`, of which those that are of no use here are
/// passed over.
pub(super) fn servers(list: &Value) -> Vec<IceServer> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let found = entries.iter().flat_map(of_entry);
    found.take(MAX_SERVERS).collect()
}

fn of_entry(entry: &Value) -> Vec<IceServer> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let urls = match entry
        .get("urls")
        .or_else(|| entry.get("url"))
        .unwrap_or(entry)
    {
        Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
        one => Vec::from_iter(one.as_str()),
    };
    let usable = |url: &str| {
        let server = url.parse::<IceServer>().map(|server| IceServer {
            username: text("username").to_owned(),
            credential: text("credential").to_owned(),
            ..server
        });
        match server {
            Ok(server) if !server.lacks_credentials() => Some(server),
            Ok(_) => {
                debug!("passing over a relay without credentials");
                None
            }
            Err(error) => {
                debug!(%error, "passing over a server of the room");
                None
            }
        }
    };
    urls.into_iter().filter_map(usable).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_usual_notation_is_read_and_the_rest_passed_over() {
        let list = json!([
            {"urls": "stun:a"},
            {"urls": ["turn:b", "turns:b", "stuns:b", 7], "username": "u", "credential": "p"},
            {"url": "turn:c?transport=tcp", "username": "u", "credential": "p"},
            {"urls": "turn:without"}, "stun:d", 5, {}, null,
        ]);
        let names: Vec<_> = servers(&list).iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "stun:a:3478",
                "turn:b:3478?transport=udp",
                "turns:b:5349?transport=tcp",
                "turn:c:3478?transport=tcp",
                "stun:d:3478"
            ]
        );
        for odd in [json!(null), json!({"urls": "stun:a"}), json!("stun:a")] {
            assert!(servers(&odd).is_empty());
        }
        let many = vec![json!("stun:a"); 1000];
        assert_eq!(servers(&many.into()).len(), MAX_SERVERS);
    }
}
