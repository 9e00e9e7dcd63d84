//! SIGTERM: nothing new is begun, the stream that runs goes on for a while.

use std::time::Duration;

use cli::Interrupt;
use tokio::time::timeout;
use tracing::info;

use crate::session::Worker;

/// How a worker ends that is asked to.
#[derive(Debug, Clone, clap::Args)]
pub struct DrainArgs {
    /// After SIGTERM, let the running stream go on for so long, and take no other.
    ///
    /// A second SIGTERM and Ctrl-C end it at once. 0: so does the first.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub drain_timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    /// A week.
    const MOST: f64 = 7.0 * 24.0 * 3600.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=MOST).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!(
            "'{text}' is not a number of seconds from 0 to {MOST}"
        )),
    }
}

/// Resolves once the worker was asked to drain and has: its stream is over, or has had its time.
pub(crate) async fn drained(worker: &Worker, interrupt: &Interrupt, patience: Duration) {
    interrupt.drain_asked().await;
    worker.stage.close();
    info!(
        seconds = patience.as_secs_f64(),
        "asked to end: no new streams"
    );
    let over = async {
        worker.stage.empty().await;
        worker.files.idle().await;
    };
    match timeout(patience, over).await {
        Ok(()) => info!("no stream is running"),
        Err(_) => info!("what still runs has had its time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for text in ["-1", "inf", "NaN", "1e300", "", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
