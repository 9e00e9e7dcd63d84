//! The figures of the worker and its stream, for the STATUS message of viewers.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use protocol::{
    FrameId, Message, RuleSide, StreamAck, StreamStatus, WorkerStatus, ZoneEdit, ZoneResult,
};
use tokio::sync::broadcast;

use super::status_window::StatusWindow;
use super::stream_list::StreamList;
use super::viewers::MAX_VIEWERS;
use crate::streams::{FrameOrigin, ResultRoute, RulesWatch, ServedStreams, StreamCounts, refused};

/// Collects what a STATUS message has.
pub(super) struct ViewStatus {
    /// The parts that do not change.
    worker: WorkerStatus,
    clients: AtomicUsize,
    viewers: AtomicUsize,
    /// Width and height of the newest frame that was claimed, in the upper and lower 32 bits.
    size: AtomicU64,
    /// The streams that run.
    served: ServedStreams,
    /// The stream that is shown, or that was shown last.
    stream: Mutex<Option<ObservedStream>>,
    window: Mutex<StatusWindow>,
    list: StreamList,
}

/// A stream, from its start until the next one begins.
struct ObservedStream {
    /// To tell it from the next one. The route itself is not kept: it holds the client's queue.
    route: Weak<ResultRoute>,
    origin: FrameOrigin,
    counts: Arc<StreamCounts>,
    ids: Option<IdRange>,
    /// It has been in a status.
    is_told: bool,
}

/// Numbers of the frames that have arrived.
struct IdRange {
    first: FrameId,
    last: FrameId,
    arrived: u64,
}

impl ViewStatus {
    pub(super) fn new(ack: &StreamAck, served: ServedStreams) -> Self {
        Self {
            worker: WorkerStatus {
                worker_version: ack.worker_version.clone().unwrap_or_default(),
                model: ack.model.clone(),
                skeleton: ack.skeleton.clone(),
                tracker: ack.tracker.clone(),
                max_viewers: Some(MAX_VIEWERS as u32),
                ..WorkerStatus::default()
            },
            clients: AtomicUsize::new(0),
            viewers: AtomicUsize::new(0),
            size: AtomicU64::new(0),
            served,
            stream: Mutex::default(),
            window: Mutex::new(StatusWindow::new(Instant::now(), 0)),
            list: StreamList::default(),
        }
    }

    /// Shows the stream of this name from now on; false where there is none.
    pub(super) fn show(&self, name: &str) -> bool {
        self.served.show(name)
    }

    /// Whether this stream is the one that viewers see.
    pub(super) fn is_shown(&self, stream: &Arc<ResultRoute>) -> bool {
        self.served.is_shown(stream)
    }

    /// The stream that viewers see, while there is one.
    pub(super) fn stream(&self) -> Option<Arc<ResultRoute>> {
        self.served.shown()
    }

    /// The rules that are shown with streams.
    pub(super) fn rules(&self) -> RulesWatch {
        self.served.rules().watch()
    }

    /// The client's answers to zones that viewers draw.
    pub(super) fn zone_results(&self) -> broadcast::Receiver<ZoneResult> {
        self.served.rules().results()
    }

    /// Saves a zone: in the worker's own file, or hands it to the client. The answer, unless the client gives it later.
    pub(super) async fn edit_zone(&self, edit: ZoneEdit) -> Option<ZoneResult> {
        let (rules, stream) = (self.served.rules(), self.served.shown());
        if edit.at == RuleSide::Worker {
            let size = stream.map(|stream| stream.origin.size);
            let size = size.filter(|(width, height)| *width > 0 && *height > 0);
            return Some(rules.edit(edit, size).await);
        }
        match stream {
            Some(stream) if rules.has_client() => {
                stream.edit_zone(edit).await;
                None
            }
            _ => Some(refused(edit.id, "no client with rules streams any more")),
        }
    }

    pub(super) fn set_clients(&self, clients: usize) {
        self.clients.store(clients, Relaxed);
    }

    pub(super) fn set_viewers(&self, viewers: usize) {
        self.viewers.store(viewers, Relaxed);
    }

    /// Sets the size of the newest frame, pixels.
    pub(super) fn set_size(&self, width: u32, height: u32) {
        let size = u64::from(width) << 32 | u64::from(height);
        self.size.store(size, Relaxed);
    }

    /// A frame has arrived.
    pub(super) fn add_frame(&self, frame_id: FrameId) {
        if let Some(stream) = &mut *self.observed() {
            let ids = stream.ids.get_or_insert(IdRange {
                first: frame_id,
                last: frame_id,
                arrived: 0,
            });
            ids.first = ids.first.min(frame_id);
            ids.last = ids.last.max(frame_id);
            ids.arrived += 1;
        }
    }

    /// Adds the times of a result, while there are viewers.
    pub(super) fn add_result(&self, result: &Message) {
        if self.viewers.load(Relaxed) == 0 {
            return;
        }
        let timing = match result {
            Message::Prediction(prediction) => prediction.timing,
            Message::FrameReceived(received) => received.timing,
            _ => Default::default(),
        };
        self.window().add(&timing);
    }

    /// No status has told of the stream that runs.
    pub(super) fn is_news(&self) -> bool {
        self.observed().as_ref().is_some_and(|it| !it.is_told)
    }

    /// The status, with the figures of the time since the last one that had any.
    pub(super) fn status(&self, now: Instant) -> WorkerStatus {
        let running = self.served.shown();
        let names = running.as_ref().map(|stream| stream.track_names().names);
        let figures = self.observed().as_mut().map(|it| {
            it.is_told = true;
            it.figures(self.size())
        });
        let (stream, last_stream) = match names {
            Some(track_names) => {
                let figures = figures.map(|figures| self.window().rates(figures, now));
                let named = figures.map(|figures| StreamStatus {
                    track_names,
                    ..figures
                });
                (named, None)
            }
            None => (None, figures),
        };
        let count = |number: &AtomicUsize| u32::try_from(number.load(Relaxed)).unwrap_or(u32::MAX);
        WorkerStatus {
            clients: count(&self.clients),
            viewers: count(&self.viewers),
            stream,
            last_stream,
            streams: self.list.list(&self.served, now),
            ..self.worker.clone()
        }
    }

    fn size(&self) -> (u32, u32) {
        let size = self.size.load(Relaxed);
        ((size >> 32) as u32, size as u32)
    }

    // Each change under these locks is complete, so the state behind a poisoned lock is valid.
    fn window(&self) -> MutexGuard<'_, StatusWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream that runs, noticed here where it is another one; or the last one.
    fn observed(&self) -> MutexGuard<'_, Option<ObservedStream>> {
        let mut observed = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = self.served.shown()
            && !observed.as_ref().is_some_and(|known| known.is_of(&route))
        {
            let (width, height) = route.origin.sent_size;
            self.set_size(width, height);
            *observed = Some(ObservedStream::new(&route));
            *self.window() = StatusWindow::new(Instant::now(), 0);
        }
        observed
    }
}

impl ObservedStream {
    fn new(route: &Arc<ResultRoute>) -> Self {
        Self {
            route: Arc::downgrade(route),
            origin: route.origin.clone(),
            counts: Arc::clone(&route.counts),
            ids: None,
            is_told: false,
        }
    }

    fn is_of(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }

    /// The figures since the stream began.
    fn figures(&self, (width, height): (u32, u32)) -> StreamStatus {
        let (frames, frames_dropped) = self.counts.answers_and_failures();
        StreamStatus {
            source_name: self.origin.source_name.clone(),
            is_webcam: self.origin.is_webcam,
            width,
            height,
            source_width: self.origin.size.0,
            source_height: self.origin.size.1,
            frames,
            frames_dropped,
            frames_not_sent: self.frames_not_sent(),
            ..StreamStatus::default()
        }
    }

    /// Gaps in the numbers of a live source: such a source numbers each frame, sent or not. A frame that
    /// arrived damaged is none.
    fn frames_not_sent(&self) -> Option<u64> {
        let is_live = self.origin.is_webcam && self.origin.frames.is_none();
        let ids = self.ids.as_ref().filter(|_| is_live)?;
        let step = u64::from(self.origin.sample_rate.max(1));
        let expected = ((ids.last - ids.first) / step).saturating_add(1);
        Some(expected.saturating_sub(ids.arrived + self.counts.damaged()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{Percentiles, Prediction, StreamStart, Timing};
    use tokio::sync::mpsc;

    use super::*;
    use crate::streams::ReplyPlace;

    fn prediction(inference_us: u64) -> Message {
        let timing = Timing {
            inference_us: Some(inference_us),
            total_us: Some(10 * inference_us),
            ..Timing::default()
        };
        Message::Prediction(Prediction {
            timing,
            ..Prediction::default()
        })
    }

    fn start(source_name: &str) -> StreamStart {
        StreamStart {
            source_name: source_name.into(),
            original_width: 1024,
            original_height: 768,
            ..StreamStart::default()
        }
    }

    fn route(start: &StreamStart) -> Arc<ResultRoute> {
        let route = ResultRoute::new(mpsc::channel(8).0, true);
        Arc::new(route.of(FrameOrigin::from(start)))
    }

    #[test]
    fn a_status_covers_the_time_since_the_last() {
        let served_streams = ServedStreams::default();
        let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
        assert_eq!(status.status(Instant::now()).stream, None);
        let served = route(&start("mouse.mp4"));
        let serving = served_streams.serves(&served);
        status.status(Instant::now());
        status.set_size(512, 384);
        status.add_result(&prediction(1));
        status.set_viewers(1);
        let begin = Instant::now() + Duration::from_secs(1);
        status.status(begin);
        (0..5).for_each(|_| served.answer(ReplyPlace::none(), prediction(0)));
        (1..=5).for_each(|inference_us| status.add_result(&prediction(inference_us)));
        let stream = status
            .status(begin + Duration::from_secs(2))
            .stream
            .unwrap();
        assert_eq!((stream.width, stream.height), (512, 384));
        assert_eq!((stream.source_width, stream.source_height), (1024, 768));
        assert_eq!(stream.source_name, "mouse.mp4");
        assert_eq!(stream.frames_not_sent, None, "frames of a file wait");
        assert!((stream.fps - 2.5).abs() < 1e-9, "{}", stream.fps);
        assert_eq!(stream.inference_us, Some(Percentiles { p50: 3, p95: 5 }));
        assert_eq!(stream.total_us, Some(Percentiles { p50: 30, p95: 50 }));
        let stream = status
            .status(begin + Duration::from_secs(3))
            .stream
            .unwrap();
        assert_eq!((stream.fps, stream.total_us), (0.0, None));
        drop(serving);
        assert_eq!(status.status(Instant::now()).stream, None);
    }

    #[test]
    fn a_stream_that_ended_keeps_its_figures_until_the_next_begins() {
        let served_streams = ServedStreams::default();
        let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
        assert_eq!(status.status(Instant::now()).last_stream, None);
        let served = route(&start("mouse.mp4"));
        let serving = served_streams.serves(&served);
        (0..3).for_each(|_| served.answer(ReplyPlace::none(), prediction(0)));
        let running = status.status(Instant::now());
        assert_eq!(running.stream.unwrap().frames, 3);
        assert_eq!(running.last_stream, None);
        served.answer(ReplyPlace::none(), prediction(0));
        drop((serving, served));
        let ended = status.status(Instant::now());
        assert_eq!(ended.stream, None);
        let last = ended.last_stream.unwrap();
        assert_eq!((last.frames, last.source_name.as_str()), (4, "mouse.mp4"));
    }

    #[test]
    fn frames_that_a_live_source_did_not_send_are_counted_by_their_numbers() {
        let served_streams = ServedStreams::default();
        let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
        let not_sent = |ids: &[FrameId], start: StreamStart| {
            let route = route(&start);
            let _serving = served_streams.serves(&route);
            ids.iter().for_each(|id| status.add_frame(*id));
            status
                .status(Instant::now())
                .stream
                .unwrap()
                .frames_not_sent
        };
        let live = |sample_rate| StreamStart {
            is_webcam: true,
            sample_rate,
            ..StreamStart::default()
        };
        assert_eq!(not_sent(&[], live(1)), None);
        assert_eq!(not_sent(&[5, 6, 7], live(1)), Some(0));
        assert_eq!(not_sent(&[5, 8, 7, 12], live(1)), Some(4));
        assert_eq!(not_sent(&[4, 8, 16], live(4)), Some(1));
        // Frames that are sent again after a lost connection.
        assert_eq!(not_sent(&[1, 2, 2, 3], live(1)), Some(0));
        assert_eq!(not_sent(&[0, u64::MAX], live(0)), Some(u64::MAX - 2));
    }
}
