//! The last stage: from the model's outputs to answers, and the worker's own eyes.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use pose::{BatchOutputs, Finisher};
use protocol::Message;
use tokio::sync::oneshot;

use super::decode::Decoded;
use super::spare::Spare;
use crate::answer;
use crate::emit::Emission;
use crate::saver::Saver;
use crate::show::Screen;
use crate::view::Hub;

/// A batch that went through the engine.
pub(super) struct Batch {
    pub(super) frames: Vec<Decoded>,
    /// `None` without a model.
    pub(super) outputs: Result<Option<BatchOutputs>, String>,
    /// When the engine began with it.
    pub(super) started: Instant,
}

/// What the engine passes on, in the stream's order.
pub(super) enum Ran {
    Batch(Batch),
    StreamLost,
    Flush(oneshot::Sender<()>),
}

pub(super) struct Stage {
    /// `None` without a model.
    pub(super) finisher: Option<Finisher>,
    pub(super) saver: Option<Saver>,
    pub(super) screen: Option<Screen>,
    pub(super) emission: Option<Emission>,
    pub(super) view: Option<Arc<Hub>>,
    pub(super) spare: Spare,
}

impl Stage {
    pub(super) fn run(mut self, ran: &Receiver<Ran>) {
        for ran in ran {
            match ran {
                Ran::Batch(batch) => self.finish(batch),
                Ran::StreamLost => {
                    self.emission_ends();
                    if let Some(saver) = &mut self.saver {
                        saver.restart();
                    }
                }
                Ran::Flush(done) => {
                    self.emission_ends();
                    if let Some(saver) = &mut self.saver {
                        saver.flush();
                    }
                    // A session that no longer waits is gone; nobody else needs to know.
                    let _ = done.send(());
                }
            }
        }
        if let Some(emission) = self.emission {
            emission.close();
        }
    }

    fn emission_ends(&mut self) {
        if let Some(emission) = &mut self.emission {
            emission.end();
        }
    }

    fn finish(&mut self, batch: Batch) {
        let answers = self.answers(&batch);
        // Before anything else: all that follows may wait, for a disk or a slow client.
        if let Some(emission) = &mut self.emission {
            let seen = batch.frames.iter().zip(&answers);
            for (decoded, answer) in seen.filter(|(decoded, _)| !decoded.requester.is_aside()) {
                emission.answer(decoded, answer);
            }
        }
        for (mut decoded, answer) in batch.frames.into_iter().zip(answers) {
            if !decoded.requester.is_aside() {
                self.look(&mut decoded, &answer);
            }
            decoded.requester.answer(answer);
            self.spare.give(decoded.input);
        }
    }

    /// One for each frame, in the batch's order.
    fn answers(&mut self, batch: &Batch) -> Vec<Message> {
        let Batch {
            frames,
            outputs,
            started,
        } = batch;
        let failed = |reason: &str| {
            let failure = |frame: &Decoded| answer::failure(frame.frame_id, reason.to_owned());
            frames.iter().map(failure).collect()
        };
        let (outputs, finisher) = match (outputs, &mut self.finisher) {
            (Err(reason), _) => return failed(reason),
            (Ok(Some(outputs)), Some(finisher)) => (outputs, finisher),
            (Ok(_), _) => {
                let received =
                    |frame: &Decoded| answer::received(frame.frame_id, &frame.times, *started);
                return frames.iter().map(received).collect();
            }
        };
        match finisher.finish(frames.iter().map(|frame| &frame.input), outputs) {
            Err(error) => failed(&error.to_string()),
            Ok(predictions) => frames
                .iter()
                .zip(predictions)
                .map(|(frame, prediction)| match prediction {
                    Ok(prediction) => {
                        answer::prediction(frame.frame_id, &frame.times, *started, prediction)
                    }
                    Err(error) => answer::failure(frame.frame_id, error.to_string()),
                })
                .collect(),
        }
    }

    fn look(&mut self, decoded: &mut Decoded, answer: &Message) {
        if let Some(view) = &self.view {
            view.answered(answer);
        }
        if let Some(claim) = decoded.claim.take() {
            claim.answered(answer);
        }
        if let Some(screen) = &mut self.screen {
            screen.show(decoded, answer);
        }
        if let Some(saver) = &mut self.saver {
            saver.frame(decoded);
        }
    }
}
