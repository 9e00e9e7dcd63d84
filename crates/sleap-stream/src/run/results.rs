//! What comes back for the frames that were sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use emit::Emitter;
use labels::LabelsOutputs;
use protocol::{DecodeError, FrameId, Message, Prediction, Skeleton, StreamComplete, Timing, text};
use vision::capture::FrameContent;
use vision::frame_window::{AnnotatedFrame, WindowHandle};

use crate::report::run_report::Report;
use crate::run::adaptation::Adaptation;
use crate::run::outputs;
use crate::send::in_flight::Arrived;
use crate::send::pipeline::Stages;

/// Takes answers: matches them with their frames, writes, shows and counts them.
pub(crate) struct Answers {
    pub(crate) outputs: LabelsOutputs,
    pub(crate) emitter: Emitter,
    pub(crate) report: Report,
    /// Why the worker could not use a frame, of the last one that it said so of.
    pub(crate) last_failure: Option<String>,
    /// What the worker said of the stream at its end.
    pub(crate) complete: Option<StreamComplete>,
    /// The last frame that came back, with its poses.
    last: Option<Shown>,
    screen: Option<WindowHandle>,
    adaptation: Option<Adaptation>,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    /// Frames are recorded or shown at the end, whatever becomes of predictions.
    keeps_frames: bool,
    /// That nobody reads was told.
    told: bool,
    /// That the worker reports a problem was told.
    told_problem: bool,
}

/// A frame with its poses, as it is kept to be shown.
struct Shown {
    content: FrameContent,
    instances: Vec<Vec<Option<[f32; 2]>>>,
    caption: String,
}

impl Answers {
    pub(crate) fn new(
        outputs: LabelsOutputs,
        emitter: Emitter,
        screen: Option<WindowHandle>,
        adaptation: Option<Adaptation>,
        skeleton: Skeleton,
        keeps_frames: bool,
    ) -> Self {
        let mut report = Report::new(Instant::now());
        report.setting = adaptation.as_ref().map(Adaptation::setting);
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
            told_problem: false,
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
        if self.outputs.reader_is_gone() && self.serves_others() && !self.told {
            self.told = true;
            tracing::warn!("nobody reads standard output any more; everything else goes on");
        }
        Ok(())
    }

    /// Whoever read the predictions has gone, and nobody else wants anything.
    pub(crate) fn nobody_is_left(&self) -> bool {
        self.outputs.reader_is_gone() && !self.serves_others()
    }

    /// Somebody beside the outputs wants poses or frames.
    fn serves_others(&self) -> bool {
        let watched = self.screen.as_ref().is_some_and(WindowHandle::is_open);
        watched || self.keeps_frames || !self.emitter.is_empty()
    }

    /// Takes one message. How long it took, if it is the answer to a frame that waited for it.
    pub(crate) fn message(&mut self, message: Message, stages: &Stages) -> Option<Duration> {
        match message {
            Message::Prediction(prediction) => self.prediction(prediction, stages),
            Message::FrameReceived(received) => {
                let timing = Some(&received.timing);
                let arrived = self.arrived(received.frame_id, timing, stages)?;
                self.show(arrived.picture, received.frame_id, Vec::new());
                Some(arrived.waited)
            }
            Message::Error(error) => match error.frame_id {
                Some(id) => self.failed(id, error.message, stages),
                None => {
                    self.problem(&text::cut(&error.message, text::REASON));
                    None
                }
            },
            Message::Backpressure(pressure) => {
                tracing::debug!(waiting = pressure.waiting, "the worker's queues are full");
                stages.pressed();
                None
            }
            other => {
                tracing::debug!(message = ?other, "ignored");
                None
            }
        }
    }

    /// Takes a message that cannot be read. It answers nothing; the frame that it is about, if that
    /// much is known, makes room for another.
    pub(crate) fn unreadable(&mut self, error: &DecodeError, stages: &Stages) {
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
            stages.damaged(id);
        }
    }

    /// The last frame that came back, with its poses.
    pub(crate) fn last_picture(&self) -> Option<AnnotatedFrame> {
        Some(self.picture(self.last.as_ref()?))
    }

    /// The worker reports what is about no frame.
    fn problem(&mut self, reason: &str) {
        match std::mem::replace(&mut self.told_problem, true) {
            false => tracing::warn!(
                "the worker reports a problem: {reason}; further ones are logged with -v"
            ),
            true => tracing::debug!(%reason, "the worker reports a problem"),
        }
    }

    fn failed(&mut self, id: FrameId, reason: String, stages: &Stages) -> Option<Duration> {
        let reason = text::cut(&reason, text::REASON).into_owned();
        match self.last_failure {
            None => tracing::warn!(
                frame_id = id,
                "a frame has no poses: {reason}; further ones are logged with -v"
            ),
            Some(_) => tracing::debug!(frame_id = id, %reason, "a frame has no poses"),
        }
        self.last_failure = Some(reason);
        let arrived = self.arrived(id, None, stages)?;
        self.report.failed += 1;
        Some(arrived.waited)
    }

    fn prediction(&mut self, mut prediction: Prediction, stages: &Stages) -> Option<Duration> {
        let timing = prediction.timing;
        let arrived = self.arrived(prediction.frame_id, Some(&timing), stages)?;
        if let Some(scale) = &arrived.scale {
            scale.apply(&mut prediction);
        }
        self.emitter.pose(&prediction, arrived.captured_us);
        self.report.predictions += 1;
        self.report.instances += prediction.instances.len() as u64;
        outputs::write(&self.outputs, &prediction, &arrived);
        self.show(arrived.picture, prediction.frame_id, prediction.instances);
        Some(arrived.waited)
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
        let adaptation = self.adaptation.as_mut();
        let setting = adaptation.and_then(|it| it.answered(arrived, timing, stages));
        self.report.setting = setting.or(self.report.setting);
    }

    fn show(
        &mut self,
        content: Option<FrameContent>,
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

    fn picture(&self, shown: &Shown) -> AnnotatedFrame {
        AnnotatedFrame {
            content: shown.content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances: shown.instances.clone(),
            caption: shown.caption.clone(),
        }
    }
}
