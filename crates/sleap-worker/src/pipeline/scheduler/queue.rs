//! The queue of one stream: frames in their order, and what happens between them.

use std::collections::VecDeque;

use super::turns::{Share, StreamClass};
use super::{BatchLimits, StreamId};

/// The frames of one stream.
#[derive(Debug)]
pub(super) struct StreamQueue<J, T, M, R> {
    id: StreamId,
    class: StreamClass,
    decoding: Share,
    calling: Share,
    /// With the room that each takes in the queue.
    entries: VecDeque<(Entry<T, M>, R)>,
    /// The number of the first entry.
    first: u64,
    /// Frames that no thread decodes yet, by their numbers.
    jobs: VecDeque<(u64, J)>,
    batch: ClientBatch<T>,
    is_closed: bool,
}

/// What a stream has, in its order.
#[derive(Debug)]
enum Entry<T, M> {
    /// A frame that is not decoded yet.
    Pending,
    /// A frame and its bytes.
    Frame(T, usize),
    /// A frame that cannot be decoded.
    Failed,
    BatchStarted,
    BatchEnded,
    Mark(M),
}

/// Frames of a batch that the client forms.
#[derive(Debug)]
struct ClientBatch<T> {
    is_open: bool,
    frames: Vec<T>,
    bytes: usize,
}

/// What a stream has for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing yet.
    Nothing,
    Frame,
    /// A batch of the client that is complete, or as large as batches get.
    Batch,
    Mark,
}

impl<J, T, M, R> StreamQueue<J, T, M, R> {
    pub(super) fn new(id: StreamId, class: StreamClass) -> Self {
        Self {
            id,
            class,
            decoding: Share::new(class),
            calling: Share::new(class),
            entries: VecDeque::new(),
            first: 0,
            jobs: VecDeque::new(),
            batch: ClientBatch {
                is_open: false,
                frames: Vec::new(),
                bytes: 0,
            },
            is_closed: false,
        }
    }

    pub(super) fn id(&self) -> StreamId {
        self.id
    }

    pub(super) fn class(&self) -> StreamClass {
        self.class
    }

    pub(super) fn is_live(&self) -> bool {
        self.class == StreamClass::Live
    }

    /// The stream's share of the decoding threads.
    pub(super) fn decoding(&mut self) -> &mut Share {
        &mut self.decoding
    }

    /// The stream's share of the model.
    pub(super) fn calling(&mut self) -> &mut Share {
        &mut self.calling
    }

    pub(super) fn push_frame(&mut self, job: J, room: R) {
        let number = self.first + self.entries.len() as u64;
        self.entries.push_back((Entry::Pending, room));
        self.jobs.push_back((number, job));
    }

    pub(super) fn start_batch(&mut self, room: R) {
        self.entries.push_back((Entry::BatchStarted, room));
    }

    pub(super) fn end_batch(&mut self, room: R) {
        self.entries.push_back((Entry::BatchEnded, room));
    }

    pub(super) fn push_mark(&mut self, mark: M, room: R) {
        self.entries.push_back((Entry::Mark(mark), room));
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether frames wait for a thread that decodes them.
    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// The next frame to decode, with its number.
    pub(super) fn take_job(&mut self) -> Option<(u64, J)> {
        self.jobs.pop_front()
    }

    /// A frame is decoded; `None`: it cannot be.
    pub(super) fn fill(&mut self, number: u64, frame: Option<(T, usize)>) {
        // A pending entry stays where it is: none of a lower number leaves before it is filled.
        let index = number.checked_sub(self.first);
        let index = index.and_then(|index| usize::try_from(index).ok());
        if let Some((entry, _)) = index.and_then(|index| self.entries.get_mut(index)) {
            *entry = match frame {
                Some((frame, bytes)) => Entry::Frame(frame, bytes),
                None => Entry::Failed,
            };
        }
    }

    /// Looks at what comes next. Frames of an open batch leave the queue for the batch, which may be longer.
    pub(super) fn settle(&mut self, limits: &BatchLimits) -> Head {
        loop {
            if self.batch.is_due(limits) {
                return Head::Batch;
            }
            match self.entries.front().map(|(entry, _)| entry) {
                None | Some(Entry::Pending) => return Head::Nothing,
                Some(Entry::Frame(..)) if !self.batch.is_open => return Head::Frame,
                Some(Entry::Frame(..)) => {
                    if let Some((frame, bytes)) = self.take_frame() {
                        self.batch.add(frame, bytes);
                    }
                }
                // A batch that is not complete runs before what follows it.
                Some(Entry::Mark(_)) if !self.batch.frames.is_empty() => self.batch.is_open = false,
                Some(Entry::Mark(_)) => {
                    self.batch.is_open = false;
                    return Head::Mark;
                }
                Some(Entry::BatchStarted) if !self.batch.frames.is_empty() => {
                    self.batch.is_open = false;
                }
                Some(Entry::BatchStarted) => {
                    self.batch.is_open = true;
                    self.pop();
                }
                Some(Entry::BatchEnded) => {
                    self.batch.is_open = false;
                    self.pop();
                }
                Some(Entry::Failed) => drop(self.pop()),
            }
        }
    }

    /// The frame at the head, with its bytes.
    pub(super) fn take_frame(&mut self) -> Option<(T, usize)> {
        match self.pop()? {
            Entry::Frame(frame, bytes) => Some((frame, bytes)),
            _ => None,
        }
    }

    /// The mark at the head.
    pub(super) fn take_mark(&mut self) -> Option<M> {
        match self.pop()? {
            Entry::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    /// The first frames of the client's batch.
    pub(super) fn take_batch(&mut self, most: usize) -> Vec<T> {
        self.batch.take(most)
    }

    /// Whether nothing is queued; an open batch may have frames.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the stream is over, with all that it had.
    pub(super) fn is_over(&self) -> bool {
        let runs_still = !self.batch.frames.is_empty() && !self.batch.is_open;
        self.is_closed && self.entries.is_empty() && !runs_still
    }

    /// The entry at the head, which leaves its room to others.
    fn pop(&mut self) -> Option<Entry<T, M>> {
        let (entry, _) = self.entries.pop_front()?;
        self.first += 1;
        Some(entry)
    }
}

impl<T> ClientBatch<T> {
    fn add(&mut self, frame: T, bytes: usize) {
        self.frames.push(frame);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether it runs without further frames.
    fn is_due(&self, limits: &BatchLimits) -> bool {
        let is_full = self.frames.len() >= limits.client_frames || self.bytes >= limits.bytes;
        !self.frames.is_empty() && (is_full || !self.is_open)
    }

    fn take(&mut self, most: usize) -> Vec<T> {
        let rest = self.frames.split_off(most.min(self.frames.len()));
        let taken = std::mem::replace(&mut self.frames, rest);
        // What is left of a batch was counted with it: it runs early rather than late.
        if self.frames.is_empty() {
            self.bytes = 0;
        }
        taken
    }
}
