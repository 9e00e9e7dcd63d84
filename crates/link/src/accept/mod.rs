//! The worker's side of a connection: offers that come by the signaling server become channels.
//!
//! ```text
//! Desk (signaling, registration) -- offers --> Guests (whose turn it is) -- begins --> Handshake
//!      <-------------------------------------- answers ------------------------------------|
//! Acceptor::accept() <----------------------- open channels -------------------------------|
//! ```

mod desk;
mod early;
mod guests;
mod handshake;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::info;

use self::desk::Desk;
use crate::auth::{AuthCounts, Gate};
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::{AcceptError, SignalError};
use crate::place::{InRoom, Place};
use crate::signaling::rooms::{Profile, Room};

/// Channels that wait for [`Acceptor::accept`]; further handshakes wait at their end.
const BACKLOG: usize = 4;
/// Candidates and answers that wait for their task.
const QUEUE: usize = 64;

/// A worker registered at a signaling server. It registers again whenever the server comes back;
/// established channels do not depend on it. Dropping it ends the registration.
#[derive(Debug)]
pub struct Acceptor {
    id: String,
    channels: mpsc::Receiver<Channel>,
    gate: Arc<Gate>,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Registers at the server `signal_url` (`ws://host:port`); once this returns, clients that
    /// ask the server are told of this worker.
    pub async fn register(signal_url: &str, config: PeerConfig) -> Result<Self, SignalError> {
        let id = config.id_for("worker");
        Self::stand(Place::Server(signal_url.to_owned()), id, config).await
    }

    /// Enters a room, whose members find this worker by its profile. It is said to be busy while
    /// `busy` is true. The servers that the room lends are used beside those of `config`.
    pub async fn join(
        room: Room,
        profile: Profile,
        busy: watch::Receiver<bool>,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        // Behind the ids of SLEAP-RTC's workers, `worker-..`: of those without a GPU they elect the
        // first, and one that streams cannot coordinate them.
        let id = config.id_for("worker_stream");
        let place = Place::Room(Box::new(InRoom::new(room, profile, busy)));
        Self::stand(place, id, config).await
    }

    async fn stand(mut place: Place, id: String, config: PeerConfig) -> Result<Self, SignalError> {
        let enrolled = place.enrol(&id, &config).await?;
        let id = enrolled.id.clone();
        info!(id, url = place.url(), room = place.room(), "registered");
        let (ready, channels) = mpsc::channel(BACKLOG);
        let mut desk = Desk::new(place, config, ready);
        let signal = desk.take_place(enrolled);
        Ok(Self {
            id,
            channels,
            gate: desk.guests.gate.clone(),
            task: tokio::spawn(desk.run(signal)),
        })
    }

    /// The id under which this worker is registered.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many clients were let in and how many not; all zero where nothing is asked of them.
    pub fn auth_counts(&self) -> AuthCounts {
        self.gate.counts()
    }

    /// What reads [`auth_counts`](Self::auth_counts), also after this is dropped.
    pub fn auth_counter(&self) -> impl Fn() -> AuthCounts + Send + Sync + 'static {
        let gate = Arc::clone(&self.gate);
        move || gate.counts()
    }

    /// The next client's channel. Clients connect concurrently; one that fails is logged and never
    /// ends this. Cancelling loses no channel.
    pub async fn accept(&mut self) -> Result<Channel, AcceptError> {
        self.channels.recv().await.ok_or(AcceptError::Stopped)
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.task.abort();
    }
}
