//! Which frames go into one call of the model. Pure: no clock, no channels.

/// Gathers frames into batches of at most `max`.
///
/// There is no timer. Alone frames leave as soon as the model is free, with whatever else has
/// queued up by then; frames between a client's BATCH_START and BATCH_END wait for the last of them.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    max: usize,
    max_client: usize,
    ready: Vec<T>,
    client_batch: bool,
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
    /// `max` bounds a batch gathered from single frames, `max_client` one that a client formed.
    pub(crate) fn new(max: usize, max_client: usize) -> Self {
        Self {
            max,
            max_client,
            ready: Vec::with_capacity(max),
            client_batch: false,
        }
    }

    /// Adds a frame and says what to do next.
    pub(crate) fn frame(&mut self, item: T) -> Next {
        self.ready.push(item);
        self.next()
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
        std::mem::take(&mut self.ready)
    }

    fn next(&self) -> Next {
        let max = if self.client_batch {
            self.max_client
        } else {
            self.max
        };
        match self.ready.len() {
            0 => Next::Wait,
            n if n >= max => Next::Run,
            _ if self.client_batch => Next::Wait,
            _ => Next::Poll,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_frames_gather_up_to_the_maximum() {
        let mut batcher = Batcher::new(3, 8);
        assert_eq!(batcher.frame(1), Next::Poll);
        assert_eq!(batcher.frame(2), Next::Poll);
        assert_eq!(batcher.frame(3), Next::Run);
        assert_eq!(batcher.take(), [1, 2, 3]);
        assert_eq!(batcher.frame(4), Next::Poll);
    }

    #[test]
    fn a_maximum_of_one_never_waits() {
        let mut batcher = Batcher::new(1, 8);
        assert_eq!(batcher.frame(1), Next::Run);
    }

    #[test]
    fn a_clients_batch_waits_for_its_end() {
        let mut batcher = Batcher::new(1, 8);
        assert_eq!(batcher.start(), Next::Wait);
        assert_eq!(batcher.frame(1), Next::Wait);
        assert_eq!(batcher.frame(2), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
        assert_eq!(batcher.take(), [1, 2]);
    }

    #[test]
    fn a_clients_batch_above_the_maximum_is_split() {
        let mut batcher = Batcher::new(1, 2);
        batcher.start();
        assert_eq!(batcher.frame(1), Next::Wait);
        assert_eq!(batcher.frame(2), Next::Run);
        assert_eq!(batcher.take(), [1, 2]);
        assert_eq!(batcher.frame(3), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
    }

    #[test]
    fn frames_before_a_clients_batch_run_without_it() {
        let mut batcher = Batcher::new(8, 8);
        batcher.frame(1);
        assert_eq!(batcher.start(), Next::Run);
        assert_eq!(batcher.take(), [1]);
        assert_eq!(batcher.frame(2), Next::Wait);
        assert_eq!(batcher.end(), Next::Run);
        assert_eq!(batcher.take(), [2]);
    }

    #[test]
    fn an_empty_batch_runs_nothing() {
        let mut batcher = Batcher::<u8>::new(2, 2);
        assert_eq!(batcher.start(), Next::Wait);
        assert_eq!(batcher.end(), Next::Wait);
    }
}
