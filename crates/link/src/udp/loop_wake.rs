//! Extra turns for the WebRTC library's loop while a connection opens, and while datagrams go through a relay.
//!
//! The loop (`webrtc` 0.21, one task per connection) sends first, and then looks at what has happened. What follows from
//! that, the first record of DTLS when ICE has a path, the first packet of SCTP, the opening of the data channel, leaves
//! at the next turn of the loop; what it sends through a TURN server is handed to the TURN client only after that has been
//! flushed, and an answer to a relayed datagram is one turn later still. If nothing else happens, that is when
//! the next timer runs out: up to 40 ms while a connection opens, and 200 ms later. The loop asks its runtime for a timer in
//! each turn; here it gets some that have run out already after every turn with something in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::self_wake::SelfWakingTask;

/// Turns without any event after which nothing can be pending: one that reads, one that
/// hands over, one that flushes.
const IDLE_TURNS: usize = 3;

/// Turns with an event that belong to the opening of a connection: those of ICE, DTLS and SCTP with what is sent again,
/// and of the first messages.
const OPENING_TURNS: usize = 256;

/// A connection that has little to do has not had as many turns when its opening is long over.
const OPENING_TIME: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// Set in the tasks that the library spawns: timers of its other calls keep their time.
    static LOOP: ();
}

/// `task`, marked as the library's loop.
pub(crate) fn in_loop(task: impl Future<Output = ()>) -> impl Future<Output = ()> {
    LOOP.scope((), SelfWakingTask::new(task))
}

/// Whether this is the library's loop.
pub(crate) fn is_in_loop() -> bool {
    LOOP.try_with(|()| ()).is_ok()
}

/// Timers of loops that are so long or longer end on a common beat: what many idle connections look for now and then, they
/// look for together, and the process is woken once.
const ALIGNED_FROM: Duration = Duration::from_millis(150);
const BEAT: Duration = Duration::from_millis(50);

/// The time that a loop waits instead of `duration`: as long, or up to [`BEAT`] longer.
pub(crate) fn aligned(duration: Duration) -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    match duration < ALIGNED_FROM {
        true => duration,
        false => aligned_after(BEGIN.elapsed(), duration),
    }
}

fn aligned_after(passed: Duration, duration: Duration) -> Duration {
    let due = passed.saturating_add(duration).as_nanos();
    let beat = BEAT.as_nanos();
    let due = u64::try_from(due.div_ceil(beat) * beat).unwrap_or(u64::MAX);
    Duration::from_nanos(due).saturating_sub(passed)
}

/// Whether a connection is new or has a relay, and how long its loop has been idle.
#[derive(Debug)]
pub(crate) struct LoopWake {
    begun: Instant,
    /// Turns with an event that are left of the opening.
    opening: AtomicUsize,
    relayed: AtomicBool,
    idle: AtomicUsize,
}

impl Default for LoopWake {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            opening: AtomicUsize::new(OPENING_TURNS),
            relayed: AtomicBool::new(false),
            idle: AtomicUsize::new(0),
        }
    }
}

impl LoopWake {
    /// From now on relayed datagrams may be waiting.
    pub(crate) fn relay(&self) {
        self.relayed.store(true, Ordering::Relaxed);
    }

    /// The loop's timer for its next turn: `timer`, or one that has run out.
    pub(crate) fn next<F: Future<Output = ()> + Unpin>(self: &Arc<Self>, timer: F) -> WakeTimer<F> {
        let idle = self.idle.load(Ordering::Relaxed) >= IDLE_TURNS;
        let is_opening =
            self.opening.load(Ordering::Relaxed) > 0 && self.begun.elapsed() < OPENING_TIME;
        let extra = (is_opening || self.relayed.load(Ordering::Relaxed)) && !idle;
        WakeTimer {
            turns: self.clone(),
            timer: (!extra).then_some(timer),
            idle: false,
        }
    }
}

/// One wait of the loop. Dropped before it ends, something else has happened.
pub(crate) struct WakeTimer<F> {
    turns: Arc<LoopWake>,
    timer: Option<F>,
    idle: bool,
}

impl<F: Future<Output = ()> + Unpin> Future for WakeTimer<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            None => {
                self.idle = true;
                Poll::Ready(())
            }
            Some(timer) => Pin::new(timer).poll(cx),
        }
    }
}

impl<F> Drop for WakeTimer<F> {
    fn drop(&mut self) {
        if self.idle {
            self.turns.idle.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.turns.idle.store(0, Ordering::Relaxed);
        let one_less = |left: usize| left.checked_sub(1);
        let _ = (self.turns.opening).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    /// Whether the loop's next timer has run out at once.
    fn runs_out(turns: &Arc<LoopWake>) -> bool {
        turns.next(pending()).now_or_never().is_some()
    }

    /// The turns of a connection that was opened long ago.
    fn opened() -> Arc<LoopWake> {
        let turns = Arc::new(LoopWake::default());
        for _ in 0..OPENING_TURNS {
            drop(turns.next(pending::<()>()));
        }
        turns
    }

    #[test]
    fn long_waits_end_together() {
        let ms = Duration::from_millis;
        assert_eq!(aligned(ms(149)), ms(149));
        assert!(aligned(ms(200)) >= ms(200) && aligned(ms(200)) <= ms(250));
        for passed in [1000, 1001, 1013, 1049] {
            let end = ms(passed) + aligned_after(ms(passed), ms(200));
            let expected = if passed == 1000 { 1200 } else { 1250 };
            assert_eq!(end, ms(expected));
        }
    }

    #[test]
    fn a_connection_that_is_long_open_has_no_extra_turns() {
        let mut turns = LoopWake::default();
        turns.begun = turns.begun.checked_sub(OPENING_TIME).unwrap();
        assert!(!runs_out(&Arc::new(turns)));
    }

    #[test]
    fn without_a_relay_every_timer_is_the_loops_own_after_the_opening() {
        let turns = opened();
        assert!(!runs_out(&turns));
        assert!(turns.next(ready(())).now_or_never().is_some());
    }

    #[test]
    fn whatever_happens_is_followed_by_some_turns_and_then_by_rest() {
        let relayed = opened();
        relayed.relay();
        for turns in [relayed, Arc::new(LoopWake::default())] {
            some_turns_follow(&turns);
        }
    }

    fn some_turns_follow(turns: &Arc<LoopWake>) {
        for _ in 0..2 {
            let extra = (0..10).take_while(|_| runs_out(turns)).count();
            assert_eq!(extra, IDLE_TURNS);
            // That last timer was given up for something else: all begins again.
        }
    }

    #[tokio::test]
    async fn the_loop_is_told_from_its_callers() {
        assert!(!is_in_loop());
        in_loop(async { assert!(is_in_loop()) }).await;
    }

    #[test]
    fn a_timer_that_runs_out_is_something_that_happens() {
        let turns = opened();
        turns.relay();
        let rest = |turns: &Arc<LoopWake>| {
            for _ in 0..IDLE_TURNS {
                assert!(runs_out(turns));
            }
        };
        rest(&turns);
        assert!(turns.next(ready(())).now_or_never().is_some());
        rest(&turns);
        assert!(!runs_out(&turns));
    }
}
