use std::time::{Duration, Instant};

use crate::auth::Auth;
use crate::channel::ChannelConfig;
use crate::connection::ConnectionConfig;
use crate::random::random_id;
use crate::signaling::IdReservation;

/// Settings of one side: how it is found, and what its connections and channels are like.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Id to register under. `None`: `worker-` or `client-` and a random number.
    pub peer_id: Option<String>,
    /// The right to that id, where the server has reserved it; else what keeps others from taking it while
    /// this side is registered.
    pub reservation: Option<IdReservation>,
    /// Id of the worker to [`connect`](crate::connect()) to, or its name ([`worker_id_of`]). `None`: the first
    /// one that looks like a worker.
    pub worker_id: Option<String>,
    /// When a connection of [`connect`](crate::connect()) must have come about: no step waits longer.
    pub connect_by: Option<Instant>,
    /// Handshakes that an [`Acceptor`](crate::Acceptor) runs at a time; further offers are refused.
    pub max_handshakes: usize,
    /// What is asked of the other side before a channel comes about.
    pub auth: Auth,
    /// The WebRTC connection.
    pub connection: ConnectionConfig,
    /// The channel over it.
    pub channel: ChannelConfig,
}

/// The id under which a worker of this name registers: clients take ids with that word for workers.
pub fn worker_id_of(name: &str) -> String {
    match name.starts_with(WORKER_PREFIX) {
        true => name.to_owned(),
        false => format!("{WORKER_PREFIX}{name}"),
    }
}

/// What the ids of workers begin with.
const WORKER_PREFIX: &str = "worker-";

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            peer_id: None,
            reservation: None,
            worker_id: None,
            connect_by: None,
            max_handshakes: 8,
            auth: Auth::None,
            connection: ConnectionConfig::default(),
            channel: ChannelConfig::default(),
        }
    }
}

impl PeerConfig {
    /// How long the next step of a connection may take. What is left before `connect_by` is given in
    /// tenths of a second, as people read it in errors.
    pub(super) fn step(&self) -> Duration {
        let longest = self.connection.connect_timeout;
        let Some(by) = self.connect_by else {
            return longest;
        };
        let left = by.saturating_duration_since(Instant::now());
        let tenths = u64::try_from(left.as_millis() / 100).unwrap_or(u64::MAX);
        longest.min(Duration::from_millis(tenths.saturating_mul(100)))
    }

    /// The id to register under: the configured one, or `{role}-` and 16 random hexadecimal digits.
    pub(crate) fn id_for(&self, role: &str) -> String {
        self.peer_id.clone().unwrap_or_else(|| random_id(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_goes_beyond_the_time_for_the_connection() {
        let step = |left: Duration| {
            let config = PeerConfig {
                connect_by: Some(Instant::now() + left),
                ..PeerConfig::default()
            };
            config.step()
        };
        assert_eq!(PeerConfig::default().step(), Duration::from_secs(15));
        assert_eq!(step(Duration::from_secs(600)), Duration::from_secs(15));
        let short = step(Duration::from_millis(1250));
        assert!(short <= Duration::from_millis(1200), "{short:?}");
        assert_eq!(short.as_millis() % 100, 0);
        assert_eq!(step(Duration::ZERO), Duration::ZERO);
    }
}
