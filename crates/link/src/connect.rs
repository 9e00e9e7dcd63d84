//! The client's side of a connection.

use std::convert::Infallible;

use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::auth;
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::{ConnectError, PeerError, SignalError};
use crate::peer::Peer;
use crate::signaling::rooms::{self, RoomError};
use crate::signaling::{Client, Incoming, offer, register};

/// Candidates kept until the answer comes.
const MAX_EARLY_CANDIDATES: usize = 64;

/// Connects to a worker that is registered at the signaling server `signal_url` (`ws://host:port`).
///
/// The worker is the configured one, or the first whose id names a worker, or else the first that
/// does not name a client.
pub async fn connect(signal_url: &str, config: PeerConfig) -> Result<Channel, ConnectError> {
    let mut signal = Client::connect(signal_url, config.step()).await?;
    let peers = signal.peers(config.step()).await?;
    let worker = choose_worker(&peers, &config, signal_url)?;
    let pair = Pair {
        id: &config.id_for("client"),
        worker: &worker,
        in_room: false,
    };
    let result = negotiate(&mut signal, pair, &config).await;
    signal.close().await;
    if let Ok(channel) = &result {
        let path = channel.sender.path_text().await;
        info!(worker, path, "connected");
    }
    result
}

/// Other clients may be in the list, and a reference worker may have any id.
fn choose_worker(
    peers: &[String],
    config: &PeerConfig,
    signal_url: &str,
) -> Result<String, ConnectError> {
    let url = signal_url.to_owned();
    if let Some(worker) = &config.worker_id {
        return match peers.contains(worker) {
            true => Ok(worker.clone()),
            false => Err(ConnectError::UnknownWorker {
                url,
                worker: worker.clone(),
            }),
        };
    }
    let names = |id: &&String, word: &str| id.to_ascii_lowercase().contains(word);
    let worker = peers
        .iter()
        .find(|id| names(id, "worker"))
        .or_else(|| peers.iter().find(|id| !names(id, "client")));
    worker.cloned().ok_or(ConnectError::NoWorker {
        url,
        others: peers.len(),
    })
}

/// Who offers a connection to whom.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) id: &'a str,
    pub(crate) worker: &'a str,
    /// Both are in a room, where errors of the server are about what was just sent.
    pub(crate) in_room: bool,
}

/// Offers the connection, and waits until the worker has opened and proved it.
pub(crate) async fn negotiate(
    signal: &mut Client,
    pair: Pair<'_>,
    config: &PeerConfig,
) -> Result<Channel, ConnectError> {
    let Pair {
        id,
        worker,
        in_room,
    } = pair;
    debug!(worker, "offering a connection");
    let failed = |source: PeerError| ConnectError::Peer {
        worker: worker.to_owned(),
        source,
    };
    let peer = Peer::new(config).await.map_err(failed)?;
    let (data, sdp) = peer.offer().await.map_err(failed)?;

    if !in_room {
        // Registered only now, so that nobody who queries before mistakes this client for a worker.
        signal.send(&register(id, None)).await?;
    }
    signal.send(&offer(id, worker, &sdp)).await?;
    let wait = config.step();
    timeout(wait, take_answer(signal, pair, &peer))
        .await
        .map_err(|_| ConnectError::NoAnswer {
            worker: worker.to_owned(),
            waited: wait,
        })??;
    let wait = config.step();
    let opened = async {
        tokio::select! {
            opened = peer.opened(&data) => opened,
            never = add_candidates(signal, worker, &peer) => match never {},
        }
    };
    match timeout(wait, opened).await {
        Ok(Ok(())) => {
            auth::prove(&peer, &data).await.map_err(failed)?;
            Ok(peer.into_channel(data).await)
        }
        Ok(Err(source)) => Err(failed(source)),
        Err(_) => Err(failed(peer.timed_out(wait))),
    }
}

/// Waits for the worker's answer and takes it, with the candidates that came before it.
async fn take_answer(signal: &mut Client, pair: Pair<'_>, peer: &Peer) -> Result<(), ConnectError> {
    let worker = pair.worker;
    let from_worker = |sender: &Option<String>| sender.as_deref().is_none_or(|id| id == worker);
    let mut early = Vec::new();
    loop {
        match signal.next().await? {
            Incoming::Answer { sender, sdp } if from_worker(&sender) => {
                let taken = peer.take_answer(sdp).await;
                taken.map_err(|source| ConnectError::Peer {
                    worker: worker.to_owned(),
                    source,
                })?;
                for candidate in early {
                    peer.add_candidate(candidate).await;
                }
                return Ok(());
            }
            Incoming::Candidate { sender, candidate }
                if from_worker(&sender) && early.len() < MAX_EARLY_CANDIDATES =>
            {
                early.push(candidate);
            }
            Incoming::Error {
                undelivered: Some(id),
                ..
            } if id == worker => {
                return Err(ConnectError::WorkerLeft { worker: id });
            }
            Incoming::Error { code, message, .. } if pair.in_room && rooms::is_of_server(&code) => {
                return Err(match rooms::of_code(&code, &message) {
                    RoomError::Undelivered => ConnectError::WorkerLeft {
                        worker: worker.to_owned(),
                    },
                    error => SignalError::from(error).into(),
                });
            }
            Incoming::Error { code, message, .. } => {
                let (code, message) = (rooms::shown(&code), rooms::shown(&message));
                warn!(
                    code,
                    message, "refused by the signaling server or somebody there"
                );
            }
            _ => {}
        }
    }
}

/// Adds the candidates that come after the answer. Losing the server now does no harm.
async fn add_candidates(signal: &mut Client, worker: &str, peer: &Peer) -> Infallible {
    loop {
        match signal.next().await {
            Ok(Incoming::Candidate { sender, candidate })
                if sender.as_deref().is_none_or(|id| id == worker) =>
            {
                peer.add_candidate(candidate).await;
            }
            Ok(_) => {}
            Err(_) => return std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(peers: &[&str]) -> Option<String> {
        let peers: Vec<_> = peers.iter().map(|id| (*id).to_owned()).collect();
        choose_worker(&peers, &PeerConfig::default(), "ws://x").ok()
    }

    #[test]
    fn workers_come_before_others_and_clients_never() {
        assert_eq!(
            choice(&["client-1", "worker-1", "worker-2"]).as_deref(),
            Some("worker-1")
        );
        assert_eq!(
            choice(&["gpu-box", "Worker-1"]).as_deref(),
            Some("Worker-1")
        );
        assert_eq!(choice(&["client-1", "gpu-box"]).as_deref(), Some("gpu-box"));
        assert_eq!(choice(&["client-1", "Client-2"]), None);
        assert_eq!(choice(&[]), None);
    }

    #[test]
    fn a_configured_worker_is_taken_or_missed() {
        let config = PeerConfig {
            worker_id: Some("b".into()),
            ..PeerConfig::default()
        };
        let listed = ["worker".to_owned(), "b".to_owned()];
        assert_eq!(
            choose_worker(&listed, &config, "ws://x").ok().as_deref(),
            Some("b")
        );
        let error = choose_worker(&listed[..1], &config, "ws://x");
        assert!(matches!(error, Err(ConnectError::UnknownWorker { worker, .. }) if worker == "b"));
    }
}
