//! Noticing that the peer sends nothing any more.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Checks in the time after which a silent peer counts as gone.
const CHECKS: u32 = 10;

/// A check that comes this much too late was held up on this side: the program was stopped, or waited for
/// something else than messages.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Measures how long the peer has sent nothing. Only time in which messages are waited for counts.
#[derive(Debug)]
pub(super) struct SilenceWatch {
    limit: Option<Duration>,
    since: Instant,
    checked: Instant,
}

impl SilenceWatch {
    /// Without a limit.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            limit: None,
            since: now,
            checked: now,
        }
    }

    /// The time after which a silent peer counts as gone, from now on; `None`: never.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        if self.limit != limit {
            *self = Self {
                limit,
                ..Self::new()
            };
        }
    }

    /// Resolves once the peer has sent nothing for too long; `heard` is when its last message came. Goes on
    /// where a cancelled call was.
    pub(super) async fn overdue(&mut self, heard: std::time::Instant) {
        let Some(limit) = self.limit else {
            return std::future::pending().await;
        };
        let interval = limit / CHECKS;
        loop {
            let due = self.checked + interval;
            sleep_until(due).await;
            let now = Instant::now();
            if now.saturating_duration_since(due) > MAX_DELAY {
                self.since = now;
            }
            self.checked = now;
            if now.saturating_duration_since(self.since.max(heard.into())) >= limit {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(200);

    /// How long it takes until the silence is noticed, by calls that are cancelled every `SHORT`.
    async fn noticed(watch: &mut SilenceWatch, heard: Instant) -> Duration {
        let start = Instant::now();
        while timeout(SHORT, watch.overdue(heard.into_std()))
            .await
            .is_err()
        {
            assert!(start.elapsed() < 10 * LIMIT, "not noticed");
        }
        start.elapsed()
    }

    fn watch() -> SilenceWatch {
        let mut watch = SilenceWatch::new();
        watch.set_limit(Some(LIMIT));
        watch
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_though_each_wait_is_cancelled() {
        let took = noticed(&mut watch(), Instant::now()).await;
        assert!(took >= LIMIT && took <= LIMIT + LIMIT / CHECKS, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_begins_the_silence_again() {
        let mut watch = watch();
        let heard = Instant::now() + LIMIT / 2;
        let took = noticed(&mut watch, heard).await;
        assert!(took >= LIMIT + LIMIT / 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_this_side_was_stopped_is_not_the_peers_silence() {
        let mut watch = watch();
        let heard = Instant::now();
        assert!(
            timeout(SHORT, watch.overdue(heard.into_std()))
                .await
                .is_err()
        );
        advance(20 * LIMIT).await;
        let took = noticed(&mut watch, heard).await;
        assert!(took >= LIMIT, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_counts_from_when_it_is_set() {
        let mut watch = SilenceWatch::new();
        let heard = Instant::now();
        assert!(
            timeout(20 * LIMIT, watch.overdue(heard.into_std()))
                .await
                .is_err()
        );
        watch.set_limit(Some(LIMIT));
        watch.set_limit(Some(LIMIT));
        assert!(noticed(&mut watch, heard).await >= LIMIT);
        watch.set_limit(None);
        assert!(
            timeout(20 * LIMIT, watch.overdue(heard.into_std()))
                .await
                .is_err()
        );
    }
}
