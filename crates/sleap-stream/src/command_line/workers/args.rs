//! The command lines of `pair` and `workers`.

use clap::Subcommand;
use cli::Redacted;

/// Options of `pair`.
#[derive(Debug, Clone, clap::Args)]
pub struct PairArgs {
    /// The link, or `-` to read it from standard input, as without LINK.
    ///
    /// On the command line the shell keeps the link, with its secret, in its history.
    #[arg(value_name = "LINK")]
    pub link: Option<Redacted>,

    /// The name to store it under (default: the worker's in the link, else its host's).
    #[arg(long, value_name = "NAME", value_parser = cli::plain_name)]
    pub name: Option<String>,
}

/// Options of `workers`.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkersArgs {
    /// What to do instead of listing them.
    #[command(subcommand)]
    pub command: Option<WorkersCommand>,

    /// As a JSON list.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `workers` does besides listing.
#[derive(Debug, Clone, Subcommand)]
pub enum WorkersCommand {
    /// Remove stored workers. The worker itself, and its secret, stay as they are.
    Remove {
        /// The names to remove.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}
