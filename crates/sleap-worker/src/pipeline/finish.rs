//! The last stage: from the model's outputs to results, for the sinks and the clients.

use std::sync::{Arc, Mutex, PoisonError};

use pose::{Finisher, PredictError};
use protocol::{Message, StreamAck};
use tokio::sync::oneshot;

use super::buffer_pool::BufferPool;
use super::engine_output::{EngineOutput, InferredBatch, StreamMark};
use super::engine_outputs::FinishInput;
use super::frames::DecodedFrame;
use super::sink::{FlushWait, FrameSinks, StreamHeader};
use crate::replies::result;
use crate::streams::ResultRoute;

/// What the stage's thread works with.
pub(super) struct FinishStage {
    /// `None` without a model.
    pub(super) finisher: Option<Finisher>,
    pub(super) sinks: FrameSinks,
    /// What the worker is: sinks receive it at the start of a stream.
    pub(super) worker: StreamAck,
    pub(super) buffers: BufferPool,
    /// The streams that have begun at the sinks.
    pub(super) streams: Vec<Arc<ResultRoute>>,
}

/// What a session waits for at the end of its stream.
type Flush = (Vec<FlushWait>, oneshot::Sender<()>);

/// Completes a flush after its waits, on a thread of its own: other streams go on.
fn flush(waits: Vec<FlushWait>, done: oneshot::Sender<()>) {
    if waits.is_empty() {
        return complete((waits, done));
    }
    // Where there is no thread it is done here.
    let flush = Arc::new(Mutex::new(Some((waits, done))));
    let kept = Arc::clone(&flush);
    let take = |flush: &Mutex<Option<Flush>>| {
        let mut flush = flush.lock().unwrap_or_else(PoisonError::into_inner);
        flush.take()
    };
    let thread = std::thread::Builder::new().name("flush".into());
    let started = thread.spawn(move || take(&kept).into_iter().for_each(complete));
    if started.is_err() {
        take(&flush).into_iter().for_each(complete);
    }
}

fn complete((waits, done): Flush) {
    for wait in waits {
        wait();
    }
    // A session that no longer waits has ended.
    let _ = done.send(());
}

impl FinishStage {
    /// Finishes batches until no more can come.
    pub(super) fn run(mut self, outputs: &FinishInput) {
        while let Some(output) = outputs.next() {
            match output {
                EngineOutput::Batches(batches) => {
                    batches.into_iter().for_each(|batch| self.finish(batch));
                }
                EngineOutput::Mark(StreamMark::StreamStarted(stream)) => {
                    self.stream_started(stream);
                }
                EngineOutput::Mark(StreamMark::StreamEnded(stream, done)) => {
                    self.stream_ended(&stream);
                    // A session that no longer waits has ended.
                    let _ = done.send(());
                }
                EngineOutput::Mark(StreamMark::Flush(_, done)) => {
                    self.end_cut_off_streams();
                    flush(self.sinks.flush(), done);
                }
            }
        }
        for stream in std::mem::take(&mut self.streams) {
            self.sinks.stream_ended(&stream);
        }
        self.sinks.close();
    }

    fn stream_started(&mut self, stream: Arc<ResultRoute>) {
        self.end_cut_off_streams();
        self.sinks.stream_started(&StreamHeader {
            stream: &stream,
            model: self.worker.model.as_ref(),
            skeleton: self.worker.skeleton.as_ref(),
        });
        self.streams.push(stream);
    }

    /// Ends streams whose sessions were cut off before they could do so.
    fn end_cut_off_streams(&mut self) {
        for stream in self.streams.extract_if(.., |stream| stream.has_left()) {
            self.sinks.stream_ended(&stream);
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let before = self.streams.len();
        self.streams.retain(|known| !Arc::ptr_eq(known, stream));
        if self.streams.len() < before {
            self.sinks.stream_ended(stream);
        }
    }

    fn finish(&mut self, mut batch: InferredBatch) {
        let mut results = self.results(&batch);
        for (frame, result) in batch.frames.iter_mut().zip(&mut results) {
            let seen = frame.seen.take();
            frame.route.track(frame.size, seen, result);
        }
        // Before anything else: all that follows may wait, for a disk or a slow client.
        for (frame, result) in batch.frames.iter().zip(&results) {
            if !frame.route.is_aside() {
                self.sinks.result(true, frame, result);
            }
        }
        for (mut frame, result) in batch.frames.into_iter().zip(results) {
            if !frame.route.is_aside() {
                for selected in frame.selected.drain(..) {
                    selected.result(&result);
                }
                self.sinks.result(false, &frame, &result);
            }
            frame.route.answer(frame.reply, result);
            self.buffers.give(frame.input);
        }
    }

    /// One for each frame, in the batch's order.
    fn results(&mut self, batch: &InferredBatch) -> Vec<Message> {
        let InferredBatch {
            frames,
            outputs,
            started,
        } = batch;
        let failed = |error: &PredictError| {
            let failure = |frame: &DecodedFrame| result::failure(frame.frame_id, error.to_string());
            frames.iter().map(failure).collect()
        };
        let (outputs, finisher) = match (outputs, &mut self.finisher) {
            (Err(error), _) => return failed(error),
            (Ok(Some(outputs)), Some(finisher)) => (outputs, finisher),
            (Ok(_), _) => {
                let received =
                    |frame: &DecodedFrame| result::received(frame.frame_id, &frame.times, *started);
                return frames.iter().map(received).collect();
            }
        };
        match finisher.finish(frames.iter().map(|frame| &frame.input), outputs) {
            Err(error) => failed(&error),
            Ok(predictions) => frames
                .iter()
                .zip(predictions)
                .map(|(frame, prediction)| match prediction {
                    Ok(prediction) => {
                        result::prediction(frame.frame_id, &frame.times, *started, prediction)
                    }
                    Err(error) => result::failure(frame.frame_id, error.to_string()),
                })
                .collect(),
        }
    }
}
