//! Peers without the secret that get as far as an open data channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use link::{Auth, Channel};
use protocol::Message;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::config;

/// What strangers achieved.
#[derive(Debug, Default)]
pub struct Tally {
    /// Offers of a connection.
    pub offers: AtomicUsize,
    /// Open data channels.
    pub channels: AtomicUsize,
}

/// So many strangers who offer one connection after the other until then, and do on each what harms:
/// send frames, send texts, say nothing, or leave at once.
pub async fn strangers(signal: &str, count: usize, until: Instant) -> Arc<Tally> {
    let tally = Arc::<Tally>::default();
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let (signal, tally) = (signal.to_owned(), tally.clone());
        tasks.spawn(async move {
            let stranger = stranger(&signal, index, &tally);
            let _ = timeout_at(until, stranger).await;
        });
    }
    tasks.join_all().await;
    tally
}

async fn stranger(signal: &str, index: usize, tally: &Tally) {
    for round in index.. {
        tally.offers.fetch_add(1, Relaxed);
        let Ok(channel) = link::connect(signal, config(Auth::None)).await else {
            continue;
        };
        tally.channels.fetch_add(1, Relaxed);
        match round % 4 {
            0 => send_until_cut_off(channel, || Message::Chunk(vec![0; 250_000].into())).await,
            1 => send_until_cut_off(channel, || unknown("x".repeat(1000))).await,
            2 => wait_for_the_end(channel).await,
            _ => drop(channel),
        }
    }
}

fn unknown(text: String) -> Message {
    Message::Unknown { text }
}

async fn send_until_cut_off(mut channel: Channel, message: impl Fn() -> Message) {
    while channel.receiver.closed_because().is_none() {
        tokio::select! {
            sent = channel.sender.send(message()) => if sent.is_err() { break },
            received = channel.receiver.recv() => if received.is_none() { break },
        }
    }
}

async fn wait_for_the_end(mut channel: Channel) {
    while channel.receiver.recv().await.is_some() {}
}
