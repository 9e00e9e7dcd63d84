//! The figures of the worker and its streams, for the STATUS message of viewers.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use protocol::{
    FrameId, ListedStream, Message, RuleSide, StreamAck, StreamStatus, WorkerStatus, ZoneEdit,
    ZoneResult, Zones,
};
use tokio::sync::broadcast;

use super::status_window::StatusWindow;
use super::viewers::MAX_VIEWERS;
use crate::streams::{FrameOrigin, ResultRoute, RulesWatch, ServedStreams, StreamCounts, refused};

/// Collects what a STATUS message has.
pub(super) struct ViewStatus {
    /// The parts that do not change.
    worker: WorkerStatus,
    clients: AtomicUsize,
    viewers: AtomicUsize,
    /// The streams that run.
    served: ServedStreams,
    streams: Mutex<ObservedStreams>,
}

#[derive(Default)]
struct ObservedStreams {
    /// Those that run, in the order in which they began.
    running: Vec<ObservedStream>,
    /// The one that ended last.
    last: Option<ObservedStream>,
}

/// A stream, with what was measured of it.
struct ObservedStream {
    /// To tell it from the next one. The route itself is not kept: it holds the client's queue.
    route: Weak<ResultRoute>,
    name: Arc<str>,
    origin: FrameOrigin,
    counts: Arc<StreamCounts>,
    ids: Option<IdRange>,
    /// Width and height of the newest frame that was claimed.
    size: (u32, u32),
    window: StatusWindow,
    /// Rates and times of the last window that was long enough.
    rates: StreamStatus,
    /// It has been in a status.
    is_told: bool,
}

/// The state of the worker with the figures of all its streams, from which each viewer gets those of the stream that it looks
/// at.
pub(super) struct StatusOfAll {
    /// Without streams.
    pub(super) worker: WorkerStatus,
    running: Vec<(ListedStream, StreamStatus)>,
    last_stream: Option<StreamStatus>,
}

impl StatusOfAll {
    /// The status for a viewer who has chosen the stream of this name.
    pub(super) fn seen_by(&self, chosen: Option<&str>) -> WorkerStatus {
        let mut running = self.running.iter();
        let named = running.position(|(stream, _)| Some(stream.name.as_str()) == chosen);
        let seen = named.unwrap_or(0);
        let listed = self.running.iter().enumerate();
        let streams = listed.map(|(index, (stream, _))| ListedStream {
            shown: index == seen,
            ..stream.clone()
        });
        WorkerStatus {
            stream: self.running.get(seen).map(|(_, figures)| figures.clone()),
            last_stream: self.last_stream.clone(),
            streams: streams.collect(),
            ..self.worker.clone()
        }
    }
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
            served,
            streams: Mutex::default(),
        }
    }

    /// The stream that a viewer looks at who has chosen this name.
    pub(super) fn seen_by(&self, chosen: Option<&str>) -> Option<Arc<ResultRoute>> {
        self.served.seen_by(chosen)
    }

    /// The names of the streams that run, in the order in which they began.
    pub(super) fn running(&self) -> Vec<Arc<str>> {
        let all = self.served.all();
        all.iter().map(|route| route.kept_name()).collect()
    }

    /// The rules that are shown with streams.
    pub(super) fn rules(&self) -> RulesWatch {
        self.served.watch_rules()
    }

    /// The clients' answers to zones that viewers draw.
    pub(super) fn zone_results(&self) -> broadcast::Receiver<ZoneResult> {
        self.served.rules().results()
    }

    /// Saves a zone of a viewer who has chosen this stream: in the worker's own file, or hands it to the client. The answer,
    /// unless the client gives it later.
    pub(super) async fn edit_zone(
        &self,
        edit: ZoneEdit,
        chosen: Option<&str>,
    ) -> Option<ZoneResult> {
        let stream = self.served.seen_by(chosen);
        if edit.at == RuleSide::Worker {
            let size = stream.map(|stream| stream.origin.size);
            let size = size.filter(|(width, height)| *width > 0 && *height > 0);
            return Some(self.served.rules().edit(edit, size).await);
        }
        let has_rules =
            |stream: &Arc<ResultRoute>| *self.served.client_rules(stream).zones != Zones::default();
        match stream.filter(has_rules) {
            Some(stream) => {
                stream.edit_zone(edit).await;
                None
            }
            None => Some(refused(edit.id, "no client with rules streams any more")),
        }
    }

    pub(super) fn set_clients(&self, clients: usize) {
        self.clients.store(clients, Relaxed);
    }

    pub(super) fn set_viewers(&self, viewers: usize) {
        self.viewers.store(viewers, Relaxed);
    }

    /// Sets the size of the newest frame of a stream, pixels.
    pub(super) fn set_size(&self, stream: &Arc<ResultRoute>, size: (u32, u32)) {
        self.observe(stream, |stream| stream.size = size);
    }

    /// A frame has arrived.
    pub(super) fn add_frame(&self, stream: &Arc<ResultRoute>, frame_id: FrameId) {
        self.observe(stream, |stream| {
            let ids = stream.ids.get_or_insert(IdRange {
                first: frame_id,
                last: frame_id,
                arrived: 0,
            });
            ids.first = ids.first.min(frame_id);
            ids.last = ids.last.max(frame_id);
            ids.arrived += 1;
        });
    }

    /// Adds the times of a result, while there are viewers.
    pub(super) fn add_result(&self, stream: &Arc<ResultRoute>, result: &Message) {
        if self.viewers.load(Relaxed) == 0 {
            return;
        }
        let timing = match result {
            Message::Prediction(prediction) => prediction.timing,
            Message::FrameReceived(received) => received.timing,
            _ => Default::default(),
        };
        self.observe(stream, |stream| stream.window.add(&timing));
    }

    /// There is a stream of which no status has told.
    pub(super) fn has_news(&self) -> bool {
        self.observed().running.iter().any(|it| !it.is_told)
    }

    /// The status, with the figures of the time since the last one that had any.
    pub(super) fn status(&self, now: Instant) -> StatusOfAll {
        let mut observed = self.observed();
        let running: Vec<_> = observed
            .running
            .iter_mut()
            .map(|stream| stream.tell(now))
            .collect();
        let last = observed.last.as_ref().filter(|_| running.is_empty());
        let count = |number: &AtomicUsize| u32::try_from(number.load(Relaxed)).unwrap_or(u32::MAX);
        StatusOfAll {
            worker: WorkerStatus {
                clients: count(&self.clients),
                viewers: count(&self.viewers),
                ..self.worker.clone()
            },
            last_stream: last.map(ObservedStream::figures),
            running,
        }
    }

    /// Changes what is known of a stream that is served.
    fn observe(&self, route: &Arc<ResultRoute>, change: impl FnOnce(&mut ObservedStream)) {
        let mut streams = self.lock();
        if !streams.running.iter().any(|known| known.is_of(route)) {
            streams.follow(&self.served.all());
        }
        let mut running = streams.running.iter_mut();
        if let Some(stream) = running.find(|known| known.is_of(route)) {
            change(stream);
        }
    }

    /// The streams that run now, and the one that ended last.
    fn observed(&self) -> MutexGuard<'_, ObservedStreams> {
        let mut streams = self.lock();
        streams.follow(&self.served.all());
        streams
    }

    // Each change under the lock is complete, so the state behind a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, ObservedStreams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObservedStreams {
    /// Takes over which streams run.
    fn follow(&mut self, routes: &[Arc<ResultRoute>]) {
        for route in routes {
            if !self.running.iter().any(|known| known.is_of(route)) {
                self.running.push(ObservedStream::new(route));
            }
        }
        let is_over = |known: &mut ObservedStream| !routes.iter().any(|route| known.is_of(route));
        let over = self.running.extract_if(.., is_over);
        self.last = over.last().or(self.last.take());
    }
}

impl ObservedStream {
    fn new(route: &Arc<ResultRoute>) -> Self {
        Self {
            route: Arc::downgrade(route),
            name: route.kept_name(),
            size: route.origin.sent_size,
            origin: route.origin.clone(),
            counts: Arc::clone(&route.counts),
            ids: None,
            window: StatusWindow::new(Instant::now(), 0),
            rates: StreamStatus::default(),
            is_told: false,
        }
    }

    fn is_of(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }

    /// The figures for a status: for the list of all streams, and for those who look at this one.
    fn tell(&mut self, now: Instant) -> (ListedStream, StreamStatus) {
        self.is_told = true;
        let figures = self.figures();
        if let Some(rates) = self.window.rates(&figures, now) {
            self.rates = rates;
        }
        let names = self.route.upgrade().map(|route| route.track_names().names);
        let figures = StreamStatus {
            fps: self.rates.fps,
            total_us: self.rates.total_us,
            inference_us: self.rates.inference_us,
            track_names: names.unwrap_or_default(),
            ..figures
        };
        let latest = self.counts.latest();
        let listed = ListedStream {
            name: self.name.to_string(),
            source_name: figures.source_name.clone(),
            shown: false,
            is_webcam: figures.is_webcam,
            frames: figures.frames,
            frames_dropped: figures.frames_dropped,
            fps: figures.fps,
            latency_us: Some(latest).filter(|us| *us > 0),
        };
        (listed, figures)
    }

    /// The figures since the stream began.
    fn figures(&self) -> StreamStatus {
        let (width, height) = self.size;
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
#[path = "status_tests.rs"]
mod tests;
