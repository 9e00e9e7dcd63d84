//! Which worker of a room a client takes.

mod discover;
mod error;
mod select;
#[cfg(test)]
mod tests;
mod worker;

pub use self::error::SelectionError;
pub use self::worker::RoomWorker;

pub(crate) use self::discover::{DiscoverError, discover, listing};
#[cfg(any(test, fuzzing))]
pub(super) use self::worker::workers;

use super::service::WorkerService;

/// How the worker is chosen where its name is not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SelectionRule {
    /// Workers with less GPU memory, in MiB, do not count.
    pub min_memory_mb: u64,
    /// Of several the available one with the most GPU memory is taken...
    pub auto_select: bool,
    /// ...or the one with the most free places. Otherwise a person chooses.
    pub most_room: bool,
}

/// What a client needs, and which workers it prefers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerQuery<'a> {
    /// The room's id.
    pub(crate) room: &'a str,
    pub(crate) service: WorkerService,
    /// The name of the model that it has to run; `None`: any.
    pub(crate) model: Option<&'a str>,
    /// The worker of a former connection: selected first, or, if it is to be avoided, only where no rule
    /// selects one of several.
    pub(crate) known: Option<&'a str>,
    /// Workers that did not answer: others come first.
    pub(crate) avoid: &'a [String],
    pub(crate) rule: SelectionRule,
}
