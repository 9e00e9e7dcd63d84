//! Draining after SIGTERM: nothing new begins, running streams go on for a while.

use std::time::Duration;

use cli::Interrupt;
use tokio::time::timeout;
use tracing::info;

use crate::session::SessionContext;

/// Options of the worker's end.
#[derive(Debug, Clone, clap::Args)]
pub struct DrainArgs {
    /// After SIGTERM, let running streams go on for so long, and take no other.
    ///
    /// A second SIGTERM and Ctrl-C end it at once. 0: so does the first.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub drain_timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    /// A week.
    const MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(format!(
            "'{text}' is not a number of seconds from 0 to {MAX_SECONDS}"
        )),
    }
}

/// Resolves once the worker was asked to drain and has done so: its streams are over, or the time is.
pub(crate) async fn drained(
    worker: &SessionContext,
    interrupt: &Interrupt,
    drain_timeout: Duration,
) {
    interrupt.drain_asked().await;
    worker.slots.close();
    worker.metrics.drains();
    info!(
        seconds = drain_timeout.as_secs_f64(),
        "asked to end: no new streams"
    );
    let over = async {
        worker.slots.empty().await;
        worker.files.idle().await;
    };
    match timeout(drain_timeout, over).await {
        Ok(()) => info!("no stream is running"),
        Err(_) => info!("the drain timeout has passed: what still runs is ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drain_timeout_is_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for text in ["-1", "inf", "NaN", "1e300", "", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
