//! What comes back for the frames that were sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use emit::Emitter;
use protocol::{DecodeError, FrameId, Message, Prediction, Skeleton, StreamComplete, Timing, text};
use recordings::Outputs;
use tokio::sync::watch;
use vision::capture::Content;
use vision::viewer::{Picture, Screen};

use crate::adapt::{Adapter, Sample, Setting};
use crate::flight::Arrived;
use crate::output;
use crate::report::Report;
use crate::stages::Stages;

/// The controller of a live stream's frames, and its way to the encoder.
pub(crate) struct Adaptation {
    pub(crate) adapter: Adapter,
    pub(crate) settings: watch::Sender<Setting>,
}

/// Takes answers: matches them with their frames, writes, shows and counts them.
pub(crate) struct Answers {
    pub(crate) outputs: Outputs,
    pub(crate) emitter: Emitter,
    pub(crate) report: Report,
    /// Why the worker could not use a frame, of the last one that it said so of.
    pub(crate) last_failure: Option<String>,
    /// What the worker said of the stream at its end.
    pub(crate) complete: Option<StreamComplete>,
    /// The last frame that came back, with its poses.
    last: Option<Shown>,
    screen: Option<Screen>,
    adaptation: Option<Adaptation>,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    /// Frames are recorded or shown at the end, whatever becomes of predictions.
    keeps_frames: bool,
    /// That nobody reads was told.
    told: bool,
}

/// A frame with its poses, as it is kept to be shown.
struct Shown {
    content: Content,
    instances: Vec<Vec<Option<[f32; 2]>>>,
    caption: String,
}

impl Answers {
    pub(crate) fn new(
        outputs: Outputs,
        emitter: Emitter,
        screen: Option<Screen>,
        adaptation: Option<Adaptation>,
        skeleton: Skeleton,
        keeps_frames: bool,
    ) -> Self {
        let mut report = Report::new(Instant::now());
        report.setting = adaptation.as_ref().map(|one| one.adapter.setting());
        Self {
            outputs,
            emitter,
            report,
            last: None,
            last_failure: None,
            complete: None,
            screen,
            adaptation,
            nodes: skeleton.nodes.into(),
            edges: skeleton.edges.into(),
            keeps_frames,
            told: false,
        }
    }

    /// Tells of outputs that have failed. An error once nothing is written any more and nobody
    /// wants anything else: then there is nothing to go on for.
    pub(crate) fn check_outputs(&mut self) -> Result<()> {
        for failure in self.outputs.failures() {
            tracing::warn!("{failure}; everything else goes on");
        }
        if self.outputs.have_failed() && !self.serves_others() {
            bail!("nothing can be written any more");
        }
        if self.outputs.nobody_reads() && self.serves_others() && !self.told {
            self.told = true;
            tracing::warn!("nobody reads standard output any more; everything else goes on");
        }
        Ok(())
    }

    /// Whoever read the predictions has gone, and nobody else wants anything.
    pub(crate) fn nobody_is_left(&self) -> bool {
        self.outputs.nobody_reads() && !self.serves_others()
    }

    /// Somebody beside the outputs wants poses or frames.
    fn serves_others(&self) -> bool {
        let watched = self.screen.as_ref().is_some_and(Screen::is_open);
        watched || self.keeps_frames || !self.emitter.is_empty()
    }

    /// Takes one message.
    pub(crate) fn message(&mut self, message: Message, stages: &Stages) {
        match message {
            Message::Prediction(prediction) => self.prediction(prediction, stages),
            Message::FrameReceived(received) => {
                let timing = Some(&received.timing);
                let arrived = self.arrived(received.frame_id, timing, stages);
                let picture = arrived.and_then(|frame| frame.picture);
                self.show(picture, received.frame_id, Vec::new());
            }
            Message::Error(error) => match error.frame_id {
                Some(id) => self.failed(id, error.message, stages),
                None => {
                    let reason = text::cut(&error.message, text::REASON);
                    tracing::warn!(%reason, "the worker reports a problem");
                }
            },
            Message::Backpressure(pressure) => {
                tracing::debug!(waiting = pressure.waiting, "the worker's queues are full");
                stages.pressed();
            }
            other => tracing::debug!(message = ?other, "ignored"),
        }
    }

    /// Takes a message that cannot be read; its frame is accounted for all the same.
    pub(crate) fn unreadable(&mut self, error: &DecodeError, stages: &Stages) {
        match error.frame_id() {
            Some(id) => self.failed(id, format!("the answer cannot be read: {error}"), stages),
            None => tracing::warn!(%error, "message ignored"),
        }
    }

    /// The last frame that came back, with its poses.
    pub(crate) fn last_picture(&self) -> Option<Picture> {
        Some(self.picture(self.last.as_ref()?))
    }

    fn failed(&mut self, id: FrameId, reason: String, stages: &Stages) {
        let reason = text::cut(&reason, text::REASON).into_owned();
        tracing::warn!(frame_id = id, %reason, "a frame has no poses");
        if self.arrived(id, None, stages).is_some() {
            self.report.failed += 1;
        }
        self.last_failure = Some(reason);
    }

    fn prediction(&mut self, mut prediction: Prediction, stages: &Stages) {
        let timing = prediction.timing;
        let Some(arrived) = self.arrived(prediction.frame_id, Some(&timing), stages) else {
            return;
        };
        if let Some(scale) = &arrived.scale {
            scale.apply(&mut prediction);
        }
        self.emitter.pose(&prediction, arrived.captured_us);
        self.report.predictions += 1;
        self.report.instances += prediction.instances.len() as u64;
        output::write(&self.outputs, &prediction, &arrived);
        self.show(arrived.picture, prediction.frame_id, prediction.instances);
    }

    /// `timing`: what the worker says of the frame's way; `None` where it failed.
    fn arrived(
        &mut self,
        id: FrameId,
        timing: Option<&Timing>,
        stages: &Stages,
    ) -> Option<Arrived> {
        let Some(arrived) = stages.answered(id, timing) else {
            tracing::debug!(frame_id = id, "an answer to no frame that is on its way");
            return None;
        };
        self.report.arrived(&arrived);
        if let Some(timing) = timing {
            self.adapt(&arrived, timing, stages);
        }
        Some(arrived)
    }

    fn adapt(&mut self, arrived: &Arrived, timing: &Timing, stages: &Stages) {
        let Some(Adaptation { adapter, settings }) = &mut self.adaptation else {
            return;
        };
        let sample = Sample {
            taken: arrived.taken,
            age: Duration::from_micros(arrived.latency.age()),
            link: arrived.latency.link(),
            receive: Duration::from_micros(timing.receive_us.unwrap_or_default()),
        };
        if let Some(setting) = adapter.answered(sample, Instant::now()) {
            tracing::info!(%setting, age_ms = sample.age.as_millis(), "frames adapted to the link");
            settings.send_replace(setting);
            stages.set_pause(adapter.pause());
            self.report.setting = Some(setting);
        }
    }

    fn show(
        &mut self,
        content: Option<Content>,
        id: FrameId,
        instances: Vec<Vec<Option<[f32; 2]>>>,
    ) {
        let Some(content) = content else { return };
        let shown = Shown {
            content,
            instances,
            caption: format!("frame {id}   {} poses", self.report.predictions),
        };
        if let Some(screen) = self.screen.as_ref().filter(|screen| screen.is_open()) {
            screen.show(self.picture(&shown));
        }
        self.last = Some(shown);
    }

    fn picture(&self, shown: &Shown) -> Picture {
        Picture {
            content: shown.content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances: shown.instances.clone(),
            caption: shown.caption.clone(),
        }
    }
}
