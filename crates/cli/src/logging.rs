use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use clap::{Args, ValueEnum};
use protocol::text::{self, Lines};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::ChronoLocal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::fields::CleanFields;
use crate::terminal::{self, StderrAboveLines, WrappedAboveLines};

/// Set where the user asked for a log in JSON: standard error then has nothing else.
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

/// Prints why a run failed: a line that begins with `error:`, then what the error lists; or an entry of a
/// JSON log.
pub fn say_error(error: &anyhow::Error) {
    if ALL_IN_LOG.load(Relaxed) && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error:#}");
        return;
    }
    let Lines(lines) = in_lines(error.as_ref());
    let prefixes = std::iter::once("error: ").chain(std::iter::repeat("  "));
    terminal::say_lines(
        prefixes
            .zip(lines)
            .map(|(prefix, line)| prefix.to_owned() + &line),
    );
}

/// An error with its causes, and what it lists in further lines.
pub fn in_lines(error: &(dyn Error + 'static)) -> Lines {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    let (mut texts, mut listed) = (Vec::new(), Vec::new());
    for cause in causes {
        match cause.downcast_ref::<Lines>() {
            Some(Lines(lines)) => listed.extend(lines.iter().cloned()),
            None => texts.push(cause.to_string()),
        }
    }
    listed.insert(0, texts.join(": "));
    Lines(listed)
}

/// Prints a message for people at every log level: as it is, or as an entry of a JSON log.
pub fn say(lines: impl Into<Lines>) {
    let Lines(lines) = lines.into();
    if ALL_IN_LOG.load(Relaxed) {
        tracing::info!("{}", lines.join("\n"));
    } else {
        terminal::say_lines(lines);
    }
}

/// Reports that a thread has panicked. The panic message may quote what a peer sent.
fn say_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map(ToString::to_string);
    let line = format!(
        "thread '{}' panicked at {}: {}",
        thread.name().unwrap_or("unnamed"),
        place.as_deref().unwrap_or("an unknown place"),
        panic.payload_as_str().unwrap_or("no message"),
    );
    let mut lines = vec![line];
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        lines.extend(backtrace.to_string().lines().map(str::to_owned));
    }
    if ALL_IN_LOG.load(Relaxed) {
        tracing::error!("{}", lines.join("\n"));
    } else {
        terminal::say_at_once(lines);
    }
}

/// Sends the log to standard error, above a line that moves there; plain when that is not a
/// terminal or `NO_COLOR` is set.
///
/// Without `RUST_LOG`, our own state changes are logged; `verbose` adds decisions (1) and
/// everything, the libraries' own words included (2).
fn init(verbose: u8, format: LogFormat) {
    let log = match format {
        LogFormat::Text => {
            let time = time_format(terminal::is_interactive(), verbose);
            let has_colours = terminal::has_colours();
            match terminal::is_interactive() {
                true => text_log(WrappedAboveLines::default, has_colours, time, verbose),
                false => text_log(StderrAboveLines::default, has_colours, time, verbose),
            }
        }
        LogFormat::Json => json_log(StderrAboveLines::default, verbose),
    };
    tracing_subscriber::registry()
        .with(filter(verbose))
        .with(without_secrets())
        .with(log)
        .init();
    std::panic::set_hook(Box::new(say_panic));
}

/// What is logged: as `RUST_LOG` says, or by how often `-v` was given.
fn filter(verbose: u8) -> EnvFilter {
    let wanted = std::env::var_os("RUST_LOG").filter(|filter| !filter.is_empty());
    match wanted {
        Some(filter) => EnvFilter::new(filter.to_string_lossy()),
        _ => EnvFilter::new(match verbose {
            0 => format!("info,ort=warn,{}", link::QUIET_LOGS),
            1 => format!("debug,ort=warn,{}", link::QUIET_LOGS),
            _ => "trace".to_owned(),
        }),
    }
}

/// Sends the log to `sink`, an entry a call, in a program that has a log of its own. False where the process has a
/// log already.
///
/// Without `RUST_LOG` it gets what the programs log with `verbose` times `-v`. Called on the threads that log.
pub fn forward_log(verbose: u8, sink: impl Fn(Level, &str) + Send + Sync + 'static) -> bool {
    let log = tracing_subscriber::fmt::layer()
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .fmt_fields(CleanFields)
        .with_writer(EntryWriters(Arc::new(sink)))
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter(verbose))
        .with(without_secrets())
        .with(log)
        .try_init()
        .is_ok()
}

type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Makes a writer for each entry.
struct EntryWriters(Sink);

/// Gets an entry in one call.
struct EntryWriter {
    sink: Sink,
    level: Level,
}

impl<'writer> MakeWriter<'writer> for EntryWriters {
    type Writer = EntryWriter;

    fn make_writer(&'writer self) -> EntryWriter {
        EntryWriter {
            sink: Arc::clone(&self.0),
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'writer self, metadata: &Metadata<'_>) -> EntryWriter {
        EntryWriter {
            level: *metadata.level(),
            ..self.make_writer()
        }
    }
}

impl Write for EntryWriter {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        (self.sink)(self.level, String::from_utf8_lossy(entry).trim_end());
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Log<S> = Box<dyn Layer<S> + Send + Sync>;

/// Lines for people.
fn text_log<S, W>(writer: W, has_colours: bool, time: &str, verbose: u8) -> Log<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt::layer()
        .with_timer(ChronoLocal::new(time.to_owned()))
        .fmt_fields(CleanFields)
        .with_writer(writer)
        // What cannot be written is not worth a panic: the reader of the log may have gone.
        .log_internal_errors(false)
        .with_target(verbose > 0)
        .with_ansi(has_colours);
    Box::new(log)
}

/// How the time of an entry is written, in the computer's time zone. On a terminal the time of day is
/// enough; a file may be read on another day and in another place.
fn time_format(is_terminal: bool, verbose: u8) -> &'static str {
    match (is_terminal, verbose) {
        (true, 0) => "%H:%M:%S",
        (true, _) => "%H:%M:%S%.3f",
        (false, _) => "%Y-%m-%dT%H:%M:%S%.3f%:z",
    }
}

/// Objects of JSON.
fn json_log<S, W>(writer: W, verbose: u8) -> Log<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt::layer()
        .with_writer(Escaping(writer))
        .log_internal_errors(false)
        .with_target(verbose > 0)
        .with_ansi(false)
        .json();
    Box::new(log)
}

/// Escapes in JSON what a terminal would act on, and JSON itself leaves as it is. An entry of the log is
/// written in one call.
struct Escaping<W>(W);

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Escaping<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let escaped = String::from_utf8_lossy(json);
        self.0.write_all(text::json_escaped(&escaped).as_bytes())?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Drops the log records of libraries about messages that contain keys and logins, at every log level.
fn without_secrets() -> FilterFn {
    filter_fn(|metadata: &Metadata<'_>| {
        let library = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::INFO || !link::SECRETIVE_LOGS.contains(&library)
    })
}

#[cfg(test)]
#[path = "logging_tests.rs"]
mod tests;
