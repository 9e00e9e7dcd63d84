//! The status line on a worker's terminal: the streams, their rate, the time of frames in the worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::terminal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::streams::{ResultRoute, ServedStreams};

/// Between two updates.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);

/// Shows the line until the handle is dropped; `None` where standard error is no terminal.
pub(crate) fn show(served: ServedStreams) -> Option<AbortOnDropHandle<()>> {
    let line = terminal::line(None)?;
    let show = async move {
        let mut tick = interval(REFRESH_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The streams of the last update, their number of results, and the time.
        let mut before: Option<(Vec<usize>, u64, Instant)> = None;
        loop {
            tick.tick().await;
            let width = terminal::words_width(false);
            let streams = served.all();
            if streams.is_empty() {
                before = None;
                line.say("waiting for a client");
                continue;
            }
            let answered = streams.iter().map(|stream| stream.answered()).sum();
            let now = Instant::now();
            // Compared and nothing else: the streams are not kept.
            let known: Vec<usize> = streams.iter().map(|it| Arc::as_ptr(it).addr()).collect();
            let same = before.take().filter(|(before, ..)| *before == known);
            let rate = same.map(|(_, count, at)| rate(answered - count, now - at));
            line.say(&words(
                &sources(&streams),
                answered,
                rate,
                oldest(&streams),
                width,
            ));
            before = Some((known, answered, now));
        }
    };
    Some(AbortOnDropHandle::new(tokio::spawn(show)))
}

/// The name of the only source, or the number of streams.
fn sources(streams: &[Arc<ResultRoute>]) -> String {
    match streams {
        [stream] => stream.origin.source_name.clone(),
        streams => format!("{} streams", streams.len()),
    }
}

/// The longest time of the streams' newest frames in the worker.
fn oldest(streams: &[Arc<ResultRoute>]) -> Duration {
    let latest = streams.iter().map(|stream| stream.latest());
    latest.max().unwrap_or_default()
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
