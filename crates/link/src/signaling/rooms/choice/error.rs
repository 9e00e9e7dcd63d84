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
    #[error(
        "no worker in the room {room} {service}: those there are left alone{}", listed(.others)
    )]
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
    #[error("no worker in the room {room} is called {worker}{}", listed(.there))]
    Unknown {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error(
        "{} workers are in the room {room}: choose one with --worker-id ID, or let --auto-select \
         take the available one with the most GPU memory{}", .there.len(), listed(.there)
    )]
    Several {
        room: String,
        there: Vec<RoomWorker>,
    },
    #[error("{} workers in the room {room} are called {worker}: give an id{}", .there.len(), listed(.there))]
    Ambiguous {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error(
        "no worker in the room {room} has {min_memory_mb} MB of GPU memory (--min-gpu-memory){}",
        listed(.there)
    )]
    TooLittleMemory {
        room: String,
        min_memory_mb: u64,
        there: Vec<RoomWorker>,
    },
    #[error("no worker in the room {room} is available{}", listed(.there))]
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
}

/// One line each.
fn listed(workers: &[RoomWorker]) -> String {
    let lines = workers.iter().take(LISTED);
    let mut text: String = lines.map(|worker| format!("\n  {worker}")).collect();
    if workers.len() > LISTED {
        text += &format!("\n  and {} more", workers.len() - LISTED);
    }
    text
}
