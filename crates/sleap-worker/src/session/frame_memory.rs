//! The memory for frames of which parts have arrived: what a stream needs beyond a little is shared by all.
//!
//! Most frames fit into what each stream has. One of the largest frames can be received at a time; another stream's
//! frame of that size is lost, and has an error as its result.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that each stream has: a raw frame of 1080p.
pub(super) const OWN_BYTES: usize = 8 << 20;

/// Memory that streams share; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct FrameMemory(Arc<AtomicUsize>);

/// What one stream has of it, until it is dropped.
#[derive(Debug)]
pub(super) struct FrameShare {
    free: FrameMemory,
    taken: usize,
}

impl FrameMemory {
    /// For a frame of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// The share of a stream, which has nothing of it yet.
    pub(super) fn share(&self) -> FrameShare {
        FrameShare {
            free: self.clone(),
            taken: 0,
        }
    }
}

impl FrameShare {
    /// Makes room for so many bytes in all, or gives back what is more. False: there is no room.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(OWN_BYTES);
        let free = &self.free.0;
        if let Some(more) = wanted.checked_sub(self.taken) {
            let take = |free: usize| free.checked_sub(more);
            if free.fetch_update(Relaxed, Relaxed, take).is_err() {
                return false;
            }
        } else {
            free.fetch_add(self.taken - wanted, Relaxed);
        }
        self.taken = wanted;
        true
    }
}

impl Drop for FrameShare {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_of_all_fit_beside_one_large_frame() {
        let memory = FrameMemory::new(1000);
        let (mut first, mut second) = (memory.share(), memory.share());
        assert!(first.resize(OWN_BYTES) && second.resize(OWN_BYTES));
        assert!(first.resize(OWN_BYTES + 1000));
        assert!(!second.resize(OWN_BYTES + 1) && second.resize(OWN_BYTES));
        assert!(first.resize(OWN_BYTES + 400));
        assert!(second.resize(OWN_BYTES + 600));
        drop(first);
        assert!(second.resize(OWN_BYTES + 1000));
    }
}
