//! Peers that mean harm, for tests and measurements of what they cost a worker.
//!
//! Each attack says how often it got as far as to do what it is about: one that never did shows nothing.

mod clients;
mod files;
mod jpegs;
mod signaling;
mod strangers;

use std::time::Duration;

pub use clients::{Attack, attack, control_flood, half_frames};
pub use files::{Files, file_flood};
pub use signaling::{crowd, huge_messages, message_flood, slow_loris};
pub use strangers::{Tally, strangers};

/// How long an attacker waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

fn config(auth: link::Auth) -> link::PeerConfig {
    let mut config = link::PeerConfig::default();
    config.connection.connect_timeout = PATIENCE;
    config.channel.close_timeout = Duration::from_millis(100);
    config.auth = auth;
    config
}
