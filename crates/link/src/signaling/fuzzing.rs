//! What the fuzz targets do with signaling messages.

use super::hub::Hub;
use super::server::Member;
use super::wire::Incoming;

/// A message as a peer reads it.
pub fn peer(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        Incoming::parse(text);
        super::rooms::parse(text);
    }
}

/// Messages of two sockets by turns, one a line, as the server reads them.
pub fn server(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let hub = Hub::default();
    let inboxes = [hub.join(), hub.join()];
    let members = [&inboxes[0], &inboxes[1]].map(|inbox| Member {
        hub: &hub,
        socket: inbox.socket,
    });
    for (index, line) in text.lines().enumerate() {
        if let Some(reply) = members[index % 2].handle(line) {
            serde_json::from_str::<serde_json::Value>(&reply).expect("replies are JSON");
        }
    }
}
