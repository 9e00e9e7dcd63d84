//! Where the result of a frame goes, and where it is counted.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use closed_loop::SeenRules;
use labels::Revision;
use protocol::{Message, Prediction, Scale, StreamStart, TrackNames, ZoneEdit};
use tokio::sync::{mpsc, watch};
use tracking::flow::{FlowOptions, Pyramid};

use crate::metrics::{FrameLoss, Metrics, StreamFigures};
use crate::streams::stream_tracks::StreamTracks;
use crate::streams::worker_tracking::WorkerTracking;

/// The way back of the frames of one stream, or of one file: each frame in the pipeline carries it.
pub(crate) struct ResultRoute {
    replies: mpsc::Sender<Message>,
    pub(crate) origin: FrameOrigin,
    /// What the stream is called among those that are served; set where it begins to be.
    name: OnceLock<Arc<str>>,
    /// What is shown of the worker's rules in this stream, where they act on it.
    rules: OnceLock<watch::Receiver<SeenRules>>,
    /// The client asked for a result of every frame, also of a worker without a model.
    answers: bool,
    pub(crate) counts: Arc<StreamCounts>,
    pub(crate) metrics: Metrics,
    /// Which animal is which.
    tracks: Arc<StreamTracks>,
    /// The frames are those of a file: no sink receives them, and streams come first.
    is_aside: bool,
    /// The client was lost, or left before the end.
    is_cut_off: AtomicBool,
}

/// A place among a client's replies, for the result of one frame.
pub(crate) struct ReplyPlace(Option<mpsc::OwnedPermit<Message>>);

#[cfg(test)]
impl ReplyPlace {
    /// No place: the result is counted and goes nowhere.
    pub(crate) fn none() -> Self {
        Self(None)
    }
}

/// Where a stream's frames come from, as its client announced.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameOrigin {
    pub(crate) source_name: String,
    /// Width and height of the source, pixels; 0 = unknown.
    pub(crate) size: (u32, u32),
    /// Width and height of the frames as sent, pixels; 0 = unknown.
    pub(crate) sent_size: (u32, u32),
    pub(crate) is_webcam: bool,
    /// The client sends each `sample_rate`-th frame of the source.
    pub(crate) sample_rate: u32,
    /// Frames of the source, where it has an end that is known.
    pub(crate) frames: Option<u64>,
    /// Frames per second of the source, where that is known.
    pub(crate) fps: Option<f64>,
    /// Bits of a 16-bit sample that the source fills, where the client announced them.
    pub(crate) significant_bits: Option<u8>,
    /// The stream's name on the wire; a client that reconnects uses it again.
    pub(crate) stream_id: Option<String>,
}

impl FrameOrigin {
    /// Whether the source is known to have an end.
    pub(crate) fn has_end(&self) -> bool {
        self.frames.is_some() && !self.is_webcam
    }
}

impl From<&StreamStart> for FrameOrigin {
    fn from(start: &StreamStart) -> Self {
        Self {
            source_name: start.source_name.clone(),
            size: (start.original_width, start.original_height),
            sent_size: (start.width, start.height),
            is_webcam: start.is_webcam,
            sample_rate: start.sample_rate,
            frames: u64::try_from(start.total_frames).ok(),
            fps: start.fps,
            significant_bits: start.significant_bits,
            stream_id: start.stream_id.clone(),
        }
    }
}

/// Frames of a stream by outcome.
#[derive(Default)]
pub(crate) struct StreamCounts {
    pub(crate) predictions: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) saved: AtomicU64,
    /// Frames that arrived damaged.
    pub(crate) damaged: AtomicU64,
    /// Frames that have a result, of any kind.
    pub(crate) answered: AtomicU64,
    /// Time of the newest frame with a result in the worker, microseconds.
    latest_us: AtomicU64,
}

impl StreamCounts {
    /// Frames that arrived damaged.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged.load(Relaxed)
    }

    /// Time of the newest frame with a result in the worker, microseconds; 0 before the first.
    pub(crate) fn latest(&self) -> u64 {
        self.latest_us.load(Relaxed)
    }

    /// Frames that have a result, and the failures among them.
    pub(crate) fn answers_and_failures(&self) -> (u64, u64) {
        let damaged = self.damaged.load(Relaxed);
        let failures = self.failures.load(Relaxed) + damaged;
        (self.answered.load(Relaxed) + damaged, failures)
    }
}

impl ResultRoute {
    /// A route to the client whose messages are `replies`. `answers`: also frames without a prediction
    /// get a result.
    pub(crate) fn new(replies: mpsc::Sender<Message>, answers: bool) -> Self {
        Self {
            replies,
            origin: FrameOrigin::default(),
            name: OnceLock::new(),
            rules: OnceLock::new(),
            answers,
            counts: Arc::default(),
            metrics: Metrics::default(),
            tracks: Arc::default(),
            is_aside: false,
            is_cut_off: AtomicBool::new(false),
        }
    }

    /// The route of a file beside streams.
    pub(crate) fn aside(self) -> Self {
        Self {
            is_aside: true,
            ..self
        }
    }

    /// Whether its frames are those of a file beside streams.
    pub(crate) fn is_aside(&self) -> bool {
        self.is_aside
    }

    /// The client is lost, or has left before the end of its stream.
    pub(crate) fn cut_off(&self) {
        self.is_cut_off.store(true, Relaxed);
    }

    /// Whether the stream ends because its client is lost.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.is_cut_off.load(Relaxed) || self.has_left()
    }

    /// Counts its results in `metrics`, too.
    pub(crate) fn counted_in(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Tells the animals of its frames apart; `next` is the number of the first track.
    pub(crate) fn tracked_by(self, tracking: &WorkerTracking, next: u32) -> Self {
        let tracks = Arc::new(StreamTracks::new(tracking.begin(next)));
        Self { tracks, ..self }
    }

    /// What gives the predictions of a whole video their final tracks, where the tracker does so at its end. To be
    /// taken before the first of them.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.tracks.revision()
    }

    /// How the tracker looks at the frames' pictures; `None` where it does not.
    pub(crate) fn flow(&self) -> Option<&FlowOptions> {
        self.tracks.flow()
    }

    /// Gives the instances of a result tracks, where they have none. `size`: width and height of the frame
    /// as sent; `seen`: its picture, where the tracker looks at it. For the pipeline's last stage, in the order
    /// of the stream.
    pub(crate) fn track(&self, size: (u32, u32), seen: Option<Pyramid>, result: &mut Message) {
        if let Message::Prediction(prediction) = result {
            let scale = Scale::new(self.origin.size, size);
            let change = self.tracks.assign(prediction, scale, seen);
            self.metrics.tracks(change.before, change.now);
        }
    }

    /// The names that people gave the tracks of a prediction; empty where there are none.
    pub(crate) fn names_of(&self, prediction: &Prediction) -> Vec<Option<String>> {
        self.tracks.names_of(prediction)
    }

    /// All names that people gave tracks.
    pub(crate) fn track_names(&self) -> TrackNames {
        self.tracks.names()
    }

    /// Gives tracks names, and sends the client those that changed.
    pub(crate) async fn name_tracks(&self, changes: &TrackNames) {
        let taken = self.tracks.name(changes);
        if !taken.names.is_empty() {
            // A client that has left needs no names.
            let _ = self.replies.send(Message::TrackNames(taken)).await;
        }
    }

    /// Sends the client a zone that a viewer has drawn.
    pub(crate) async fn edit_zone(&self, edit: ZoneEdit) {
        // A client that has left saves no zones.
        let _ = self.replies.send(Message::ZoneEdit(edit)).await;
    }

    /// The route of frames of this origin.
    pub(crate) fn of(self, origin: FrameOrigin) -> Self {
        Self { origin, ..self }
    }

    /// What the stream is called among those that are served: no other of them has that name. Empty for files.
    pub(crate) fn name(&self) -> &str {
        self.name.get().map_or("", |name| name)
    }

    /// The same, to be kept.
    pub(crate) fn kept_name(&self) -> Arc<str> {
        self.name.get().map_or_else(|| "".into(), Arc::clone)
    }

    /// The worker's rules act on this stream.
    pub(crate) fn set_seen_rules(&self, seen: watch::Receiver<SeenRules>) {
        let _ = self.rules.set(seen);
    }

    /// What is shown of the worker's rules in this stream now; `None` where they do not act on it.
    pub(crate) fn seen_rules(&self) -> Option<SeenRules> {
        self.rules.get().map(|seen| seen.borrow().clone())
    }

    /// Gives the stream its name, once.
    pub(super) fn set_name(&self, name: String) {
        let _ = self.name.set(name.into());
    }

    /// Whether the client asked for a result of every frame.
    pub(crate) fn answers(&self) -> bool {
        self.answers
    }

    /// Whether the client has left: its frames need no work any more.
    pub(crate) fn has_left(&self) -> bool {
        self.replies.is_closed()
    }

    /// Whether a frame needs no work because its client has left; then the frame counts as lost.
    pub(crate) fn leaves_a_frame(&self) -> bool {
        let has_left = self.has_left();
        if has_left {
            self.metrics.lost(FrameLoss::ClientLeft);
        }
        has_left
    }

    /// Frames that have a result, of any kind.
    pub(crate) fn answered(&self) -> u64 {
        self.counts.answered.load(Relaxed)
    }

    /// From the first byte of the newest frame with a result to that result; zero before the first.
    pub(crate) fn latest(&self) -> Duration {
        Duration::from_micros(self.counts.latest())
    }

    /// The stream's figures for metrics.
    pub(crate) fn figures(&self) -> StreamFigures {
        let (results, failures) = self.counts.answers_and_failures();
        StreamFigures {
            source: self.origin.source_name.clone(),
            results,
            predictions: self.counts.predictions.load(Relaxed),
            failures,
            latest: self.latest(),
            tracks_alive: self.tracks.alive(),
        }
    }

    /// Waits for a place for one result; `None`: the client has left. The pipeline then never waits for a client.
    pub(crate) async fn reply_place(&self) -> Option<ReplyPlace> {
        let place = self.replies.clone().reserve_owned().await;
        place.ok().map(|place| ReplyPlace(Some(place)))
    }

    /// Sends a result to its place.
    pub(crate) fn answer(&self, place: ReplyPlace, message: Message) {
        let timing = match &message {
            Message::Prediction(prediction) => Some(&prediction.timing),
            Message::FrameReceived(received) => Some(&received.timing),
            _ => None,
        };
        if let Some(total) = timing.and_then(|timing| timing.total_us) {
            self.counts.latest_us.store(total, Relaxed);
        }
        self.metrics.answer(&message);
        match &message {
            Message::Prediction(_) => self.counts.predictions.fetch_add(1, Relaxed),
            Message::Error(_) => self.counts.failures.fetch_add(1, Relaxed),
            Message::FrameReceived(_) if !self.answers => return,
            _ => 0,
        };
        self.counts.answered.fetch_add(1, Relaxed);
        // A client that has left takes no results; its session notices that by itself.
        if let ReplyPlace(Some(place)) = place {
            place.send(message);
        }
    }
}
