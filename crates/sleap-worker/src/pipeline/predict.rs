//! The second thread: from pixels to answers.

use protocol::Message;
use tokio::sync::mpsc;

use super::Work;
use crate::batcher::{Batcher, Next};
use crate::engine::{Decoded, Engine};
use crate::saver::Saver;
use crate::show::Screen;

pub(super) struct Stage {
    engine: Engine,
    batcher: Batcher<Decoded>,
    saver: Option<Saver>,
    screen: Option<Screen>,
}

impl Stage {
    pub(super) fn new(
        engine: Engine,
        batcher: Batcher<Decoded>,
        saver: Option<Saver>,
        screen: Option<Screen>,
    ) -> Self {
        Self {
            engine,
            batcher,
            saver,
            screen,
        }
    }

    pub(super) fn run(mut self, mut frames: mpsc::Receiver<Work<Decoded>>) {
        while let Some(work) = frames.blocking_recv() {
            let mut next = self.accept(work);
            while next == Next::Poll {
                next = match frames.try_recv() {
                    Ok(work) => self.accept(work),
                    Err(_) => Next::Run,
                };
            }
            if next == Next::Run {
                self.run_batch();
            }
        }
    }

    fn accept(&mut self, work: Work<Decoded>) -> Next {
        match work {
            // Nothing is added; what was gathered before still has to run.
            Work::Frame(frame) if frame.requester.is_gone() => self.batcher.next(),
            Work::Frame(frame) => {
                let bytes = frame.pixels.bytes();
                self.batcher.frame(frame, bytes)
            }
            Work::BatchStarted => self.batcher.start(),
            Work::BatchEnded => self.batcher.end(),
            Work::StreamLost => {
                if let Some(saver) = &mut self.saver {
                    saver.restart();
                }
                self.batcher.end()
            }
            Work::Flush(done) => {
                self.batcher.end();
                self.run_batch();
                if let Some(saver) = &mut self.saver {
                    saver.flush();
                }
                // A session that no longer waits is gone; nobody else needs to know.
                let _ = done.send(());
                Next::Wait
            }
        }
    }

    fn run_batch(&mut self) {
        let batch = self.batcher.take();
        if batch.is_empty() {
            return;
        }
        let answers = self.engine.answer(&batch);
        for (decoded, answer) in batch.into_iter().zip(answers) {
            self.look(&decoded, &answer);
            decoded.requester.answer(answer);
        }
    }

    /// The worker's own eyes: window and saved samples.
    fn look(&mut self, decoded: &Decoded, answer: &Message) {
        if let Some(screen) = &mut self.screen {
            screen.show(decoded, answer);
        }
        if let Some(saver) = &mut self.saver {
            saver.frame(decoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::batcher::Bounds;
    use crate::engine::Times;
    use crate::pixels::Pixels;
    use crate::session::Requester;
    use vision::Image;

    fn frame(requester: &Arc<Requester>) -> Work<Decoded> {
        Work::Frame(Decoded {
            frame_id: 1,
            pixels: Pixels {
                image: Image::new(2, 1, 1, vec![1, 2]).unwrap(),
                wide: None,
            },
            requester: Arc::clone(requester),
            times: Times {
                receive: Duration::ZERO,
                received_at: Instant::now(),
                decode: Duration::ZERO,
            },
        })
    }

    #[test]
    fn a_frame_of_a_client_that_left_does_not_strand_those_gathered() {
        let bounds = Bounds {
            frames: 3,
            client_frames: 3,
            bytes: 1000,
        };
        let mut stage = Stage::new(Engine::Verify, Batcher::new(bounds), None, None);
        let (replies, _outbox) = mpsc::channel(1);
        let here = Arc::new(Requester::new(replies, true));
        let gone = Arc::new(Requester::new(mpsc::channel(1).0, true));
        assert_eq!(stage.accept(frame(&gone)), Next::Wait);
        assert_eq!(stage.accept(frame(&here)), Next::Poll);
        assert_eq!(stage.accept(frame(&gone)), Next::Poll);
        assert_eq!(stage.batcher.take().len(), 1);
    }
}
