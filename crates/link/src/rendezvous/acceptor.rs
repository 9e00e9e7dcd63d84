//! The worker's side of a connection: offers that come by the signaling server become channels.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::info;

use super::config::PeerConfig;
use super::error::AcceptError;
use super::registration::Registration;
use super::worker_rendezvous::{RoomRegistration, ServerRegistration, WorkerRendezvous};
use crate::auth::{AuthCounts, AuthGate};
use crate::channel::Channel;
use crate::signaling::rooms::{Room, WorkerProfile};
use crate::signaling::{SignalError, WorkerLoad};

/// Channels that wait for [`Acceptor::accept`]; further handshakes wait at their end.
const ACCEPT_QUEUE_LEN: usize = 4;

/// A worker registered at a signaling server. It registers again whenever the server comes back;
/// established channels do not depend on it. Dropping it ends the registration.
#[derive(Debug)]
pub struct Acceptor {
    id: String,
    channels: mpsc::Receiver<Channel>,
    gate: Arc<AuthGate>,
    is_registered: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Registers at the server `signal_url` (`ws://host:port`); once this returns, the
    /// server lists this worker to clients.
    pub async fn register(signal_url: &str, config: PeerConfig) -> Result<Self, SignalError> {
        Self::register_at(signal_url, None, config).await
    }

    /// As [`register`](Self::register), and tells the server how much room the worker has, now and whenever that
    /// changes: clients that can choose take one with room.
    pub async fn register_with_load(
        signal_url: &str,
        load: watch::Receiver<WorkerLoad>,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        Self::register_at(signal_url, Some(load), config).await
    }

    async fn register_at(
        signal_url: &str,
        load: Option<watch::Receiver<WorkerLoad>>,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        let id = config.id_for("worker");
        let server = ServerRegistration::new(signal_url, load);
        Self::start(WorkerRendezvous::Server(server), id, config).await
    }

    /// Enters a room, whose members find this worker by its profile and see how much room it has. The servers that
    /// the room provides are used beside those of `config`.
    pub async fn join(
        room: Room,
        profile: WorkerProfile,
        load: watch::Receiver<WorkerLoad>,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        // Behind the ids of SLEAP-RTC's workers, `worker-..`: of those without a GPU they elect the
        // first, and one that streams cannot coordinate them.
        let id = config.id_for("worker_stream");
        let rendezvous =
            WorkerRendezvous::Room(Box::new(RoomRegistration::new(room, profile, load)));
        Self::start(rendezvous, id, config).await
    }

    async fn start(
        mut rendezvous: WorkerRendezvous,
        id: String,
        config: PeerConfig,
    ) -> Result<Self, SignalError> {
        let registered = rendezvous.register(&id, &config).await?;
        let id = registered.id.clone();
        info!(
            id,
            url = rendezvous.url(),
            room = rendezvous.room(),
            "registered"
        );
        let (ready, channels) = mpsc::channel(ACCEPT_QUEUE_LEN);
        let mut registration = Registration::new(rendezvous, config, ready);
        let signal = registration.registered(registered);
        Ok(Self {
            id,
            channels,
            gate: registration.handshakes.gate.clone(),
            is_registered: registration.is_registered.subscribe(),
            task: tokio::spawn(registration.run(signal)),
        })
    }

    /// The id under which this worker is registered.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the worker is registered, now and after each change: not while its signaling server is away.
    pub fn is_registered(&self) -> watch::Receiver<bool> {
        self.is_registered.clone()
    }

    /// How many clients were admitted and how many refused; all zero without authentication.
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
