//! What the fuzz targets do with signaling messages.

use super::directory::PeerDirectory;
use super::server::SocketGuard;
use super::wire::SignalingMessage;

/// A message as a peer reads it.
pub fn peer(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        SignalingMessage::parse(text);
        super::rooms::parse(text);
    }
}

/// Messages of two sockets by turns, one a line, as the server reads them.
pub fn server(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let directory = PeerDirectory::default();
    let inboxes = [directory.join(), directory.join()];
    let members = [&inboxes[0], &inboxes[1]].map(|inbox| SocketGuard {
        directory: &directory,
        socket: inbox.socket,
    });
    for (index, line) in text.lines().enumerate() {
        if let Some(reply) = members[index % 2].handle(line) {
            serde_json::from_str::<serde_json::Value>(&reply).expect("replies are JSON");
        }
    }
}
