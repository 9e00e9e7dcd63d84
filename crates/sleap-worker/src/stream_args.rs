//! Options of streams that share the worker.

/// Streams that are served at a time, unless an option says otherwise.
pub(crate) const MAX_STREAMS: u16 = 4;

/// Options of streams that share the worker.
#[derive(Debug, Clone, clap::Args)]
pub struct StreamArgs {
    /// Serve so many streams at a time, and let other clients wait (default: 4).
    ///
    /// They share the model: live streams come first, then files, and each in turn. With --rules, and with
    /// --emit osc:// or lsl://, the worker serves one at a time unless this option is given: then the rules act on each
    /// stream, which has its name there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_streams: Option<u16>,

    /// Refuse a live stream beside others where one of them would get fewer frames a second of the model.
    ///
    /// A stream that asks for less needs no more than that, and one that is alone is never refused. The model's rate is
    /// measured as it runs.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = live_rate)]
    pub min_live_rate: f64,
}

/// A number of frames a second that may be zero.
fn live_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate),
        _ => Err("it is a number of frames a second, 0 or more".into()),
    }
}
