//! The worker's side of a connection.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::{AcceptError, PeerError, SignalError};
use crate::peer::Peer;
use crate::signaling::{Candidate, Client, Incoming, answer, register};

/// Channels that wait for [`Acceptor::accept`]; further handshakes wait at their end.
const BACKLOG: usize = 4;
/// Candidates and answers that wait for their task.
const QUEUE: usize = 64;
/// First and longest pause between attempts to reach the signaling server again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// A worker registered at a signaling server. It registers again whenever the server comes back;
/// established channels do not depend on it. Dropping it ends the registration.
#[derive(Debug)]
pub struct Acceptor {
    id: String,
    channels: mpsc::Receiver<Channel>,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Registers at the server `signal_url` (`ws://host:port`); once this returns, clients that
    /// ask the server are told of this worker.
    pub async fn register(signal_url: &str, config: PeerConfig) -> Result<Self, SignalError> {
        let id = config.id_for("worker");
        let signal = enrol(signal_url, &id, &config).await?;
        info!(id, url = signal_url, "registered");
        let (ready, channels) = mpsc::channel(BACKLOG);
        let desk = Desk::new(signal_url.to_owned(), id.clone(), config, ready);
        Ok(Self {
            id,
            channels,
            task: tokio::spawn(desk.run(signal)),
        })
    }

    /// The id under which this worker is registered.
    pub fn id(&self) -> &str {
        &self.id
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

/// Connects, registers, and makes sure that the registration has been processed: it is not
/// answered, but a query that follows it is.
async fn enrol(url: &str, id: &str, config: &PeerConfig) -> Result<Client, SignalError> {
    let mut signal = Client::connect(url, config.connect_timeout).await?;
    signal.send(&register(id)).await?;
    signal.peers(config.connect_timeout).await?;
    Ok(signal)
}

/// A client whose handshake is under way.
struct Guest {
    candidates: mpsc::Sender<Candidate>,
    handshake: AbortHandle,
}

/// An answer on its way from a handshake to the signaling server.
struct Answer {
    client: String,
    sdp: String,
}

/// Reads the worker's signaling messages and runs one task per handshake.
struct Desk {
    url: String,
    id: String,
    config: PeerConfig,
    ready: mpsc::Sender<Channel>,
    to_clients: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    guests: HashMap<String, Guest>,
    handshakes: JoinSet<()>,
}

impl Desk {
    fn new(url: String, id: String, config: PeerConfig, ready: mpsc::Sender<Channel>) -> Self {
        let (to_clients, answers) = mpsc::channel(QUEUE);
        Self {
            url,
            id,
            config,
            ready,
            to_clients,
            answers,
            guests: HashMap::new(),
            handshakes: JoinSet::new(),
        }
    }

    async fn run(mut self, mut signal: Client) {
        loop {
            let error = match self.attend(&mut signal).await {
                Ok(()) => return signal.close().await,
                Err(error) => error,
            };
            warn!(%error, "lost the signaling server; established channels go on");
            signal = self.enrol_again().await;
        }
    }

    /// Serves until the signaling server is lost, or until nobody accepts any more (`Ok`).
    async fn attend(&mut self, signal: &mut Client) -> Result<(), SignalError> {
        loop {
            tokio::select! {
                incoming = signal.next() => self.receive(incoming?),
                Some(Answer { client, sdp }) = self.answers.recv() => {
                    signal.send(&answer(&self.id, &client, &sdp)).await?;
                }
                Some(_) = self.handshakes.join_next() => {
                    self.guests.retain(|_, guest| !guest.handshake.is_finished());
                }
                () = self.ready.closed() => return Ok(()),
            }
        }
    }

    fn receive(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Offer { sender, sdp } => self.receive_offer(sender, sdp),
            Incoming::Candidate {
                sender: Some(sender),
                candidate,
            } => {
                if let Some(guest) = self.guests.get(&sender) {
                    // More than the queue holds are of no use.
                    let _ = guest.candidates.try_send(candidate);
                }
            }
            Incoming::Error { message, .. } => debug!(message, "signaling server"),
            _ => {}
        }
    }

    /// Starts a handshake. A second offer of the same client replaces its first.
    fn receive_offer(&mut self, client: String, sdp: String) {
        if let Some(previous) = self.guests.remove(&client) {
            previous.handshake.abort();
        }
        self.guests
            .retain(|_, guest| !guest.handshake.is_finished());
        if self.guests.len() >= self.config.max_handshakes {
            warn!(
                client,
                limit = self.config.max_handshakes,
                "too many handshakes, refusing one"
            );
            return;
        }
        debug!(client, "offer");
        let (candidates, queue) = mpsc::channel(QUEUE);
        let handshake = Handshake {
            client: client.clone(),
            config: self.config.clone(),
            answers: self.to_clients.clone(),
            ready: self.ready.clone(),
        };
        let handshake = self.handshakes.spawn(handshake.run(sdp, queue));
        self.guests.insert(
            client,
            Guest {
                candidates,
                handshake,
            },
        );
    }

    async fn enrol_again(&self) -> Client {
        let (mut pause, longest) = BACKOFF;
        loop {
            sleep(pause).await;
            match enrol(&self.url, &self.id, &self.config).await {
                Ok(signal) => {
                    info!(id = self.id, url = self.url, "registered again");
                    return signal;
                }
                Err(error) => debug!(%error, ?pause, "signaling server still not there"),
            }
            pause = (pause * 2).min(longest);
        }
    }
}

/// One client on its way to an open channel.
struct Handshake {
    client: String,
    config: PeerConfig,
    answers: mpsc::Sender<Answer>,
    ready: mpsc::Sender<Channel>,
}

impl Handshake {
    async fn run(self, offer: String, candidates: mpsc::Receiver<Candidate>) {
        let wait = self.config.connect_timeout;
        let result = match timeout(wait, self.negotiate(offer, candidates)).await {
            Ok(result) => result,
            Err(_) => Err(PeerError::Timeout { waited: wait }),
        };
        match result {
            Ok(channel) => {
                info!(client = self.client, "connected");
                // Nobody accepts any more: the channel closes with this task.
                let _ = self.ready.send(channel).await;
            }
            Err(error) => warn!(client = self.client, %error, "connection failed"),
        }
    }

    async fn negotiate(
        &self,
        offer: String,
        mut candidates: mpsc::Receiver<Candidate>,
    ) -> Result<Channel, PeerError> {
        let peer = Peer::new(&self.config).await?;
        let sdp = peer.answer(offer).await?;
        let client = self.client.clone();
        if self.answers.send(Answer { client, sdp }).await.is_err() {
            return Err(PeerError::Closed);
        }
        let data = {
            let opened = async {
                let data = peer.incoming().await?;
                peer.opened(&data).await?;
                Ok(data)
            };
            tokio::pin!(opened);
            loop {
                tokio::select! {
                    data = &mut opened => break data?,
                    Some(candidate) = candidates.recv() => peer.add_candidate(candidate).await,
                }
            }
        };
        Ok(peer.into_channel(data).await)
    }
}
