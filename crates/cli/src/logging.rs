use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sends the log to standard error, plain when that is not a terminal or `NO_COLOR` is set.
///
/// Without `RUST_LOG`, our own state changes are logged; `verbose` adds decisions (1) and
/// everything, the libraries' own words included (2).
pub fn init(verbose: u8) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::new(filter),
        _ => EnvFilter::new(match verbose {
            0 => format!("info,ort=warn,{}", link::QUIET_LOGS),
            1 => format!("debug,ort=warn,{}", link::QUIET_LOGS),
            _ => "trace".to_owned(),
        }),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_target(verbose > 0)
        .init();
}
