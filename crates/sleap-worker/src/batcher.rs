//! Which frames go into one call of the model. Pure: no clock, no channels.

/// Gathers frames into batches.
///
/// There is no timer. Alone frames leave as soon as the model is free, with whatever else has
/// queued up by then; frames between a client's BATCH_START and BATCH_END wait for the last of them.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    bounds: Bounds,
    ready: Vec<T>,
    bytes: usize,
    client_batch: bool,
}

/// A batch that reaches one of these runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Frames gathered one by one.
    pub(crate) frames: usize,
    /// Frames of a batch that a client formed.
    pub(crate) client_frames: usize,
    /// Bytes of pixels.
    pub(crate) bytes: usize,
}

/// What the batcher needs next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing is gathered, or a client's batch is open: wait for more.
    Wait,
    /// Frames are gathered: take what is there without waiting, then run.
    Poll,
    /// The batch is full or closed: run it now.
    Run,
}

impl<T> Batcher<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ready: Vec::new(),
            bytes: 0,
            client_batch: false,
        }
    }

    /// Adds a frame of `bytes` bytes and says what to do next.
    pub(crate) fn frame(&mut self, item: T, bytes: usize) -> Next {
        self.ready.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        self.next()
    }

    /// Whether a client's batch is open.
    pub(crate) fn is_open(&self) -> bool {
        self.client_batch
    }

    /// A client's batch begins. Frames gathered before it run first, without it.
    pub(crate) fn start(&mut self) -> Next {
        self.client_batch = true;
        if self.ready.is_empty() {
            Next::Wait
        } else {
            Next::Run
        }
    }

    /// A client's batch ends, or its client is gone: what is there runs.
    pub(crate) fn end(&mut self) -> Next {
        self.client_batch = false;
        if self.ready.is_empty() {
            Next::Wait
        } else {
            Next::Run
        }
    }

    /// The gathered frames, in order.
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.ready)
    }

    /// What to do with what is there.
    pub(crate) fn next(&self) -> Next {
        let max = if self.client_batch {
            self.bounds.client_frames
        } else {
            self.bounds.frames
        };
        match self.ready.len() {
            0 => Next::Wait,
            n if n >= max || self.bytes >= self.bounds.bytes => Next::Run,
            _ if self.client_batch => Next::Wait,
            _ => Next::Poll,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batcher with room for 100 bytes.
    fn batcher<T>(frames: usize, client_frames: usize) -> Batcher<T> {
        Batcher::new(Bounds {
            frames,
            client_frames,
            bytes: 100,
        })
    }

    #[test]
    fn single_frames_gather_up_to_the_maximum() {
        let mut batcher = batcher(3, 8);
        assert_eq!(batcher.frame(1, 10), Next::Poll);
        assert_eq!(batcher.frame(2, 10), Next::Poll);
        assert_eq!(batcher.frame(3, 10), Next::Run);
        assert_eq!(batcher.take(), [1, 2, 3]);
        assert_eq!(batcher.frame(4, 10), Next::Poll);
    }

    #[test]
    fn a_maximum_of_one_never_waits() {
        let mut batcher = batcher(1, 8);
        assert_eq!(batcher.frame(1, 10), Next::Run);
    }

    #[test]
    fn a_clients_batch_waits_for_its_end() {
        let mut batcher = batcher(1, 8);
        assert_eq!(batcher.start(), Next::Wait);
        assert_eq!(batcher.frame(1, 10), Next::Wait);
        assert_eq!(batcher.frame(2, 10), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
        assert_eq!(batcher.take(), [1, 2]);
    }

    #[test]
    fn a_clients_batch_above_the_maximum_is_split() {
        let mut batcher = batcher(1, 2);
        batcher.start();
        assert_eq!(batcher.frame(1, 10), Next::Wait);
        assert_eq!(batcher.frame(2, 10), Next::Run);
        assert_eq!(batcher.take(), [1, 2]);
        assert_eq!(batcher.frame(3, 10), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
    }

    #[test]
    fn frames_before_a_clients_batch_run_without_it() {
        let mut batcher = batcher(8, 8);
        batcher.frame(1, 10);
        assert_eq!(batcher.start(), Next::Run);
        assert_eq!(batcher.take(), [1]);
        assert_eq!(batcher.frame(2, 10), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
        assert_eq!(batcher.take(), [2]);
    }

    #[test]
    fn an_empty_batch_runs_nothing() {
        let mut batcher = batcher::<u8>(2, 2);
        assert_eq!(batcher.start(), Next::Wait);
        assert_eq!(batcher.end(), Next::Wait);
    }

    #[test]
    fn a_batch_of_many_bytes_runs_before_its_end() {
        let mut batcher = batcher(1, 64);
        batcher.start();
        assert_eq!(batcher.frame(1, 60), Next::Wait);
        assert_eq!(batcher.frame(2, 60), Next::Run);
        assert_eq!(batcher.take(), [1, 2]);
        assert_eq!(batcher.frame(3, 60), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
    }

    #[test]
    fn large_maxima_cost_nothing() {
        let mut batcher = batcher(usize::MAX, usize::MAX);
        assert_eq!(batcher.frame(1, 10), Next::Poll);
    }
}
