//! Which frames go into one call of the model. Pure: no clock, no channels.

/// Gathers frames into batches.
///
/// There is no timer. Single frames leave as soon as the model is free, with all others that are
/// queued by then; frames between a client's BATCH_START and BATCH_END wait for the last of them.
#[derive(Debug)]
pub(super) struct Batcher<T> {
    limits: BatchLimits,
    ready: Vec<T>,
    bytes: usize,
    client_batch: bool,
}

/// A batch that reaches one of these runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    /// Frames gathered one by one.
    pub(super) frames: usize,
    /// Frames of a batch that a client formed.
    pub(super) client_frames: usize,
    /// Bytes of pixels.
    pub(super) bytes: usize,
}

/// What the batcher needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BatcherEvent {
    /// Nothing is gathered, or a client's batch is open: wait for more.
    Wait,
    /// Frames are gathered: take what is there without waiting, then run.
    Poll,
    /// The batch is full or closed: run it now.
    Run,
}

impl<T> Batcher<T> {
    pub(super) fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            ready: Vec::new(),
            bytes: 0,
            client_batch: false,
        }
    }

    /// Adds a frame of `bytes` bytes. Returns what to do next.
    pub(super) fn frame(&mut self, item: T, bytes: usize) -> BatcherEvent {
        self.ready.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        self.next()
    }

    /// Whether a client's batch is open.
    pub(super) fn is_open(&self) -> bool {
        self.client_batch
    }

    /// A client's batch begins. Frames gathered before it run first, without it.
    pub(super) fn start(&mut self) -> BatcherEvent {
        self.client_batch = true;
        if self.ready.is_empty() {
            BatcherEvent::Wait
        } else {
            BatcherEvent::Run
        }
    }

    /// A client's batch ends, or its client is gone: what is there runs.
    pub(super) fn end(&mut self) -> BatcherEvent {
        self.client_batch = false;
        if self.ready.is_empty() {
            BatcherEvent::Wait
        } else {
            BatcherEvent::Run
        }
    }

    /// The gathered frames, in order.
    pub(super) fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.ready)
    }

    /// What to do with what is there.
    pub(super) fn next(&self) -> BatcherEvent {
        let max = if self.client_batch {
            self.limits.client_frames
        } else {
            self.limits.frames
        };
        match self.ready.len() {
            0 => BatcherEvent::Wait,
            n if n >= max || self.bytes >= self.limits.bytes => BatcherEvent::Run,
            _ if self.client_batch => BatcherEvent::Wait,
            _ => BatcherEvent::Poll,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batcher with room for 100 bytes.
    fn batcher<T>(frames: usize, client_frames: usize) -> Batcher<T> {
        Batcher::new(BatchLimits {
            frames,
            client_frames,
            bytes: 100,
        })
    }

    #[test]
    fn single_frames_gather_up_to_the_maximum() {
        let mut batcher = batcher(3, 8);
        assert_eq!(batcher.frame(1, 10), BatcherEvent::Poll);
        assert_eq!(batcher.frame(2, 10), BatcherEvent::Poll);
        assert_eq!(batcher.frame(3, 10), BatcherEvent::Run);
        assert_eq!(batcher.take(), [1, 2, 3]);
        assert_eq!(batcher.frame(4, 10), BatcherEvent::Poll);
    }

    #[test]
    fn a_maximum_of_one_never_waits() {
        let mut batcher = batcher(1, 8);
        assert_eq!(batcher.frame(1, 10), BatcherEvent::Run);
    }

    #[test]
    fn a_clients_batch_waits_for_its_end() {
        let mut batcher = batcher(1, 8);
        assert_eq!(batcher.start(), BatcherEvent::Wait);
        assert_eq!(batcher.frame(1, 10), BatcherEvent::Wait);
        assert_eq!(batcher.frame(2, 10), BatcherEvent::Wait);
        assert_eq!(batcher.end(), BatcherEvent::Run);
        assert_eq!(batcher.take(), [1, 2]);
    }

    #[test]
    fn a_clients_batch_above_the_maximum_is_split() {
        let mut batcher = batcher(1, 2);
        batcher.start();
        assert_eq!(batcher.frame(1, 10), BatcherEvent::Wait);
        assert_eq!(batcher.frame(2, 10), BatcherEvent::Run);
        assert_eq!(batcher.take(), [1, 2]);
        assert_eq!(batcher.frame(3, 10), BatcherEvent::Wait);
        assert_eq!(batcher.end(), BatcherEvent::Run);
    }

    #[test]
    fn frames_before_a_clients_batch_run_without_it() {
        let mut batcher = batcher(8, 8);
        batcher.frame(1, 10);
        assert_eq!(batcher.start(), BatcherEvent::Run);
        assert_eq!(batcher.take(), [1]);
        assert_eq!(batcher.frame(2, 10), BatcherEvent::Wait);
        assert_eq!(batcher.end(), BatcherEvent::Run);
        assert_eq!(batcher.take(), [2]);
    }

    #[test]
    fn an_empty_batch_runs_nothing() {
        let mut batcher = batcher::<u8>(2, 2);
        assert_eq!(batcher.start(), BatcherEvent::Wait);
        assert_eq!(batcher.end(), BatcherEvent::Wait);
    }

    #[test]
    fn a_batch_of_many_bytes_runs_before_its_end() {
        let mut batcher = batcher(1, 64);
        batcher.start();
        assert_eq!(batcher.frame(1, 60), BatcherEvent::Wait);
        assert_eq!(batcher.frame(2, 60), BatcherEvent::Run);
        assert_eq!(batcher.take(), [1, 2]);
        assert_eq!(batcher.frame(3, 60), BatcherEvent::Wait);
        assert_eq!(batcher.end(), BatcherEvent::Run);
    }

    #[test]
    fn large_maxima_cost_nothing() {
        let mut batcher = batcher(usize::MAX, usize::MAX);
        assert_eq!(batcher.frame(1, 10), BatcherEvent::Poll);
    }
}
