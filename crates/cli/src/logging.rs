use tracing_subscriber::EnvFilter;

use crate::terminal;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends the log to standard error, above a line that moves there; plain when that is not a
/// terminal or `NO_COLOR` is set.
///
/// Without `RUST_LOG`, our own state changes are logged; `verbose` adds decisions (1) and
/// everything, the libraries' own words included (2).
pub fn init(verbose: u8, format: LogFormat) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::new(filter),
        _ => EnvFilter::new(match verbose {
            0 => format!("info,ort=warn,{}", link::QUIET_LOGS),
            1 => format!("debug,ort=warn,{}", link::QUIET_LOGS),
            _ => "trace".to_owned(),
        }),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(terminal::AboveLines::default)
        // What cannot be written is not worth a panic: whoever read the log may have gone.
        .log_internal_errors(false)
        .with_target(verbose > 0);
    match format {
        LogFormat::Text => log.with_ansi(terminal::has_colours()).init(),
        LogFormat::Json => log.with_ansi(false).json().init(),
    }
}
