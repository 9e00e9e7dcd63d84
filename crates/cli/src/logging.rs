use std::fmt::Display;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use clap::{Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::terminal;

/// Standard error holds JSON alone, because somebody asked for it.
static ALL_IN_LOG: AtomicBool = AtomicBool::new(false);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How a program logs.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Log in lines for people, or in JSON: one object a line, errors and summary included
    /// [default: text].
    #[arg(long, value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

impl LogArgs {
    /// Starts the log in the format that was asked for, or in the `usual` one.
    pub fn init(&self, verbose: u8, usual: LogFormat) {
        let format = match usual {
            // Beside lines of JSON there is nothing else.
            LogFormat::Json => LogFormat::Json,
            LogFormat::Text => self.log_format.unwrap_or(usual),
        };
        ALL_IN_LOG.store(self.log_format == Some(LogFormat::Json), Relaxed);
        init(verbose, format);
    }
}

/// Says why a run failed: in a line of its own that begins with `error:`, or as an entry of a JSON log.
pub fn say_error(error: impl Display) {
    if ALL_IN_LOG.load(Relaxed) && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error}");
    } else {
        terminal::say(format_args!("error: {error}"));
    }
}

/// Says what a person is to read in any case: as it is, or as an entry of a JSON log.
pub fn say(words: impl Display) {
    if ALL_IN_LOG.load(Relaxed) {
        tracing::info!("{words}");
    } else {
        terminal::say(words);
    }
}

/// Sends the log to standard error, above a line that moves there; plain when that is not a
/// terminal or `NO_COLOR` is set.
///
/// Without `RUST_LOG`, our own state changes are logged; `verbose` adds decisions (1) and
/// everything, the libraries' own words included (2).
fn init(verbose: u8, format: LogFormat) {
    let wanted = std::env::var_os("RUST_LOG").filter(|filter| !filter.is_empty());
    let filter = match wanted {
        Some(filter) => EnvFilter::new(filter.to_string_lossy()),
        _ => EnvFilter::new(match verbose {
            0 => format!("info,ort=warn,{}", link::QUIET_LOGS),
            1 => format!("debug,ort=warn,{}", link::QUIET_LOGS),
            _ => "trace".to_owned(),
        }),
    };
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(without_secrets());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(terminal::AboveLines::default)
        // What cannot be written is not worth a panic: whoever read the log may have gone.
        .log_internal_errors(false)
        .with_target(verbose > 0);
    match format {
        LogFormat::Text => registry.with(log.with_ansi(terminal::has_colours())).init(),
        LogFormat::Json => registry.with(log.with_ansi(false).json()).init(),
    }
}

/// Keeps back what libraries say of messages that hold keys and logins, whatever else is asked for.
fn without_secrets() -> FilterFn {
    filter_fn(|metadata: &Metadata<'_>| {
        let library = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::INFO || !link::SECRETIVE_LOGS.contains(&library)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_brings_secrets_into_the_log() {
        for filter in [
            "trace",
            "tungstenite::protocol=trace,tokio_tungstenite=debug,link=trace",
        ] {
            let registry = tracing_subscriber::registry()
                .with(EnvFilter::new(filter))
                .with(without_secrets());
            tracing::subscriber::with_default(registry, || {
                assert!(tracing::enabled!(target: "link::accept", Level::TRACE));
                assert!(tracing::enabled!(target: "tungstenite::protocol", Level::INFO));
                assert!(!tracing::enabled!(target: "tungstenite::protocol", Level::TRACE));
                assert!(!tracing::enabled!(target: "tungstenite::protocol", Level::DEBUG));
                assert!(!tracing::enabled!(target: "tokio_tungstenite", Level::DEBUG));
            });
        }
    }
}
