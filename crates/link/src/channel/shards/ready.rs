//! How long a stream waits for its first lanes.

use tokio::sync::watch;
use tokio::time::timeout;

use super::{MIN_LANES, READY_GRACE, READY_WAIT};

/// Waits until there are `most` of the lanes, or it has become plain that they take long; not at all where none are
/// awaited.
pub(super) async fn settled<T>(
    mut awaited: watch::Receiver<bool>,
    mut open: watch::Receiver<Vec<T>>,
    most: impl Fn() -> usize,
) {
    let _ = timeout(READY_WAIT, awaited.wait_for(|awaited| !awaited)).await;
    if open.borrow().len() >= MIN_LANES {
        // With fewer it goes on as well.
        let _ = timeout(READY_GRACE, open.wait_for(|open| open.len() >= most())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// How long a stream waits for 16 lanes, the first of which come at once after `first`, and the others after `rest`.
    async fn waited(first: (usize, Duration), rest: Duration) -> Duration {
        let (awaited, open) = (watch::Sender::new(true), watch::Sender::new(Vec::new()));
        let begun = Instant::now();
        let settling = settled(awaited.subscribe(), open.subscribe(), || 12);
        let opening = async {
            tokio::time::sleep(first.1).await;
            open.send_modify(|open| open.resize(first.0, ()));
            awaited.send_replace(first.0 < MIN_LANES);
            tokio::time::sleep(rest).await;
            open.send_modify(|open| open.resize(16, ()));
            awaited.send_replace(false);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = settling => begun.elapsed(),
            () = opening => Duration::MAX,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_waits_for_most_of_its_lanes_and_not_long_for_the_last() {
        let ms = Duration::from_millis;
        let about = |waited: Duration, expected: Duration| {
            // Timers of Tokio have a resolution of a millisecond.
            assert!(
                waited >= expected && waited <= expected + ms(2),
                "{waited:?}, {expected:?}"
            );
        };
        about(waited((16, ms(300)), ms(0)).await, ms(300));
        about(waited((12, ms(300)), ms(900)).await, ms(300));
        about(waited((5, ms(300)), ms(60)).await, ms(360));
        about(waited((5, ms(300)), ms(900)).await, ms(300) + READY_GRACE);
        about(waited((3, ms(300)), ms(400)).await, ms(700));
        about(waited((3, ms(300)), ms(9000)).await, READY_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn without_lanes_on_their_way_a_stream_begins_at_once() {
        let (awaited, open) = (
            watch::Sender::new(false),
            watch::Sender::new(Vec::<()>::new()),
        );
        let begun = Instant::now();
        settled(awaited.subscribe(), open.subscribe(), || 12).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
