use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is logged when `RUST_LOG` says nothing: our own state changes. The WebRTC stack below
/// reports a peer that leaves as a failure; what matters of that reaches our own log.
const DEFAULT_FILTER: &str = "info,webrtc=off,rtc=off,rtc_ice=off,rtc_dtls=off,rtc_sctp=off,rtc_datachannel=off,rtc_turn=off,rtc_stun=off,rtc_shared=off,rtc_mdns=off,rtc_interceptor=off,rtc_rtp=off,rtc_srtp=off,ort=warn";

/// Sends the log to standard error, plain when that is not a terminal or `NO_COLOR` is set.
pub fn init(verbose: u8) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::new(filter),
        _ => EnvFilter::new(match verbose {
            0 => DEFAULT_FILTER.to_owned(),
            1 => DEFAULT_FILTER.replacen("info", "debug", 1),
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
