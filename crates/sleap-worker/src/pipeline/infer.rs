//! The second stage: one thread that keeps the model busy.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use pose::{BatchOutputs, Runner};

use super::decode::Decoded;
use super::finish::{Batch, Ran};
use super::incoming::{Event, Incoming, Mark};
use crate::batcher::{Batcher, Next};
use crate::metrics::Metrics;

/// What runs on a batch.
pub(super) enum Engine {
    Model(Runner),
    /// Nothing: frames are decoded and counted.
    Verify,
    /// Fails as only a bug can.
    #[cfg(test)]
    Panic,
}

pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) batcher: Batcher<Decoded>,
    pub(super) ran: SyncSender<Ran>,
    pub(super) metrics: Metrics,
}

/// The last stage has ended.
struct Gone;

impl Stage {
    pub(super) fn run(mut self, mut incoming: Incoming) {
        while let Some(event) = incoming.wait() {
            if self.serve(event, &mut incoming).is_err() {
                return;
            }
        }
    }

    /// Takes `event` and what else is there, and runs the batch if it is to run.
    fn serve(&mut self, event: Event, incoming: &mut Incoming) -> Result<(), Gone> {
        let mut next = self.accept(event)?;
        while next == Next::Poll {
            next = match incoming.poll() {
                Some(event) => self.accept(event)?,
                None => Next::Run,
            };
        }
        match next {
            Next::Run => self.run_batch(),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, event: Event) -> Result<Next, Gone> {
        Ok(match event {
            // Nothing is added; what was gathered before still has to run.
            Event::Broken => self.batcher.next(),
            Event::Frame(frame) if frame.requester.leaves_a_frame() => self.batcher.next(),
            // Nobody else's batch waits for a file's frame, nor it for the batch's end.
            Event::Frame(frame) if frame.requester.is_aside() && self.batcher.is_open() => {
                self.run_alone(frame)?;
                self.batcher.next()
            }
            Event::Frame(frame) => {
                let bytes = frame.bytes();
                self.batcher.frame(frame, bytes)
            }
            Event::Mark(Mark::BatchStarted) => self.batcher.start(),
            Event::Mark(Mark::BatchEnded) => self.batcher.end(),
            Event::Mark(Mark::StreamLost) => {
                self.batcher.end();
                self.run_batch()?;
                self.pass(Ran::StreamLost)?;
                Next::Wait
            }
            Event::Mark(Mark::Flush(done)) => {
                self.batcher.end();
                self.run_batch()?;
                self.pass(Ran::Flush(done))?;
                Next::Wait
            }
        })
    }

    fn run_batch(&mut self) -> Result<(), Gone> {
        let frames = self.batcher.take();
        if frames.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.metrics.batch(frames.len());
        match self.engine.run(&frames) {
            Err(error) if frames.len() > 1 => {
                tracing::debug!(%error, frames = frames.len(), "batch failed; running its frames alone");
                frames
                    .into_iter()
                    .try_for_each(|frame| self.run_alone(frame))
            }
            outputs => self.pass(Ran::Batch(Batch {
                frames,
                outputs,
                started,
            })),
        }
    }

    /// A frame that the model cannot take fails alone.
    fn run_alone(&mut self, frame: Decoded) -> Result<(), Gone> {
        let started = Instant::now();
        let frames = vec![frame];
        self.metrics.batch(frames.len());
        let outputs = self.engine.run(&frames);
        self.pass(Ran::Batch(Batch {
            frames,
            outputs,
            started,
        }))
    }

    fn pass(&self, ran: Ran) -> Result<(), Gone> {
        self.ran.send(ran).map_err(|_| Gone)
    }
}

impl Engine {
    fn run(&mut self, frames: &[Decoded]) -> Result<Option<BatchOutputs>, String> {
        match self {
            Engine::Verify => Ok(None),
            Engine::Model(runner) => runner
                .run(frames.iter().map(|frame| &frame.input))
                .map(Some)
                .map_err(|error| error.to_string()),
            #[cfg(test)]
            Engine::Panic => panic!("asked for by a test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use tokio::sync::mpsc;

    use super::*;
    use crate::batcher::Bounds;
    use crate::session::Requester;

    #[test]
    fn a_frame_of_a_client_that_left_does_not_strand_those_gathered() {
        let bounds = Bounds {
            frames: 3,
            client_frames: 3,
            bytes: 1000,
        };
        let mut stage = Stage {
            engine: Engine::Verify,
            batcher: Batcher::new(bounds),
            ran: sync_channel(1).0,
            metrics: Metrics::default(),
        };
        let (replies, _outbox) = mpsc::channel(1);
        let here = Arc::new(Requester::new(replies, true));
        let gone = Arc::new(Requester::new(mpsc::channel(1).0, true));
        let mut accept = |requester| {
            let event = Event::Frame(Decoded::example(1, requester));
            stage.accept(event).ok().expect("nothing is passed on")
        };
        assert_eq!(accept(&gone), Next::Wait);
        assert_eq!(accept(&here), Next::Poll);
        assert_eq!(accept(&gone), Next::Poll);
        assert_eq!(stage.batcher.take().len(), 1);
    }

    #[test]
    fn a_files_frame_stays_out_of_a_clients_batch() {
        let bounds = Bounds {
            frames: 1,
            client_frames: 3,
            bytes: 1000,
        };
        let (ran, passed) = sync_channel(1);
        let mut stage = Stage {
            engine: Engine::Verify,
            batcher: Batcher::new(bounds),
            ran,
            metrics: Metrics::default(),
        };
        let (replies, _outbox) = mpsc::channel(1);
        let streams = Arc::new(Requester::new(replies.clone(), true));
        let file = Arc::new(Requester::new(replies, true).aside());
        stage.accept(Event::Mark(Mark::BatchStarted)).ok();
        let mut accept = |requester| {
            let event = Event::Frame(Decoded::example(1, requester));
            stage.accept(event).ok().expect("there is room")
        };
        assert_eq!(accept(&streams), Next::Wait);
        assert_eq!(accept(&file), Next::Wait);
        let Ok(Ran::Batch(batch)) = passed.try_recv() else {
            panic!("the file's frame waits for the batch");
        };
        assert!(batch.frames.len() == 1 && batch.frames[0].requester.is_aside());
        assert_eq!(stage.batcher.take().len(), 1);
    }
}
