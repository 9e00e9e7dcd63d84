//! The status line on a worker's terminal: the stream, its rate, the time of frames in the worker.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cli::terminal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::streams::{CurrentStream, ResultRoute};

/// Between two updates.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);

/// Shows the line until the handle is dropped; `None` where standard error is no terminal.
pub(crate) fn show(current: CurrentStream) -> Option<AbortOnDropHandle<()>> {
    let line = terminal::line(None)?;
    let show = async move {
        let mut tick = interval(REFRESH_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The stream of the last update, its number of results, and the time.
        let mut before: Option<(Weak<ResultRoute>, u64, Instant)> = None;
        loop {
            tick.tick().await;
            let width = terminal::words_width(false);
            let Some(route) = current.stream() else {
                before = None;
                line.say("waiting for a client");
                continue;
            };
            let (answered, now) = (route.answered(), Instant::now());
            let same = before
                .take()
                .filter(|(known, ..)| std::ptr::eq(known.as_ptr(), &*route));
            let rate = same.map(|(_, count, at)| rate(answered - count, now - at));
            let source = &route.origin.source_name;
            line.say(&words(source, answered, rate, route.latest(), width));
            before = Some((Arc::downgrade(&route), answered, now));
        }
    };
    Some(AbortOnDropHandle::new(tokio::spawn(show)))
}

fn rate(frames: u64, time: Duration) -> f64 {
    frames as f64 / time.as_secs_f64().max(1e-9)
}

/// `latest`: the time of the newest frame in the worker.
fn words(source: &str, answered: u64, rate: Option<f64>, latest: Duration, width: usize) -> String {
    let mut parts = vec![(0, format!("{answered} frames"))];
    if let Some(rate) = rate {
        parts.push((0, format!("{rate:.1} frames/s")));
    }
    if !latest.is_zero() {
        parts.push((1, format!("{:.1} ms here", latest.as_secs_f64() * 1e3)));
    }
    parts.push((2, source.to_owned()));
    terminal::fit(&parts, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_narrow_terminals() {
        let words = |width| {
            words(
                "video.mp4",
                60,
                Some(29.96),
                Duration::from_micros(4_240),
                width,
            )
        };
        assert_eq!(
            words(80),
            "60 frames  30.0 frames/s  4.2 ms here  video.mp4"
        );
        assert_eq!(words(40), "60 frames  30.0 frames/s  4.2 ms here");
        assert_eq!(words(10), "60 frames  30.0 frames/s");
    }
}
