//! What comes back for the frames that were sent.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use protocol::{DecodeError, FrameId, Message, Prediction, Skeleton};
use vision::Image;
use vision::viewer::{Picture, Screen};

use crate::flight::Arrived;
use crate::output::Outputs;
use crate::report::Report;
use crate::scale::Scale;
use crate::stages::Stages;

/// Takes answers: matches them with their frames, writes, shows and counts them.
pub(crate) struct Answers {
    pub(crate) outputs: Outputs,
    pub(crate) report: Report,
    /// The last frame that came back, with its poses.
    pub(crate) last: Option<Picture>,
    /// Why the worker could not use a frame, of the last one that it said so of.
    pub(crate) last_failure: Option<String>,
    screen: Option<Screen>,
    scale: Option<Scale>,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
}

impl Answers {
    pub(crate) fn new(
        outputs: Outputs,
        screen: Option<Screen>,
        scale: Option<Scale>,
        skeleton: Skeleton,
    ) -> Self {
        Self {
            outputs,
            report: Report::new(Instant::now()),
            last: None,
            last_failure: None,
            screen,
            scale,
            nodes: skeleton.nodes.into(),
            edges: skeleton.edges.into(),
        }
    }

    /// Takes one message. An error means that an output cannot be written.
    pub(crate) fn message(&mut self, message: Message, stages: &Stages) -> Result<()> {
        match message {
            Message::Prediction(prediction) => return self.prediction(prediction, stages),
            Message::FrameReceived(received) => {
                let picture = self
                    .arrived(received.frame_id, stages)
                    .and_then(|frame| frame.picture);
                self.show(picture, received.frame_id, Vec::new());
            }
            Message::Error(error) => match error.frame_id {
                Some(id) => self.failed(id, error.message, stages),
                None => tracing::warn!(reason = %error.message, "the worker reports a problem"),
            },
            other => tracing::debug!(message = ?other, "ignored"),
        }
        Ok(())
    }

    /// Takes a message that cannot be read; its frame is accounted for all the same.
    pub(crate) fn unreadable(&mut self, error: &DecodeError, stages: &Stages) {
        match error.frame_id() {
            Some(id) => self.failed(id, format!("the answer cannot be read: {error}"), stages),
            None => tracing::warn!(%error, "message ignored"),
        }
    }

    fn failed(&mut self, id: FrameId, reason: String, stages: &Stages) {
        tracing::warn!(frame_id = id, %reason, "a frame has no poses");
        if self.arrived(id, stages).is_some() {
            self.report.failed += 1;
        }
        self.last_failure = Some(reason);
    }

    fn prediction(&mut self, mut prediction: Prediction, stages: &Stages) -> Result<()> {
        let Some(arrived) = self.arrived(prediction.frame_id, stages) else {
            return Ok(());
        };
        if let Some(scale) = &self.scale {
            scale.apply(&mut prediction);
        }
        self.report.predictions += 1;
        self.report.instances += prediction.instances.len() as u64;
        let written = self.outputs.write(&prediction, arrived.age);
        self.show(arrived.picture, prediction.frame_id, prediction.instances);
        written
    }

    fn arrived(&mut self, id: FrameId, stages: &Stages) -> Option<Arrived> {
        let arrived = stages.flight().arrive(id, Instant::now());
        match &arrived {
            Some(arrived) => {
                stages.answered();
                self.report.arrived(arrived);
            }
            None => tracing::debug!(frame_id = id, "an answer to no frame that is on its way"),
        }
        arrived
    }

    fn show(&mut self, image: Option<Image>, id: FrameId, instances: Vec<Vec<Option<[f32; 2]>>>) {
        let Some(image) = image else { return };
        let picture = Picture {
            image,
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            caption: format!("frame {id}   {} poses", self.report.predictions),
        };
        if let Some(screen) = &self.screen {
            screen.show(picture.clone());
        }
        self.last = Some(picture);
    }
}
