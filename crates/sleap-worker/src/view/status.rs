//! The figures of the worker and its stream, for the STATUS message of viewers.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::{Message, Percentiles, StreamAck, StreamStatus, WorkerStatus};

use crate::streams::CurrentStream;

/// Results between two statuses whose times are kept; further ones are only counted.
const MAX_TIMES: usize = 4096;

/// Collects what a STATUS message has.
pub(super) struct ViewStatus {
    /// The parts that do not change.
    worker: WorkerStatus,
    clients: AtomicUsize,
    viewers: AtomicUsize,
    /// Width and height of the newest frame that was claimed, in the upper and lower 32 bits.
    size: AtomicU64,
    current: CurrentStream,
    window: Mutex<StatusWindow>,
}

/// What was measured since the last status.
struct StatusWindow {
    since: Instant,
    /// Results before that.
    frames: u64,
    total_us: Vec<u64>,
    inference_us: Vec<u64>,
}

impl ViewStatus {
    pub(super) fn new(ack: &StreamAck, current: CurrentStream) -> Self {
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
            window: Mutex::new(StatusWindow::new(Instant::now())),
        }
    }

    pub(super) fn set_clients(&self, clients: usize) {
        self.clients.store(clients, Relaxed);
    }

    pub(super) fn set_viewers(&self, viewers: usize) {
        self.viewers.store(viewers, Relaxed);
    }

    pub(super) fn set_size(&self, width: u32, height: u32) {
        let size = u64::from(width) << 32 | u64::from(height);
        self.size.store(size, Relaxed);
    }

    /// Adds the times of a result, while there are viewers.
    pub(super) fn add_result(&self, result: &Message) {
        if self.viewers.load(Relaxed) == 0 {
            return;
        }
        let timing = match result {
            Message::Prediction(prediction) => prediction.timing,
            Message::FrameReceived(received) => received.timing,
            _ => Default::default(),
        };
        let mut window = self.window();
        let keep = |times: &mut Vec<u64>, time: Option<u64>| {
            times.extend(time.filter(|_| times.len() < MAX_TIMES));
        };
        keep(&mut window.total_us, timing.total_us);
        keep(&mut window.inference_us, timing.inference_us);
    }

    /// The status, with the figures of the time since the last one.
    pub(super) fn status(&self, now: Instant) -> WorkerStatus {
        let window = std::mem::replace(&mut *self.window(), StatusWindow::new(now));
        let stream = self.stream(window, now);
        self.window().frames = stream.as_ref().map_or(0, |stream| stream.frames);
        let count = |number: &AtomicUsize| u32::try_from(number.load(Relaxed)).unwrap_or(u32::MAX);
        WorkerStatus {
            clients: count(&self.clients),
            viewers: count(&self.viewers),
            stream,
            ..self.worker.clone()
        }
    }

    // Each change under the lock is complete, so the state behind a poisoned lock is valid.
    fn window(&self) -> MutexGuard<'_, StatusWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self, mut window: StatusWindow, now: Instant) -> Option<StreamStatus> {
        let requester = self.current.stream()?;
        let origin = &requester.origin;
        let (frames, frames_dropped) = requester.counts.answers_and_failures();
        let size = self.size.load(Relaxed);
        let seconds = now.saturating_duration_since(window.since).as_secs_f64();
        Some(StreamStatus {
            source_name: origin.source_name.clone(),
            is_webcam: origin.is_webcam,
            width: (size >> 32) as u32,
            height: size as u32,
            frames,
            frames_dropped,
            fps: if seconds > 0.0 {
                frames.saturating_sub(window.frames) as f64 / seconds
            } else {
                0.0
            },
            total_us: Percentiles::of(&mut window.total_us),
            inference_us: Percentiles::of(&mut window.inference_us),
        })
    }
}

impl StatusWindow {
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
    use crate::streams::{FrameOrigin, ResultRoute};

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
        let current = CurrentStream::default();
        let status = ViewStatus::new(&StreamAck::default(), current.clone());
        assert_eq!(status.status(Instant::now()).stream, None);
        let origin = FrameOrigin {
            source_name: "mouse.mp4".into(),
            ..FrameOrigin::default()
        };
        let requester = Arc::new(ResultRoute::new(mpsc::channel(8).0, true).of(origin));
        let serving = current.serves(&requester);
        status.set_size(512, 384);
        status.add_result(&prediction(1));
        status.set_viewers(1);
        let begin = Instant::now();
        status.status(begin);
        (0..5).for_each(|_| requester.answer(prediction(0)));
        (1..=5).for_each(|inference_us| status.add_result(&prediction(inference_us)));
        let stream = status
            .status(begin + Duration::from_secs(2))
            .stream
            .unwrap();
        assert_eq!((stream.width, stream.height), (512, 384));
        assert_eq!(stream.source_name, "mouse.mp4");
        assert!((stream.fps - 2.5).abs() < 1e-9, "{}", stream.fps);
        assert_eq!(stream.inference_us, Some(Percentiles { p50: 3, p95: 5 }));
        assert_eq!(stream.total_us, Some(Percentiles { p50: 30, p95: 50 }));
        let stream = status
            .status(begin + Duration::from_secs(3))
            .stream
            .unwrap();
        assert_eq!((stream.fps, stream.total_us), (0.0, None));
        drop(serving);
        assert_eq!(status.status(Instant::now()).stream, None);
    }
}
