//! Which frames go next: to the decoding threads, and into one call of the model. Pure: no clock, no channels.
//!
//! ```text
//! stream 1: job, job ─► decoded ─┐
//! stream 2: job      ─► decoded ─┼─► one call of the model
//! stream 3: job, job ─► decoded ─┘
//! ```
//!
//! Each stream has a queue, in which its frames keep their order. Live streams come before files; within a class the
//! stream with the fewest frames so far is next. There is no timer: a call takes what is decoded when the model is
//! free. A call has frames of one class only: a camera's frame does not wait for those of files in its own call.

mod queue;
#[cfg(test)]
mod sharing_tests;
#[cfg(test)]
mod tests;
mod turns;

use std::time::Instant;

use queue::{Head, StreamQueue};
pub(crate) use turns::StreamClass;
use turns::{Turn, Turns};

/// A call that reaches one of these runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    /// Frames gathered one by one.
    pub(super) frames: usize,
    /// Frames of a batch that a client formed.
    pub(super) client_frames: usize,
    /// Bytes of pixels.
    pub(super) bytes: usize,
}

/// A stream of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId(u64);

/// The place of a frame in the order of its stream, while it is decoded.
#[derive(Debug)]
pub(super) struct Place {
    stream: StreamId,
    number: u64,
}

/// What the engine does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<T, M> {
    /// These frames in one call of the model; there is at least one.
    Frames(Vec<T>),
    /// All frames of the stream before this were in earlier calls.
    Mark(M),
}

/// The queues of all streams. `J` is a frame that is not decoded, `T` one that is, `M` what happens between frames; `R` is the
/// room in its queue that each of these takes, which is dropped when it leaves.
#[derive(Debug)]
pub(super) struct Scheduler<J, T, M, R> {
    limits: BatchLimits,
    streams: Vec<StreamQueue<J, T, M, R>>,
    next_id: u64,
    /// Whose frame is decoded next.
    decoding: Turns,
    /// Whose frame the model takes next.
    calling: Turns,
}

impl<J, T, M, R> Scheduler<J, T, M, R> {
    /// Without streams.
    pub(super) fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            streams: Vec::new(),
            next_id: 0,
            decoding: Turns::default(),
            calling: Turns::default(),
        }
    }

    /// Adds a stream.
    pub(super) fn open(&mut self, class: StreamClass) -> StreamId {
        let id = StreamId(self.next_id);
        self.next_id += 1;
        self.streams.push(StreamQueue::new(id, class));
        id
    }

    /// Takes a stream out, once what it has is done. Nothing may be added to it any more.
    pub(super) fn close(&mut self, id: StreamId) {
        if let Some(queue) = self.queue(id) {
            queue.close();
        }
        self.remove_closed();
    }

    /// Adds a frame, which has to be decoded first.
    pub(super) fn push_frame(&mut self, id: StreamId, job: J, room: R) {
        if let Some(queue) = self.queue(id) {
            queue.push_frame(job, room);
        }
    }

    /// A batch that the client forms begins: its frames wait for each other.
    pub(super) fn start_batch(&mut self, id: StreamId, room: R) {
        if let Some(queue) = self.queue(id) {
            queue.start_batch(room);
        }
    }

    /// The client's batch ends.
    pub(super) fn end_batch(&mut self, id: StreamId, room: R) {
        if let Some(queue) = self.queue(id) {
            queue.end_batch(room);
        }
    }

    /// Adds what follows the frames that the stream has so far; an open batch ends with it.
    pub(super) fn push_mark(&mut self, id: StreamId, mark: M, room: R) {
        if let Some(queue) = self.queue(id) {
            queue.push_mark(mark, room);
        }
    }

    /// The frame to decode next. Its place is given back with [`decoded`](Self::decoded).
    pub(super) fn next_job(&mut self, now: Instant) -> Option<(Place, J)> {
        let waits = self.streams.iter().map(|queue| queue.has_jobs());
        let waits: Vec<bool> = waits.collect();
        let streams = self.streams.iter_mut().map(StreamQueue::decoding);
        let turn = self.decoding.next(streams, &waits, None, now)?;
        let queue = &mut self.streams[turn.index];
        let (number, job) = queue.take_job()?;
        self.decoding.served(queue.decoding(), 1, now);
        let stream = queue.id();
        Some((Place { stream, number }, job))
    }

    /// A frame is decoded and has so many bytes; `None`: it cannot be decoded.
    pub(super) fn decoded(&mut self, place: &Place, frame: Option<(T, usize)>) {
        if let Some(queue) = self.queue(place.stream) {
            queue.fill(place.number, frame);
        }
    }

    /// The next call, if there is anything for one.
    pub(super) fn next_call(&mut self, now: Instant) -> Option<Call<T, M>> {
        let limits = self.limits;
        let heads = self.streams.iter_mut().map(|queue| queue.settle(&limits));
        let mut heads: Vec<Head> = heads.collect();
        if let Some(index) = heads.iter().position(|head| *head == Head::Mark) {
            let mark = self.streams[index].take_mark();
            self.remove_closed();
            return mark.map(Call::Mark);
        }
        let mut frames: Vec<T> = Vec::new();
        let (mut bytes, mut class) = (0_usize, None);
        while frames.len() < limits.frames && bytes < limits.bytes {
            let is_ready = |head: &Head| matches!(head, Head::Frame | Head::Batch);
            let waits: Vec<bool> = heads.iter().map(is_ready).collect();
            let streams = self.streams.iter_mut().map(StreamQueue::calling);
            let Some(Turn { index, is_overdue }) = self.calling.next(streams, &waits, class, now)
            else {
                break;
            };
            if heads[index] == Head::Batch {
                // It runs alone; what was gathered before goes first.
                if frames.is_empty() {
                    frames = self.client_batch(index, now);
                }
                break;
            }
            let queue = &mut self.streams[index];
            class = Some(queue.class());
            if let Some((frame, size)) = queue.take_frame() {
                bytes = bytes.saturating_add(size);
                frames.push(frame);
                self.calling.served(queue.calling(), 1, now);
            }
            heads[index] = queue.settle(&limits);
            if is_overdue {
                break;
            }
        }
        self.remove_closed();
        (!frames.is_empty()).then_some(Call::Frames(frames))
    }

    /// The frames of a client's batch that run now.
    fn client_batch(&mut self, index: usize, now: Instant) -> Vec<T> {
        let has_live = self.streams.iter().any(StreamQueue::is_live);
        let queue = &mut self.streams[index];
        // A file's batch holds up no live stream for longer than others' frames do.
        let most = match has_live && !queue.is_live() {
            true => self.limits.frames,
            false => self.limits.client_frames,
        };
        let frames = queue.take_batch(most);
        self.calling.served(queue.calling(), frames.len(), now);
        frames
    }

    /// Whether every frame and mark that was added has been in a call; frames of an open batch may wait still.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.iter().all(StreamQueue::is_empty)
    }

    fn queue(&mut self, id: StreamId) -> Option<&mut StreamQueue<J, T, M, R>> {
        self.streams.iter_mut().find(|queue| queue.id() == id)
    }

    fn remove_closed(&mut self) {
        self.streams.retain(|queue| !queue.is_over());
    }
}
