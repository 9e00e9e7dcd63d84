//! The first thread: from bytes to pixels.

use std::time::Instant;

use protocol::Limits;
use tokio::sync::mpsc;
use vision::jpeg;

use super::{Job, Work};
use crate::engine::{Decoded, Times, failure};
use crate::pixels;

pub(super) fn run(
    mut jobs: mpsc::Receiver<Work<Job>>,
    decoded: mpsc::Sender<Work<Decoded>>,
    mut decoder: jpeg::Decoder,
    limits: &Limits,
) {
    while let Some(work) = jobs.blocking_recv() {
        let next = match work {
            Work::Frame(job) => match decode(job, &mut decoder, limits) {
                Some(frame) => Work::Frame(frame),
                None => continue,
            },
            Work::BatchStarted => Work::BatchStarted,
            Work::BatchEnded => Work::BatchEnded,
            Work::StreamLost => Work::StreamLost,
            Work::Flush(done) => Work::Flush(done),
        };
        if decoded.blocking_send(next).is_err() {
            return;
        }
    }
}

/// The job's pixels; a broken frame is answered with an ERROR of its own and goes no further.
fn decode(job: Job, decoder: &mut jpeg::Decoder, limits: &Limits) -> Option<Decoded> {
    let Job {
        frame,
        receive,
        received_at,
        requester,
    } = job;
    if requester.is_gone() {
        return None;
    }
    let started = Instant::now();
    match pixels::decode(&frame, decoder, limits) {
        Ok(pixels) => Some(Decoded {
            frame_id: frame.meta.frame_id,
            pixels,
            requester,
            times: Times {
                receive,
                received_at,
                decode: started.elapsed(),
            },
        }),
        Err(reason) => {
            tracing::debug!(frame_id = frame.meta.frame_id, %reason, "frame cannot be decoded");
            requester.answer(failure(frame.meta.frame_id, reason));
            None
        }
    }
}
