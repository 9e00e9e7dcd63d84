//! Frames that a program hands in.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stop::StopSignal;
use super::{CaptureEnd, CaptureSummary, CapturedFrame, OnFrame};

/// Hands frames to a [`Capture`](super::Capture) that has no source of its own. Clones hand them to the same one.
///
/// Its callback runs on the thread that hands a frame in. Once the last clone is dropped there are no more.
#[derive(Debug, Clone)]
pub struct FramePusher(Arc<EndOnDrop>);

/// The capture takes no frame any more: it has ended, or was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the capture takes no frame any more")]
pub struct PushRefused;

#[derive(Debug)]
struct EndOnDrop(Arc<PushedFrames>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What a pusher and its capture share.
pub(super) struct PushedFrames {
    state: Mutex<State>,
    stop: Arc<StopSignal>,
}

#[derive(Default)]
struct State {
    on_frame: Option<OnFrame>,
    /// Handed in before the callback was there; the newest one waits for it.
    waiting: Option<CapturedFrame>,
    is_ended: bool,
    /// Frames delivered.
    frames: u64,
    /// Frames that gave way to newer ones before there was a callback.
    replaced: u64,
}

impl FramePusher {
    pub(super) fn new(frames: Arc<PushedFrames>) -> Self {
        Self(Arc::new(EndOnDrop(frames)))
    }

    /// Delivers a frame. Before the capture is started one frame waits: a newer one takes its place, and
    /// the older one is returned.
    ///
    /// # Errors
    /// The capture takes no frame any more.
    pub fn push(&self, frame: CapturedFrame) -> Result<Option<CapturedFrame>, PushRefused> {
        self.0.0.push(frame)
    }

    /// No frame follows: the capture ends when it has delivered those that are here.
    pub fn end(&self) {
        self.0.0.end();
    }
}

impl PushedFrames {
    pub(super) fn new(stop: Arc<StopSignal>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            stop,
        })
    }

    fn push(&self, frame: CapturedFrame) -> Result<Option<CapturedFrame>, PushRefused> {
        let mut state = self.lock();
        if state.is_ended || self.stop.is_set() {
            return Err(PushRefused);
        }
        if state.on_frame.is_none() {
            let replaced = state.waiting.replace(frame);
            state.replaced += u64::from(replaced.is_some());
            return Ok(replaced);
        }
        state.deliver(frame);
        Ok(None)
    }

    pub(super) fn start(&self, on_frame: OnFrame) {
        let mut state = self.lock();
        state.on_frame = Some(on_frame);
        if let Some(frame) = state.waiting.take() {
            state.deliver(frame);
        }
        if state.is_ended {
            state.on_frame = None;
        }
    }

    /// Drops the callback, once a call that is under way has returned.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        state.on_frame = None;
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().is_ended || self.stop.is_set()
    }

    pub(super) fn summary(&self) -> CaptureSummary {
        let (frames, stale) = {
            let state = self.lock();
            (state.frames, state.replaced)
        };
        let end = match self.stop.is_set() {
            true => CaptureEnd::Stopped,
            false => CaptureEnd::EndOfSource,
        };
        CaptureSummary {
            frames,
            read: frames,
            undecodable: 0,
            stale,
            lost: 0,
            end,
        }
    }

    // A callback that panics leaves the state as it was: behind a poisoned lock it is consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(&mut self, frame: CapturedFrame) {
        let Some(on_frame) = &mut self.on_frame else {
            return;
        };
        self.frames += 1;
        if on_frame(frame).is_break() {
            self.is_ended = true;
            self.on_frame = None;
        }
    }
}

impl fmt::Debug for PushedFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("PushedFrames")
            .field("frames", &state.frames)
            .field("is_ended", &state.is_ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::mpsc;
    use std::time::{Instant, SystemTime};

    use super::super::{Capture, CaptureClock, FrameContent, SourceInfo};
    use super::*;
    use crate::Image;

    fn info() -> SourceInfo {
        SourceInfo {
            name: "a program".to_owned(),
            width: 1,
            height: 1,
            channels: 1,
            significant_bits: None,
            fps: None,
            total_frames: None,
            frames_to_send: None,
            is_live: true,
        }
    }

    fn frame(frame_id: u64) -> CapturedFrame {
        let now = Instant::now();
        CapturedFrame {
            frame_id,
            captured_at: SystemTime::now(),
            captured: now,
            arrived: now,
            clock: CaptureClock::Arrival,
            content: FrameContent::Pixels(Image::new(1, 1, 1, vec![7]).unwrap()),
        }
    }

    fn ids(frames: &mpsc::Receiver<u64>) -> Vec<u64> {
        frames.try_iter().collect()
    }

    #[test]
    fn frames_come_in_order_and_the_first_waits_for_the_start() {
        let (capture, pusher) = Capture::pushed(info());
        assert!(pusher.push(frame(0)).unwrap().is_none());
        let replaced = pusher.push(frame(1)).unwrap();
        assert_eq!(replaced.map(|frame| frame.frame_id), Some(0));
        let (sender, frames) = mpsc::channel();
        let running = capture.start(move |frame| {
            sender.send(frame.frame_id).unwrap();
            ControlFlow::Continue(())
        });
        pusher.push(frame(2)).unwrap();
        pusher.end();
        assert_eq!(pusher.push(frame(3)).map(drop), Err(PushRefused));
        assert_eq!(ids(&frames), [1, 2]);
        // The callback is gone with the end.
        frames.recv().unwrap_err();
        let summary = running.join().unwrap();
        assert_eq!((summary.frames, summary.stale), (2, 1));
        assert_eq!(summary.end, CaptureEnd::EndOfSource);
    }

    #[test]
    fn an_end_before_the_start_leaves_the_frame_that_waits() {
        let (capture, pusher) = Capture::pushed(info());
        pusher.push(frame(5)).unwrap();
        drop(pusher);
        let (sender, frames) = mpsc::channel();
        let running = capture.start(move |frame| {
            sender.send(frame.frame_id).unwrap();
            ControlFlow::Continue(())
        });
        assert_eq!(frames.iter().collect::<Vec<_>>(), [5]);
        assert_eq!(running.join().unwrap().frames, 1);
    }

    #[test]
    fn a_capture_that_is_stopped_or_dropped_takes_no_more() {
        let (capture, pusher) = Capture::pushed(info());
        let running = capture.start(|_| ControlFlow::Continue(()));
        running.stop();
        assert_eq!(pusher.push(frame(0)).map(drop), Err(PushRefused));
        assert_eq!(running.join().unwrap().end, CaptureEnd::Stopped);
        let (capture, pusher) = Capture::pushed(info());
        drop(capture);
        assert_eq!(pusher.push(frame(0)).map(drop), Err(PushRefused));
        let (capture, pusher) = Capture::pushed(info());
        let running = capture.start(|_| ControlFlow::Break(()));
        pusher.push(frame(0)).unwrap();
        assert_eq!(pusher.push(frame(1)).map(drop), Err(PushRefused));
        drop(running);
    }
}
