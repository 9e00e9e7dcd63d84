//! The client's side of a connection.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::choice::{Chosen, WorkerChoice, choose};
use super::config::PeerConfig;
use super::error::ConnectError;
use super::offers::{Left, Offers};
use crate::auth::{self, PeerError};
use crate::channel::Channel;
use crate::connection::{ConnectionError, Delivery, Negotiation};
use crate::ice::IceCandidate;
use crate::random::random_u64;
use crate::signaling::SignalError;
use crate::signaling::rooms::{self, RoomError, WorkerService};
use crate::signaling::{SignalingClient, SignalingMessage, offer, register_client};

/// A worker that has not let a client in by then is left for another one that has room.
const SUBSTITUTE_AFTER: Duration = Duration::from_secs(4);
/// Candidates kept until the answer comes.
const MAX_EARLY_CANDIDATES: usize = 64;
/// The server's error code for a worker with too many queued messages.
const PEER_BUSY: &str = "PEER_BUSY";

/// Connects to a worker that is registered at the signaling server `signal_url` (`ws://host:port`).
///
/// The worker is the configured one, or the one with the most room for a stream. Of those that do not tell how much
/// they have it is the first whose id names a worker, or else the first that does not name a client.
pub async fn connect(signal_url: &str, config: PeerConfig) -> Result<Channel, ConnectError> {
    let any = WorkerChoice {
        service: WorkerService::Streams,
        model: None,
        known: None,
        avoid: &[],
    };
    let connected = connect_to_one(signal_url, any, config).await;
    connected.map(|(channel, _)| channel)
}

/// As [`connect`], to a worker that fits `choice`; returns its id too.
pub async fn connect_to_one(
    signal_url: &str,
    choice: WorkerChoice<'_>,
    mut config: PeerConfig,
) -> Result<(Channel, String), ConnectError> {
    let mut signal = SignalingClient::connect(signal_url, config.step()).await?;
    let peers = signal.peers(config.step()).await?;
    let Chosen {
        id: worker,
        has_substitute,
    } = choose(&peers, choice, (&config, signal_url), random_u64())?;
    if has_substitute {
        let soon = std::time::Instant::now() + SUBSTITUTE_AFTER;
        config.connect_by = Some(config.connect_by.map_or(soon, |by| by.min(soon)));
    }
    let pair = OfferRoute {
        id: &config.id_for("client"),
        worker: &worker,
        in_room: false,
    };
    let result = negotiate(&mut signal, pair, &config).await;
    signal.close().await;
    let channel = result?;
    info!(worker, "connected");
    channel.sender.log_path().await;
    Ok((channel, worker))
}

/// The ids of the peer that offers a connection and of the worker that it offers it to.
#[derive(Clone, Copy)]
pub(crate) struct OfferRoute<'a> {
    pub(crate) id: &'a str,
    pub(crate) worker: &'a str,
    /// Both are in a room, where errors of the server are about what was just sent.
    pub(crate) in_room: bool,
}

/// Offers the connection, and waits until the worker has opened and proved it.
pub(crate) async fn negotiate(
    signal: &mut SignalingClient,
    pair: OfferRoute<'_>,
    config: &PeerConfig,
) -> Result<Channel, ConnectError> {
    let worker = pair.worker;
    debug!(worker, "offering a connection");
    let failed = |source: PeerError| ConnectError::Peer {
        worker: worker.to_owned(),
        source,
    };
    let failed_to_connect = |source: ConnectionError| failed(source.into());
    let negotiation = Negotiation::new(&config.connection, !config.auth.is_none()).await;
    let negotiation = negotiation.map_err(failed_to_connect)?;
    let sdp = negotiation
        .offer(Delivery::Reliable)
        .await
        .map_err(failed_to_connect)?;

    if !pair.in_room {
        // Registered only now, so that no other client takes this one for a worker in the list of peers.
        signal.send(&register_client(pair.id)).await?;
    }
    let Answer { sdp, early } = answered(signal, pair, &sdp, config.step()).await?;
    let shard_lanes = protocol::offered_shard_lanes(&sdp);
    let taken = negotiation.take_answer(sdp).await;
    taken.map_err(failed_to_connect)?;
    for candidate in early {
        negotiation.add_candidate(candidate).await;
    }
    let wait = config.step();
    let opened = async {
        tokio::select! {
            opened = negotiation.opened() => opened,
            never = add_candidates(signal, worker, &negotiation) => match never {},
        }
    };
    match timeout(wait, opened).await {
        Ok(Ok(())) => {}
        Ok(Err(source)) => return Err(failed_to_connect(source)),
        Err(_) => return Err(failed_to_connect(negotiation.timed_out(wait))),
    }
    let connection = negotiation.into_connection().await;
    let connection = connection.map_err(failed_to_connect)?;
    auth::prove(&connection, &config.auth)
        .await
        .map_err(failed)?;
    Ok(Channel::over(connection, &config.channel, shard_lanes))
}

/// A worker's answer.
struct Answer {
    sdp: String,
    /// The candidates that came before it.
    early: Vec<IceCandidate>,
}

/// Offers the connection, again where need be, until the worker answers.
async fn answered(
    signal: &mut SignalingClient,
    pair: OfferRoute<'_>,
    sdp: &str,
    wait: Duration,
) -> Result<Answer, ConnectError> {
    let worker = pair.worker;
    let message = offer(pair.id, worker, sdp);
    let is_workers = |sender: &Option<String>| sender.as_deref().is_none_or(|id| id == worker);
    let mut offers = Offers::new(Instant::now(), wait);
    let mut early = Vec::new();
    loop {
        let incoming = tokio::select! {
            incoming = signal.next() => incoming?,
            () = sleep_until(offers.due()) => {
                if offers.is_over(Instant::now()) {
                    let worker = worker.to_owned();
                    return Err(ConnectError::NoAnswer { worker, waited: wait });
                }
                signal.send(&message).await?;
                offers.sent(Instant::now());
                continue;
            }
        };
        match incoming {
            SignalingMessage::Answer { sender, sdp } if is_workers(&sender) => {
                return Ok(Answer { sdp, early });
            }
            SignalingMessage::Candidate { sender, candidate }
                if is_workers(&sender) && early.len() < MAX_EARLY_CANDIDATES =>
            {
                early.push(candidate);
            }
            SignalingMessage::Bounced { target } if target == worker => {
                debug!(worker, "registered again or left; offering again");
                offers.bounced(Instant::now());
            }
            SignalingMessage::Error {
                code,
                message,
                undelivered,
            } => refused(pair, &mut offers, (&code, &message), undelivered)?,
            _ => {}
        }
    }
}

/// Handles an error of the server or of another peer; fails where another offer is of
/// no use.
fn refused(
    pair: OfferRoute<'_>,
    offers: &mut Offers,
    (code, message): (&str, &str),
    undelivered: Option<String>,
) -> Result<(), ConnectError> {
    let is_about_offer = undelivered.as_deref() == Some(pair.worker);
    let is_of_room = pair.in_room && rooms::is_of_server(code);
    if is_about_offer && code == PEER_BUSY {
        offers.busy(Instant::now());
    } else if is_about_offer || is_of_room {
        match rooms::of_code(code, message) {
            error if is_of_room && error != RoomError::Undelivered => {
                return Err(SignalError::from(error).into());
            }
            _ => {
                let left = |_: Left| ConnectError::WorkerLeft {
                    worker: pair.worker.to_owned(),
                };
                offers.undelivered(Instant::now()).map_err(left)?;
            }
        }
    } else {
        let (code, message) = (rooms::short(code), rooms::short(message));
        warn!(
            code,
            message, "refused by the signaling server or a peer there"
        );
    }
    Ok(())
}

/// Adds the candidates that come after the answer. Losing the server now does no harm.
async fn add_candidates(
    signal: &mut SignalingClient,
    worker: &str,
    negotiation: &Negotiation,
) -> Infallible {
    loop {
        match signal.next().await {
            Ok(SignalingMessage::Candidate { sender, candidate })
                if sender.as_deref().is_none_or(|id| id == worker) =>
            {
                negotiation.add_candidate(candidate).await;
            }
            Ok(_) => {}
            Err(_) => return std::future::pending().await,
        }
    }
}
