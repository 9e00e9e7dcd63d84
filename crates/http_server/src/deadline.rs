//! When a connection is closed, whatever it does. A request that transfers much may move that.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The end of a connection's life; clones are the same. Requests carry it as an extension.
#[derive(Debug, Clone)]
pub struct ConnectionDeadline(watch::Sender<Instant>);

impl ConnectionDeadline {
    pub(super) fn after(life: Duration) -> Self {
        Self(watch::Sender::new(Instant::now() + life))
    }

    /// Keeps the connection open for this long from now on, unless its deadline is later already.
    pub fn extend(&self, life: Duration) {
        let new = Instant::now() + life;
        self.0.send_if_modified(|deadline| {
            let is_later = new > *deadline;
            *deadline = new.max(*deadline);
            is_later
        });
    }

    /// Resolves at the deadline.
    pub(super) async fn passed(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let deadline = *changes.borrow_and_update();
            tokio::select! {
                () = sleep_until(deadline) => return,
                // The sender is held here: this never fails.
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_deadline_moves_later_and_never_earlier() {
        let start = Instant::now();
        let deadline = ConnectionDeadline::after(10 * SECOND);
        deadline.extend(SECOND);
        let passed = tokio::spawn({
            let deadline = deadline.clone();
            async move { deadline.passed().await }
        });
        tokio::time::sleep(5 * SECOND).await;
        deadline.extend(60 * SECOND);
        passed.await.unwrap();
        assert_eq!(start.elapsed(), 65 * SECOND);
    }
}
