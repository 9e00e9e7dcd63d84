use protocol::text::Lines;
use thiserror::Error;

use super::RoomWorker;
use crate::signaling::rooms::service::WorkerService;

/// Workers listed in a message.
const LISTED: usize = 20;

/// No worker of a room was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// No worker at all.
    #[error("no worker is in the room {room}; start one there (sleap-worker --room {room})")]
    Empty {
        /// Id of the room.
        room: String,
    },
    /// Workers, and none that does what is asked for.
    #[error("no worker in the room {room} {service}: those there are left alone")]
    NoneOffers {
        /// Id of the room.
        room: String,
        /// What the worker was to do.
        service: WorkerService,
        /// The workers that are there.
        others: Vec<RoomWorker>,
    },
    /// Workers, and none with the model that is asked for.
    #[error("no worker in the room {room} runs the model {model}")]
    NoneRuns {
        /// Id of the room.
        room: String,
        /// The name of the model.
        model: String,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
    /// The worker that was asked for does something else.
    #[error("the worker {worker} in the room {room} is not one that {service}, and is left alone")]
    DoesNotOffer {
        /// Id of the room.
        room: String,
        /// The id or the name that was asked for.
        worker: String,
        /// What the worker was to do.
        service: WorkerService,
    },
    /// No worker with that id or name.
    #[error("no worker in the room {room} is called {worker}")]
    Unknown {
        /// Id of the room.
        room: String,
        /// The id or the name that was asked for.
        worker: String,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
    /// Several workers, and no rule to take one.
    #[error(
        "{} workers are in the room {room}: choose one with --worker-id ID, or let --auto-select \
         take the available one with the most GPU memory", .there.len()
    )]
    Several {
        /// Id of the room.
        room: String,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
    /// Several workers with that name.
    #[error("{} workers in the room {room} are called {worker}: give an id", .there.len())]
    Ambiguous {
        /// Id of the room.
        room: String,
        /// The id or the name that was asked for.
        worker: String,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
    /// No worker with enough GPU memory.
    #[error("no worker in the room {room} has {min_memory_mb} MB of GPU memory (--min-gpu-memory)")]
    TooLittleMemory {
        /// Id of the room.
        room: String,
        /// What was asked for, in MiB.
        min_memory_mb: u64,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
    /// All workers are busy.
    #[error("no worker in the room {room} is available")]
    NoneAvailable {
        /// Id of the room.
        room: String,
        /// The workers that are there.
        there: Vec<RoomWorker>,
    },
}

impl SelectionError {
    /// Whether another attempt fails too until a person has chosen.
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
            | Self::NoneRuns { there, .. }
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
