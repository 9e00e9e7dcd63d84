//! What the fuzz target does with a subscriber.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use super::subscriber;
use super::subscriber_queue::{QueuedMessage, SubscriberQueue};

/// A whole connection, with `data` as the bytes of the subscriber from its greeting on. It ends, and the
/// publisher never sends more than it has queued.
pub fn subscriber(data: &[u8]) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let initial_message = || {
        Some(QueuedMessage {
            topic: "skeleton",
            bytes: Bytes::from_static(b"skeleton"),
            counts: false,
        })
    };
    let queue = SubscriberQueue::new(Instant::now());
    let mut answer = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without IO starts");
    let gone = runtime.block_on(subscriber::converse(
        data,
        &mut answer,
        peer,
        &queue,
        initial_message,
    ));
    assert!(gone.is_err(), "nobody closed the queue");
    // Greeting and READY, then an answer or an initial message of 26 bytes at most for two bytes or more.
    assert!(answer.len() <= 64 + 27 + 13 * data.len());
}
