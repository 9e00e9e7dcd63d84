//! The queue between the source and the encoder, and its two policies.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What happens when frames come faster than they leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverflowPolicy {
    /// Live: room for one, and the newest frame takes it. The age of a frame never builds up.
    Newest,
    /// File: the source waits; every frame passes once and in order.
    All { capacity: usize },
}

/// Items that wait, under a policy. Pure.
#[derive(Debug)]
pub(crate) struct FrameBuffer<T> {
    policy: OverflowPolicy,
    items: VecDeque<T>,
    dropped: u64,
}

impl<T> FrameBuffer<T> {
    pub(crate) fn new(policy: OverflowPolicy) -> Self {
        Self {
            policy,
            items: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Whether an item can be put in; if not, its source has to wait.
    pub(crate) fn has_room(&self) -> bool {
        match self.policy {
            OverflowPolicy::Newest => true,
            OverflowPolicy::All { capacity } => self.items.len() < capacity,
        }
    }

    /// Puts an item in. Where only the newest counts it takes the place of the oldest, which is returned.
    pub(crate) fn push(&mut self, item: T) -> Option<T> {
        let replaced = match self.policy {
            OverflowPolicy::Newest => self.items.pop_front(),
            OverflowPolicy::All { .. } => None,
        };
        self.dropped += u64::from(replaced.is_some());
        self.items.push_back(item);
        replaced
    }

    /// Takes the oldest item.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Items that newer ones replaced before they were taken.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// A [`FrameBuffer`] between two threads.
#[derive(Debug)]
pub(crate) struct FrameQueue<T> {
    shared: Mutex<Shared<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Shared<T> {
    buffer: FrameBuffer<T>,
    closed: bool,
}

/// The queue was closed: nothing goes in any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueClosed;

impl<T> FrameQueue<T> {
    pub(crate) fn new(policy: OverflowPolicy) -> Arc<Self> {
        Arc::new(Self {
            shared: Mutex::new(Shared {
                buffer: FrameBuffer::new(policy),
                closed: false,
            }),
            changed: Condvar::new(),
        })
    }

    /// Puts an item in: waits for room, or replaces the oldest, which is returned, as the policy is.
    pub(crate) fn push(&self, item: T) -> Result<Option<T>, QueueClosed> {
        let mut shared = self.lock();
        while !shared.closed && !shared.buffer.has_room() {
            shared = self.wait(shared);
        }
        if shared.closed {
            return Err(QueueClosed);
        }
        let replaced = shared.buffer.push(item);
        self.changed.notify_all();
        Ok(replaced)
    }

    /// Takes the oldest item, waiting for one; `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut shared = self.lock();
        loop {
            if let Some(item) = shared.buffer.pop() {
                self.changed.notify_all();
                return Some(item);
            }
            if shared.closed {
                return None;
            }
            shared = self.wait(shared);
        }
    }

    /// No more items go in; what is there can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// No more items go in, and what is there is thrown away.
    pub(crate) fn cut(&self) {
        let mut shared = self.lock();
        shared.closed = true;
        while shared.buffer.pop().is_some() {}
        self.changed.notify_all();
    }

    /// Items that the newest-frame policy replaced before they were taken.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().buffer.dropped()
    }

    // No method panics between two changes: behind a poisoned lock the queue is consistent.
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, shared: MutexGuard<'a, Shared<T>>) -> MutexGuard<'a, Shared<T>> {
        self.changed
            .wait(shared)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_replaces_and_counts() {
        let queue = FrameQueue::new(OverflowPolicy::Newest);
        for item in 0..5 {
            queue.push(item).unwrap();
        }
        queue.close();
        assert_eq!(queue.pop(), Some(4));
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.dropped(), 4);
        assert_eq!(queue.push(9), Err(QueueClosed));
        assert_eq!(queue.dropped(), 4);
    }

    #[test]
    fn all_keeps_every_item_in_order() {
        let queue = FrameQueue::new(OverflowPolicy::All { capacity: 2 });
        let writer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                for item in 0..1000 {
                    queue.push(item).unwrap();
                }
                queue.close();
            }
        });
        let taken: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        writer.join().unwrap();
        assert_eq!(taken, (0..1000).collect::<Vec<_>>());
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn cutting_releases_a_writer_that_waits() {
        let queue = FrameQueue::new(OverflowPolicy::All { capacity: 1 });
        queue.push(0).unwrap();
        let writer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(1)
        });
        queue.cut();
        assert_eq!(writer.join().unwrap(), Err(QueueClosed));
        assert_eq!(queue.pop(), None);
    }
}
