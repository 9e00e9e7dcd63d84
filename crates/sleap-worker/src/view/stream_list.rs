//! All streams that run, for viewers that choose one.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use protocol::ListedStream;

use crate::streams::{ResultRoute, ServedStreams};

/// Rates are measured over this at least: a status may follow another one at once.
const MIN_SPAN: Duration = Duration::from_millis(500);

/// The streams as they were at the last status.
#[derive(Default)]
pub(super) struct StreamList(Mutex<Vec<KnownStream>>);

struct KnownStream {
    /// To tell it from others; the route itself is not kept.
    route: Weak<ResultRoute>,
    since: Instant,
    frames: u64,
    fps: f64,
}

impl StreamList {
    /// All streams with their figures, where there is more than one.
    pub(super) fn list(&self, served: &ServedStreams, now: Instant) -> Vec<ListedStream> {
        // The lock was poisoned by a panic; the list is complete between statements.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = served.all();
        known.retain(|known| routes.iter().any(|route| known.is_of(route)));
        let listed = routes.iter().map(|route| {
            let (frames, frames_dropped) = route.counts.answers_and_failures();
            let index = known.iter().position(|known| known.is_of(route));
            let index = index.unwrap_or_else(|| {
                known.push(KnownStream::new(route, now));
                known.len() - 1
            });
            ListedStream {
                name: route.name().to_owned(),
                source_name: route.origin.source_name.clone(),
                shown: served.is_shown(route),
                frames,
                frames_dropped,
                fps: known[index].fps(frames, now),
            }
        });
        let listed: Vec<_> = listed.collect();
        match listed.len() {
            0 | 1 => Vec::new(),
            _ => listed,
        }
    }
}

impl KnownStream {
    fn new(route: &Arc<ResultRoute>, now: Instant) -> Self {
        Self {
            route: Arc::downgrade(route),
            since: now,
            frames: 0,
            fps: 0.0,
        }
    }

    fn is_of(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }

    /// Frames a second since the last status.
    fn fps(&mut self, frames: u64, now: Instant) -> f64 {
        let span = now.saturating_duration_since(self.since);
        if span >= MIN_SPAN {
            self.fps = frames.saturating_sub(self.frames) as f64 / span.as_secs_f64();
            (self.since, self.frames) = (now, frames);
        }
        self.fps
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Message, Prediction};
    use tokio::sync::mpsc;

    use super::*;
    use crate::streams::{FrameOrigin, ReplyPlace, ShownRules};

    fn route(source: &str) -> Arc<ResultRoute> {
        let origin = FrameOrigin {
            source_name: source.into(),
            ..FrameOrigin::default()
        };
        Arc::new(ResultRoute::new(mpsc::channel(1).0, true).of(origin))
    }

    #[test]
    fn several_streams_are_listed_with_their_rates() {
        let served = ServedStreams::new(ShownRules::default(), 3);
        let (list, begin) = (StreamList::default(), Instant::now());
        let left = route("webcam:0");
        let _left = served.serves(&left);
        assert!(list.list(&served, begin).is_empty());
        let right = route("webcam:0");
        let serving = served.serves(&right);
        list.list(&served, begin);
        for _ in 0..10 {
            let result = Message::Prediction(Prediction::default());
            right.answer(ReplyPlace::none(), result);
        }
        let listed = list.list(&served, begin + Duration::from_secs(2));
        let found = |index: usize| {
            let stream: &ListedStream = &listed[index];
            (
                stream.name.as_str(),
                stream.shown,
                stream.frames,
                stream.fps,
            )
        };
        assert_eq!(found(0), ("webcam_0", true, 0, 0.0));
        assert_eq!(found(1), ("webcam_0-2", false, 10, 5.0));
        // Another status at once has the same rate.
        let again = list.list(&served, begin + Duration::from_millis(2001));
        assert_eq!(again, listed);
        drop(serving);
        let after = begin + Duration::from_secs(3);
        assert!(list.list(&served, after).is_empty());
    }
}
