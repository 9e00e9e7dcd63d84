use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;
use tokio::time::timeout;

use super::select::select_again;
use super::worker::workers;
use super::{RoomWorker, SelectionError, WorkerQuery};
use crate::signaling::client::SignalingClient;
use crate::signaling::error::SignalError;
use crate::signaling::rooms::{RoomRole, wire};

/// No worker of a room was found.
#[derive(Debug, Error)]
pub(crate) enum DiscoverError {
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// The worker of the room to offer a connection to: the known one, if it is there, or as it is
/// chosen. `name`: the id or the name of the one that is asked for; `wait`: how long the next
/// step may take.
pub(crate) async fn discover(
    signal: &mut SignalingClient,
    id: &str,
    wanted: WorkerQuery<'_>,
    name: Option<&str>,
    wait: impl Fn() -> Duration,
) -> Result<RoomWorker, DiscoverError> {
    let WorkerQuery { room, service, .. } = wanted;
    let only = [(service.property().to_owned(), Value::Bool(true))];
    let mut offering = listing(signal, id, only.into_iter().collect(), wait()).await?;
    // A server may not support the filter.
    offering.retain(|worker| worker.offers(service));
    let error = match select_again(offering, name, wanted) {
        Ok(worker) => return Ok(worker),
        Err(error) => error,
    };
    let (unknown, there) = match &error {
        SelectionError::Empty { .. } => (None, &[][..]),
        SelectionError::Unknown { worker, there, .. } => (Some(worker), there.as_slice()),
        _ => return Err(error.into()),
    };
    // For the error message, which lists the other workers.
    let others = listing(signal, id, Map::new(), wait()).await?;
    let room = room.to_owned();
    Err(match unknown {
        Some(name)
            if others
                .iter()
                .any(|it| !it.offers(service) && it.is_called(name)) =>
        {
            SelectionError::DoesNotOffer {
                room,
                worker: name.clone(),
                service,
            }
        }
        _ if there.is_empty() && !others.is_empty() => SelectionError::NoneOffers {
            room,
            service,
            others,
        },
        _ => error,
    }
    .into())
}

/// The workers of the room with these properties.
pub(crate) async fn listing(
    signal: &mut SignalingClient,
    id: &str,
    properties: Map<String, Value>,
    wait: Duration,
) -> Result<Vec<RoomWorker>, SignalError> {
    let message = wire::discover(id, RoomRole::Worker, properties);
    signal.send(&message).await?;
    let url = signal.url().to_owned();
    let listed = async {
        loop {
            if let Some(peers) = wire::peer_list(&signal.next_text().await?) {
                return peers;
            }
        }
    };
    let peers = match timeout(wait, listed).await {
        Ok(peers) => peers?,
        Err(_) => return Err(SignalError::Timeout { url, waited: wait }),
    };
    Ok(workers(&peers))
}
