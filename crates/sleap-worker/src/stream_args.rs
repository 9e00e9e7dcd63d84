//! Options of streams that share the worker.

/// Streams that are served at a time, unless an option says otherwise.
pub(crate) const MAX_STREAMS: u16 = 4;

/// Options of streams that share the worker.
#[derive(Debug, Clone, clap::Args)]
pub struct StreamArgs {
    /// Serve so many streams at a time, and let other clients wait (default: 4).
    ///
    /// They share the model: live streams come first, then files, and each in turn. With --rules, and with --emit osc://
    /// or lsl://, the worker serves one at a time: these do not tell streams apart.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_streams: Option<u16>,
}
