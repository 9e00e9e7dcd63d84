//! The pauses between this program's attempts, and the time that an attempt has.

use std::time::{Duration, Instant};

use anyhow::Result;
use net::Backoff;
use tokio::time::{sleep, timeout_at};

/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(4);
/// What an attempt takes at least: with less time left none begins.
const MIN_ATTEMPT: Duration = Duration::from_secs(1);
/// An attempt whose steps keep to the deadline may need this long to report what failed.
const REPORT_MARGIN: Duration = Duration::from_millis(500);

/// The pauses of this program.
pub(crate) fn pauses() -> Backoff {
    Backoff::new(FIRST_PAUSE, MAX_PAUSE)
}

/// Waits for the next attempt; `None` where there is no time for one before the deadline.
pub(crate) async fn pause_before(backoff: &mut Backoff, deadline: Instant) -> Option<()> {
    let pause = backoff.next_pause();
    if Instant::now() + pause + MIN_ATTEMPT > deadline {
        return None;
    }
    sleep(pause).await;
    Some(())
}

/// An attempt that has until the deadline. Its own error for a step that takes too long comes first.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    attempt: impl Future<Output = Result<T>>,
) -> Result<T> {
    if Instant::now() >= deadline {
        return Err(anyhow::anyhow!("there was no time for an attempt"));
    }
    match timeout_at((deadline + REPORT_MARGIN).into(), attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!(
            "the last attempt was still running when the time for it was over"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_cannot_be_over_in_time_is_not_begun() {
        let mut backoff = pauses();
        let now = Instant::now();
        assert_eq!(pause_before(&mut backoff, now + MIN_ATTEMPT).await, None);
        let late = in_time(now, async { Ok(()) }).await;
        assert!(late.unwrap_err().to_string().contains("no time"));
        let endless = std::future::pending::<Result<()>>();
        let ended = in_time(now + Duration::from_millis(100), endless).await;
        assert!(ended.unwrap_err().to_string().contains("still running"));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = pauses();
        let pauses: Vec<_> = (0..7).map(|_| backoff.next_pause().as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 4000, 4000]);
    }
}
