//! What viewers are told of the worker beside pictures.

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Instant;

use protocol::{Message, Percentiles, StreamAck, StreamStatus, WorkerStatus};

use super::hub::lock;
use crate::streams::CurrentStream as Current;

/// Answers between two statuses whose times are kept; the others count.
const MAX_TIMES: usize = 4096;

pub(super) struct Board {
    /// What never changes.
    worker: WorkerStatus,
    clients: AtomicUsize,
    viewers: AtomicUsize,
    /// Width and height of the newest frame that was claimed, in the upper and lower 32 bits.
    size: AtomicU64,
    current: Current,
    recent: Mutex<Recent>,
}

/// The time since the last status.
struct Recent {
    since: Instant,
    /// Frames that were answered by then.
    frames: u64,
    total_us: Vec<u64>,
    inference_us: Vec<u64>,
}

impl Board {
    pub(super) fn new(ack: &StreamAck, current: Current) -> Self {
        Self {
            worker: WorkerStatus {
                worker_version: ack.worker_version.clone().unwrap_or_default(),
                model: ack.model.clone(),
                skeleton: ack.skeleton.clone(),
                ..WorkerStatus::default()
            },
            clients: AtomicUsize::new(0),
            viewers: AtomicUsize::new(0),
            size: AtomicU64::new(0),
            current,
            recent: Mutex::new(Recent::new(Instant::now())),
        }
    }

    pub(super) fn clients_are(&self, clients: usize) {
        self.clients.store(clients, Relaxed);
    }

    pub(super) fn viewers_are(&self, viewers: usize) {
        self.viewers.store(viewers, Relaxed);
    }

    pub(super) fn size_is(&self, width: u32, height: u32) {
        let size = u64::from(width) << 32 | u64::from(height);
        self.size.store(size, Relaxed);
    }

    /// Notes where an answer's time went, if anybody wants to know.
    pub(super) fn answered(&self, answer: &Message) {
        if self.viewers.load(Relaxed) == 0 {
            return;
        }
        let timing = match answer {
            Message::Prediction(prediction) => prediction.timing,
            Message::FrameReceived(received) => received.timing,
            _ => Default::default(),
        };
        let mut recent = lock(&self.recent);
        let keep = |times: &mut Vec<u64>, time: Option<u64>| {
            times.extend(time.filter(|_| times.len() < MAX_TIMES));
        };
        keep(&mut recent.total_us, timing.total_us);
        keep(&mut recent.inference_us, timing.inference_us);
    }

    /// The status with what happened since the last one.
    pub(super) fn status(&self, now: Instant) -> WorkerStatus {
        let recent = std::mem::replace(&mut *lock(&self.recent), Recent::new(now));
        let stream = self.stream(recent, now);
        lock(&self.recent).frames = stream.as_ref().map_or(0, |stream| stream.frames);
        let count = |number: &AtomicUsize| u32::try_from(number.load(Relaxed)).unwrap_or(u32::MAX);
        WorkerStatus {
            clients: count(&self.clients),
            viewers: count(&self.viewers),
            stream,
            ..self.worker.clone()
        }
    }

    fn stream(&self, mut recent: Recent, now: Instant) -> Option<StreamStatus> {
        let requester = self.current.stream()?;
        let origin = &requester.origin;
        let (frames, frames_dropped) = requester.counts.answers_and_failures();
        let size = self.size.load(Relaxed);
        let seconds = now.saturating_duration_since(recent.since).as_secs_f64();
        Some(StreamStatus {
            source_name: origin.source_name.clone(),
            is_webcam: origin.is_webcam,
            width: (size >> 32) as u32,
            height: size as u32,
            frames,
            frames_dropped,
            fps: if seconds > 0.0 {
                frames.saturating_sub(recent.frames) as f64 / seconds
            } else {
                0.0
            },
            total_us: Percentiles::of(&mut recent.total_us),
            inference_us: Percentiles::of(&mut recent.inference_us),
        })
    }
}

impl Recent {
    fn new(since: Instant) -> Self {
        Self {
            since,
            frames: 0,
            total_us: Vec::new(),
            inference_us: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use protocol::{Prediction, Timing};
    use tokio::sync::mpsc;

    use super::*;
    use crate::streams::{FrameOrigin as Origin, ResultRoute as Requester};

    fn prediction(inference_us: u64) -> Message {
        let timing = Timing {
            inference_us: Some(inference_us),
            total_us: Some(10 * inference_us),
            ..Timing::default()
        };
        Message::Prediction(Prediction {
            timing,
            ..Prediction::default()
        })
    }

    #[test]
    fn a_status_covers_the_time_since_the_last() {
        let current = Current::default();
        let board = Board::new(&StreamAck::default(), current.clone());
        assert_eq!(board.status(Instant::now()).stream, None);
        let origin = Origin {
            source_name: "mouse.mp4".into(),
            ..Origin::default()
        };
        let requester = Arc::new(Requester::new(mpsc::channel(8).0, true).of(origin));
        let serving = current.serves(&requester);
        board.size_is(512, 384);
        board.answered(&prediction(1));
        board.viewers_are(1);
        let begin = Instant::now();
        board.status(begin);
        (0..5).for_each(|_| requester.answer(prediction(0)));
        (1..=5).for_each(|inference_us| board.answered(&prediction(inference_us)));
        let stream = board.status(begin + Duration::from_secs(2)).stream.unwrap();
        assert_eq!((stream.width, stream.height), (512, 384));
        assert_eq!(stream.source_name, "mouse.mp4");
        assert!((stream.fps - 2.5).abs() < 1e-9, "{}", stream.fps);
        assert_eq!(stream.inference_us, Some(Percentiles { p50: 3, p95: 5 }));
        assert_eq!(stream.total_us, Some(Percentiles { p50: 30, p95: 50 }));
        let stream = board.status(begin + Duration::from_secs(3)).stream.unwrap();
        assert_eq!((stream.fps, stream.total_us), (0.0, None));
        drop(serving);
        assert_eq!(board.status(Instant::now()).stream, None);
    }
}
