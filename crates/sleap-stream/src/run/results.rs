//! The results of the frames that were sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use labels::LabelsOutputs;
use protocol::{DecodeError, FrameId, Message, Prediction, Skeleton, StreamComplete, Timing, text};
use tokio::sync::Notify;
use vision::capture::FrameContent;
use vision::draw::TrackMark;
use vision::frame_window::{AnnotatedFrame, WindowTile};

use crate::metrics::Metrics;
use crate::report::run_report::RunReport;
use crate::run::adaptation::Adaptation;
use crate::run::camera_share::{CameraResults, PoseResult};
use crate::run::closed_loop::ClosedLoop;
use crate::run::hold_ups::HoldUps;
use crate::run::stream_emitter::StreamEmitter;
use crate::run::tracks::ClientTracks;
use crate::send::frame_watcher::{FrameAnswer, SharedWatcher};
use crate::send::in_flight::ReturnedFrame;
use crate::send::pipeline::SendPipeline;

/// Takes results: matches them with their frames, writes, shows and counts them.
pub(crate) struct ResultHandler {
    /// Files of predictions.
    pub(crate) outputs: LabelsOutputs,
    /// Poses for other programs.
    pub(crate) emitter: StreamEmitter,
    /// Counts and latencies.
    pub(crate) report: RunReport,
    /// Why the worker could not use the last frame that failed.
    pub(crate) last_failure: Option<String>,
    /// What the worker reported of the stream at its end.
    pub(crate) complete: Option<StreamComplete>,
    /// The last frame that came back, with its poses.
    last: Option<LastResult>,
    screen: Option<WindowTile>,
    /// Sees when results are here.
    pub(crate) watcher: Option<SharedWatcher>,
    /// Counts for Prometheus.
    metrics: Metrics,
    /// What is done with poses first.
    pub(crate) closed_loop: ClosedLoop,
    adaptation: Option<Adaptation>,
    /// How long frames are on the link.
    pub(crate) hold_ups: HoldUps,
    /// Packets are lost on the way, and hold frames up.
    pub(crate) losses_show: bool,
    /// Which animal is which.
    pub(crate) tracks: ClientTracks,
    /// Results that wait for those of other cameras.
    pub(crate) camera: CameraResults,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    /// Frames are recorded or shown at the end, whatever becomes of predictions.
    keeps_frames: bool,
    /// The warning that standard output is closed was logged.
    warned_reader_gone: bool,
    /// The warning that the worker reports a problem was logged.
    warned_problem: bool,
}

/// A frame with its poses, as it is kept to be shown.
struct LastResult {
    content: FrameContent,
    animals: DrawnAnimals,
    caption: String,
}

/// The poses of a frame, as they are drawn.
#[derive(Default)]
struct DrawnAnimals {
    instances: Vec<Vec<Option<[f32; 2]>>>,
    tracks: Vec<Option<TrackMark>>,
}

impl ResultHandler {
    pub(crate) fn new(
        outputs: LabelsOutputs,
        emitter: StreamEmitter,
        screen: Option<WindowTile>,
        adaptation: Option<Adaptation>,
        tracks: ClientTracks,
        skeleton: Skeleton,
        keeps_frames: bool,
    ) -> Self {
        let mut report = RunReport::new(Instant::now());
        report.setting = adaptation.as_ref().map(Adaptation::setting);
        Self {
            outputs,
            emitter,
            report,
            last: None,
            last_failure: None,
            complete: None,
            screen,
            watcher: None,
            metrics: Metrics::default(),
            closed_loop: ClosedLoop::default(),
            adaptation,
            hold_ups: HoldUps::default(),
            losses_show: false,
            tracks,
            camera: CameraResults::default(),
            nodes: skeleton.nodes.into(),
            edges: skeleton.edges.into(),
            keeps_frames,
            warned_reader_gone: false,
            warned_problem: false,
        }
    }

    /// Logs outputs that have failed. An error once nothing is written any more and the poses have no
    /// other use.
    pub(crate) fn check_outputs(&mut self) -> Result<()> {
        for failure in self.outputs.failures() {
            tracing::warn!("{failure}; everything else goes on");
        }
        if self.outputs.have_failed() && !self.has_other_uses() {
            bail!("nothing can be written any more");
        }
        if self.outputs.reader_is_gone() && self.has_other_uses() && !self.warned_reader_gone {
            self.warned_reader_gone = true;
            tracing::warn!(
                "standard output is closed: no program reads it any more; everything else goes on"
            );
        }
        Ok(())
    }

    /// The reader of the predictions has gone, and they have no other use.
    pub(crate) fn is_unused(&self) -> bool {
        self.outputs.reader_is_gone() && !self.has_other_uses()
    }

    /// Poses or frames have a use beside the outputs.
    fn has_other_uses(&self) -> bool {
        let watched = self.screen.as_ref().is_some_and(WindowTile::is_open);
        watched || self.keeps_frames || !self.emitter.is_empty() || self.closed_loop.has_rules()
    }

    /// Takes one message. How long the result took, if it is that of a frame that waited for it.
    pub(crate) fn message(
        &mut self,
        message: Message,
        pipeline: &SendPipeline,
    ) -> Option<Duration> {
        match message {
            Message::Prediction(prediction) => self.prediction(prediction, pipeline),
            Message::FrameReceived(received) => {
                let timing = Some(&received.timing);
                let returned = self.returned(received.frame_id, timing, pipeline)?;
                self.answered(received.frame_id, FrameAnswer::Received);
                let none = DrawnAnimals::default();
                self.show(returned.picture, received.frame_id, none);
                Some(returned.waited)
            }
            Message::Error(error) => match error.frame_id {
                Some(id) => self.failed(id, error.message, pipeline),
                None => {
                    self.problem(&text::cut(&error.message, text::REASON));
                    None
                }
            },
            Message::Backpressure(pressure) => {
                tracing::debug!(waiting = pressure.waiting, "the worker's queues are full");
                pipeline.pressed();
                None
            }
            Message::TrackNames(changes) => {
                self.tracks.name(&changes);
                None
            }
            Message::ZoneEdit(edit) => {
                self.closed_loop.edit_zone(edit);
                None
            }
            other => {
                tracing::debug!(message = ?other, "ignored");
                None
            }
        }
    }

    /// Frames were sent, and packets of them lost.
    pub(crate) fn lost_on_the_way(&mut self, ids: &[FrameId], pipeline: &SendPipeline) {
        if !ids.is_empty() {
            let lost = pipeline.lost_on_the_way(ids);
            tracing::debug!(frames = lost, "lost on the way");
            self.report.lost_on_the_way += lost as u64;
        }
    }

    /// Takes a message that cannot be read. It is no result; the frame that it is about, if that
    /// much is known, makes room for another.
    pub(crate) fn unreadable(&mut self, error: &DecodeError, pipeline: &SendPipeline) {
        self.report.unreadable += 1;
        let reason = text::cut(&error.to_string(), text::REASON).into_owned();
        match &self.report.first_unreadable {
            None => {
                tracing::warn!(
                    "a message of the worker cannot be read: {reason}; further ones are logged with -v"
                );
                self.report.first_unreadable = Some(reason);
            }
            Some(_) => tracing::debug!(%reason, "a message of the worker cannot be read"),
        }
        if let Some(id) = error.frame_id() {
            pipeline.damaged(id);
        }
    }

    /// The last frame that came back, with its poses.
    pub(crate) fn last_picture(&self) -> Option<AnnotatedFrame> {
        Some(self.picture(self.last.as_ref()?))
    }

    /// The worker reports what is about no frame.
    fn problem(&mut self, reason: &str) {
        match std::mem::replace(&mut self.warned_problem, true) {
            false => tracing::warn!(
                "the worker reports a problem: {reason}; further ones are logged with -v"
            ),
            true => tracing::debug!(%reason, "the worker reports a problem"),
        }
    }

    fn failed(&mut self, id: FrameId, reason: String, pipeline: &SendPipeline) -> Option<Duration> {
        let reason = text::cut(&reason, text::REASON).into_owned();
        match self.last_failure {
            None => tracing::warn!(
                frame_id = id,
                "a frame has no poses: {reason}; further ones are logged with -v"
            ),
            Some(_) => tracing::debug!(frame_id = id, %reason, "a frame has no poses"),
        }
        let returned = self.returned(id, None, pipeline);
        if returned.is_some() {
            self.answered(id, FrameAnswer::Failed(&reason));
            self.report.failed += 1;
        }
        self.last_failure = Some(reason);
        Some(returned?.waited)
    }

    fn prediction(
        &mut self,
        mut prediction: Prediction,
        pipeline: &SendPipeline,
    ) -> Option<Duration> {
        let timing = prediction.timing;
        let mut returned = self.returned(prediction.frame_id, Some(&timing), pipeline)?;
        if let Some(scale) = &returned.scale {
            scale.apply(&mut prediction);
        }
        self.tracks
            .assign(&mut prediction, returned.picture.as_ref());
        let names = self.tracks.names(&prediction);
        let derived = self.closed_loop.derive(&prediction, names, &returned);
        // Of several cameras it is known later which moment the frame shows.
        if self.camera.name().is_none() {
            self.closed_loop.act(&prediction, &derived, &returned, None);
        }
        let poses = FrameAnswer::Poses(&prediction, &derived, &returned);
        self.answered(prediction.frame_id, poses);
        self.report.predictions += 1;
        self.report.instances += prediction.instances.len() as u64;
        let (frame_id, waited) = (prediction.frame_id, returned.waited);
        let picture = returned.picture.take();
        let animals = picture.is_some().then(|| DrawnAnimals {
            tracks: self.tracks.marks(&prediction),
            instances: prediction.instances.clone(),
        });
        let result = PoseResult {
            prediction,
            derived,
            returned,
        };
        if let Some(result) = self.camera.wait(result) {
            self.deliver(result);
        }
        self.show(picture, frame_id, animals.unwrap_or_default());
        Some(waited)
    }

    /// `timing`: the worker's steps for the frame; `None` where it failed.
    fn returned(
        &mut self,
        id: FrameId,
        timing: Option<&Timing>,
        pipeline: &SendPipeline,
    ) -> Option<ReturnedFrame> {
        let Some(returned) = pipeline.returned(id, timing) else {
            tracing::debug!(frame_id = id, "a result of no frame that is in flight");
            return None;
        };
        self.report.returned(&returned);
        self.metrics.returned(&returned);
        if let Some(watcher) = &self.watcher {
            watcher.returned(id);
        }
        let link = returned.latency.link();
        self.losses_show |= self.hold_ups.returned(link, Instant::now());
        if let Some(timing) = timing {
            self.adapt(&returned, timing, pipeline);
        }
        Some(returned)
    }

    fn answered(&self, id: FrameId, answer: FrameAnswer<'_>) {
        if let Some(watcher) = &self.watcher {
            watcher.answered(id, answer);
        }
    }

    /// Counts results for Prometheus from now on; `source`: the name of the stream's source.
    pub(crate) fn count(&mut self, metrics: Metrics, source: &str) {
        metrics.begins(source);
        self.metrics = metrics;
    }

    /// Lets the metrics be those of now.
    pub(crate) fn publish(&self) {
        self.metrics.report(&self.report, self.tracks.census());
    }

    /// Notified when the watcher is to get the summary.
    pub(crate) fn wants_report(&self) -> Arc<Notify> {
        let watcher = self.watcher.as_ref();
        watcher
            .and_then(|watcher| watcher.wants_report())
            .unwrap_or_default()
    }

    /// Gives the watcher the summary as it is now.
    pub(crate) fn tell_watcher(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.reported(self.report.to_json());
        }
    }

    fn adapt(&mut self, returned: &ReturnedFrame, timing: &Timing, pipeline: &SendPipeline) {
        let adaptation = self.adaptation.as_mut();
        let setting = adaptation.and_then(|it| it.returned(returned, timing, pipeline));
        self.report.setting = setting.or(self.report.setting);
    }

    fn show(&mut self, content: Option<FrameContent>, id: FrameId, animals: DrawnAnimals) {
        let Some(content) = content else { return };
        let shown = LastResult {
            content,
            animals,
            caption: format!("frame {id}   {} poses", self.report.predictions),
        };
        if let Some(screen) = self.screen.as_ref().filter(|screen| screen.is_open()) {
            screen.show(self.picture(&shown));
        }
        self.last = Some(shown);
    }

    fn picture(&self, shown: &LastResult) -> AnnotatedFrame {
        AnnotatedFrame {
            content: shown.content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances: shown.animals.instances.clone(),
            tracks: shown.animals.tracks.clone(),
            zones: self.closed_loop.zones(),
            caption: shown.caption.clone(),
        }
    }
}
