//! Options of finding the worker in a room.

use anyhow::{Result, bail};
use cli::RoomArgs;
use link::signaling::rooms::{Room, SelectionRule};

/// Options of finding the worker in a room.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Rooms")]
pub struct RendezvousArgs {
    /// The room.
    #[command(flatten)]
    pub room: RoomArgs,

    /// Where several workers of the room stream: take the available one with the most GPU memory.
    #[arg(long, conflicts_with = "worker_id")]
    pub auto_select: bool,

    /// Take no worker of the room whose GPU has less memory.
    #[arg(
        long,
        value_name = "MB",
        default_value_t = 0,
        conflicts_with = "worker_id"
    )]
    pub min_gpu_memory: u64,
}

impl RendezvousArgs {
    /// The room to enter, if the options name one. An error here is a usage error.
    pub(crate) fn room(&self, has_link: bool) -> Result<Option<Room>> {
        let Some(id) = self.room.id()? else {
            return Ok(None);
        };
        if has_link {
            bail!("--room and --worker both say where the worker is: give one");
        }
        self.room.for_client(id).map(Some)
    }

    /// How a worker is chosen there. `by_model`: one that runs a certain model is asked for.
    pub(crate) fn choice(&self, by_model: bool) -> SelectionRule {
        SelectionRule {
            min_memory_mb: self.min_gpu_memory,
            auto_select: self.auto_select,
            most_room: by_model,
        }
    }
}
