//! Whether a run tries again after a connection that did not bring the predictions. No IO.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use net::Backoff;

use super::file_channel::{TransferError, refuses};
use crate::connect::backoff::pauses;

/// Connections in a row that may be lost without coming further than all before them.
const MAX_IN_VAIN: u32 = 5;

/// Decides whether a run tries again.
pub(super) struct RetryPolicy {
    /// How long a run tries again where the worker is lost or busy; zero: not at all.
    timeout: Duration,
    /// The run waits for a busy worker, however long it takes.
    wait: bool,
    furthest: (u64, u64),
    in_vain: u32,
    busy: Option<(Instant, Backoff)>,
    was_damaged: bool,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Look for the worker, which was lost.
    Find(String),
    /// Ask again after a pause.
    Ask { pause: Duration, reason: String },
}

impl RetryPolicy {
    pub(super) fn new(timeout: Duration, wait: bool) -> Self {
        Self {
            timeout,
            wait,
            furthest: (0, 0),
            in_vain: 0,
            busy: None,
            was_damaged: false,
        }
    }

    /// What to do after this error, having come this far (bytes of the file, frames) at best.
    ///
    /// # Errors
    /// Another attempt is of no use, or the time for it is over.
    pub(super) fn after(
        &mut self,
        error: TransferError,
        furthest: (u64, u64),
        now: Instant,
    ) -> Result<RetryDecision> {
        if furthest != self.furthest {
            self.furthest = furthest;
            self.in_vain = 0;
            self.busy = None;
        } else if matches!(error, TransferError::Lost(_)) {
            self.in_vain += 1;
        }
        match error {
            TransferError::Final(cause) => Err(cause),
            TransferError::Lost(lost) if self.timeout.is_zero() => Err(given_up(&lost)),
            TransferError::Lost(lost) if self.in_vain >= MAX_IN_VAIN => Err(given_up(&format!(
                "{lost}, {MAX_IN_VAIN} times in a row without coming further"
            ))),
            TransferError::Lost(lost) => Ok(RetryDecision::Find(lost)),
            TransferError::Damaged(reason) if self.was_damaged => Err(refuses(&reason)),
            TransferError::Damaged(reason) => {
                self.was_damaged = true;
                Ok(RetryDecision::Ask {
                    pause: Duration::ZERO,
                    reason,
                })
            }
            TransferError::Busy(reason) => {
                let (since, backoff) = self.busy.get_or_insert_with(|| (now, pauses()));
                let (waited, pause) = (now.saturating_duration_since(*since), backoff.next_pause());
                match self.wait || waited + pause < self.timeout {
                    true => Ok(RetryDecision::Ask { pause, reason }),
                    false => Err(anyhow!(
                        "the worker was busy for {:.0} s: {reason} (--wait waits for it)",
                        waited.as_secs_f64()
                    )),
                }
            }
        }
    }
}

fn given_up(lost: &str) -> anyhow::Error {
    anyhow!("{lost}; what the worker has of the file is kept there for a while")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn lost() -> TransferError {
        TransferError::Lost("lost".into())
    }

    fn busy() -> TransferError {
        TransferError::Busy("full".into())
    }

    #[test]
    fn only_what_comes_further_than_ever_is_no_attempt_in_vain() {
        let mut retry = RetryPolicy::new(MINUTE, false);
        let now = Instant::now();
        for _ in 0..20 {
            let further = (100, retry.furthest.1 + 1);
            retry.after(lost(), further, now).unwrap();
        }
        // A video that kills the worker does so at the same frame each time.
        let furthest = retry.furthest;
        let more = (0..100).take_while(|_| retry.after(lost(), furthest, now).is_ok());
        assert_eq!(more.count(), 4);
        assert!(
            RetryPolicy::new(Duration::ZERO, true)
                .after(lost(), (1, 0), now)
                .is_err()
        );
    }

    #[test]
    fn a_busy_worker_is_asked_again_for_a_while_or_until_it_is_free() {
        let asked = |wait| {
            let mut retry = RetryPolicy::new(MINUTE, wait);
            let start = Instant::now();
            let (mut now, mut asked) = (start, 0);
            let outcome = loop {
                match retry.after(busy(), (0, 0), now) {
                    Ok(RetryDecision::Ask { pause, .. }) if asked < 1000 => {
                        now += pause;
                        asked += 1;
                    }
                    outcome => break outcome,
                }
            };
            (now - start, outcome)
        };
        let (waited, outcome) = asked(false);
        assert!(waited < MINUTE && waited > MINUTE / 2, "{waited:?}");
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.contains("full") && error.contains("--wait"),
            "{error}"
        );
        assert!(asked(true).1.is_ok());
        // Once it took something the time begins again.
        let (mut retry, now) = (RetryPolicy::new(MINUTE, false), Instant::now());
        retry.after(busy(), (0, 0), now).unwrap();
        retry.after(busy(), (1, 0), now + MINUTE).unwrap();
        retry.after(busy(), (1, 0), now + 2 * MINUTE).unwrap_err();
    }

    #[test]
    fn a_partial_file_that_did_not_fit_is_sent_again_once() {
        let mut retry = RetryPolicy::new(MINUTE, false);
        let damaged = || TransferError::Damaged("another SHA-256".into());
        retry.after(damaged(), (9, 0), Instant::now()).unwrap();
        let error = retry.after(damaged(), (10, 0), Instant::now()).unwrap_err();
        assert!(error.to_string().contains("another SHA-256"), "{error}");
    }
}
