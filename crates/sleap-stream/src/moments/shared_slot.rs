//! The newest frames of several live cameras, between the threads that capture and those that send.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::slot::{MomentSlot, SlotLimits, Taken};

/// A [`MomentSlot`] under a lock, with the system's clock.
#[derive(Debug)]
pub(crate) struct SharedSlot<T> {
    slot: Mutex<MomentSlot<T>>,
    changed: Condvar,
}

/// The slot, as one of the cameras uses it.
#[derive(Debug)]
pub(crate) struct CameraSlot<T> {
    shared: Arc<SharedSlot<T>>,
    camera: usize,
}

impl<T> Clone for CameraSlot<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            camera: self.camera,
        }
    }
}

impl<T> SharedSlot<T> {
    /// For so many cameras.
    pub(crate) fn new(cameras: usize, limits: SlotLimits) -> Arc<Self> {
        Arc::new(Self {
            slot: Mutex::new(MomentSlot::new(cameras, limits)),
            changed: Condvar::new(),
        })
    }

    /// As the camera of this index uses it.
    pub(crate) fn of(self: &Arc<Self>, camera: usize) -> CameraSlot<T> {
        CameraSlot {
            shared: Arc::clone(self),
            camera,
        }
    }

    /// Frames with which moments began while another camera could send none.
    pub(crate) fn alone(&self) -> u64 {
        self.lock().alone()
    }

    // No method panics between two changes: behind a poisoned lock the slot is consistent.
    fn lock(&self) -> MutexGuard<'_, MomentSlot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> CameraSlot<T> {
    /// Takes a frame that was captured at `at`, and returns the one that it replaces; an error with it once no more are taken.
    pub(crate) fn push(&self, at: Instant, frame: T) -> Result<Option<T>, T> {
        let mut slot = self.shared.lock();
        if slot.has_ended(self.camera) {
            return Err(frame);
        }
        let replaced = slot.captured(self.camera, at, frame, Instant::now());
        drop(slot);
        self.shared.changed.notify_all();
        Ok(replaced)
    }

    /// The frame that is to be sent next, waiting for it; `None` once there are no more.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut slot = self.shared.lock();
        slot.ready(self.camera, Instant::now());
        // Others may have waited for that.
        self.shared.changed.notify_all();
        loop {
            let now = Instant::now();
            let until = match slot.take(self.camera, now) {
                Taken::Frame(frame) => {
                    self.shared.changed.notify_all();
                    return Some(frame);
                }
                Taken::Wait(until) => until,
            };
            if slot.has_ended(self.camera) && !slot.has_frame(self.camera) {
                return None;
            }
            let changed = &self.shared.changed;
            slot = match until {
                Some(until) => {
                    let wait = until.saturating_duration_since(now);
                    let waited = changed.wait_timeout(slot, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(slot).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// No more frames are taken; one that is there still goes.
    pub(crate) fn close(&self) {
        self.shared.lock().ended(self.camera);
        self.shared.changed.notify_all();
    }

    /// No more frames are taken, and what is there is thrown away.
    pub(crate) fn cut(&self) {
        let mut slot = self.shared.lock();
        slot.ended(self.camera);
        let left = slot.clear(self.camera);
        drop(slot);
        self.shared.changed.notify_all();
        drop(left);
    }

    /// Frames of the camera that were left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.lock().dropped(self.camera)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slot() -> Arc<SharedSlot<u32>> {
        let limits = SlotLimits {
            tolerance: Duration::from_millis(10),
            patience: Duration::from_secs(3600),
        };
        SharedSlot::new(2, limits)
    }

    fn pop_aside(slot: &CameraSlot<u32>) -> std::thread::JoinHandle<Option<u32>> {
        let slot = slot.clone();
        std::thread::spawn(move || slot.pop())
    }

    #[test]
    fn a_camera_that_waits_is_let_go_by_the_others() {
        let shared = slot();
        let (one, other) = (shared.of(0), shared.of(1));
        let at = Instant::now();
        one.push(at, 1).unwrap();
        other.push(at, 2).unwrap();
        let first = pop_aside(&one);
        assert_eq!(other.pop(), Some(2));
        assert_eq!(first.join().unwrap(), Some(1));
        // The other one is busy: it ends, and is not waited for any more.
        one.push(at + Duration::from_secs(1), 3).unwrap();
        let next = pop_aside(&one);
        other.close();
        assert_eq!(next.join().unwrap(), Some(3));
        assert_eq!(shared.alone(), 0);
    }

    #[test]
    fn after_the_end_what_is_there_goes_and_nothing_comes() {
        let shared = slot();
        let (one, other) = (shared.of(0), shared.of(1));
        one.push(Instant::now(), 1).unwrap();
        one.close();
        assert_eq!(one.push(Instant::now(), 2), Err(2));
        assert_eq!((one.pop(), one.pop()), (Some(1), None));
        other.push(Instant::now(), 3).unwrap();
        let waits = pop_aside(&one);
        other.cut();
        assert_eq!((other.pop(), waits.join().unwrap()), (None, None));
    }
}
