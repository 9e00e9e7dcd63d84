use protocol::text::Lines;
use thiserror::Error;

use super::{RoomWorker, Service};

/// Workers listed in a message.
const LISTED: usize = 20;

/// No worker of a room was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    #[error("no worker is in the room {room}; start one there (sleap-worker --room {room})")]
    Empty { room: String },
    #[error("no worker in the room {room} {service}: those there are left alone")]
    NoneOffers {
        room: String,
        service: Service,
        others: Vec<RoomWorker>,
    },
    #[error("the worker {worker} in the room {room} is not one that {service}, and is left alone")]
    DoesNotOffer {
        room: String,
        worker: String,
        service: Service,
    },
    #[error("no worker in the room {room} is called {worker}")]
    Unknown {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error(
        "{} workers are in the room {room}: choose one with --worker-id ID, or let --auto-select \
         take the available one with the most GPU memory", .there.len()
    )]
    Several {
        room: String,
        there: Vec<RoomWorker>,
    },
    #[error("{} workers in the room {room} are called {worker}: give an id", .there.len())]
    Ambiguous {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error("no worker in the room {room} has {min_memory_mb} MB of GPU memory (--min-gpu-memory)")]
    TooLittleMemory {
        room: String,
        min_memory_mb: u64,
        there: Vec<RoomWorker>,
    },
    #[error("no worker in the room {room} is available")]
    NoneAvailable {
        room: String,
        there: Vec<RoomWorker>,
    },
}

impl ChoiceError {
    /// Whether somebody has to choose before trying again is of use.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Several { .. } | Self::Ambiguous { .. } | Self::DoesNotOffer { .. }
        )
    }

    /// The workers that the message is about, one a line; `None` where it is about none.
    pub fn listed(&self) -> Option<Lines> {
        let workers = match self {
            Self::Empty { .. } | Self::DoesNotOffer { .. } => return None,
            Self::NoneOffers { others, .. } => others,
            Self::Unknown { there, .. }
            | Self::Several { there, .. }
            | Self::Ambiguous { there, .. }
            | Self::TooLittleMemory { there, .. }
            | Self::NoneAvailable { there, .. } => there,
        };
        let mut lines: Vec<_> = workers
            .iter()
            .take(LISTED)
            .map(RoomWorker::to_string)
            .collect();
        if workers.len() > LISTED {
            lines.push(format!("and {} more", workers.len() - LISTED));
        }
        (!lines.is_empty()).then_some(Lines(lines))
    }
}
