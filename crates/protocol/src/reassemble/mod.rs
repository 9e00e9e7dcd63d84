//! From messages back to frames.

mod batch;
mod body;
mod drop;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::frame::Frame;
use crate::frame_meta::{FrameId, FrameMeta};
use crate::limits::Limits;
use crate::message::Message;
use batch::BatchTracker;
use body::FrameBody;

pub use batch::BatchEvent;
pub use drop::{DropReason, Dropped};

/// Puts frames together from the messages of one channel, in order of arrival.
///
/// A frame is delivered only if exactly its bytes came between its announcement and its end; every
/// frame that is not is reported, once. See the crate's documentation for the rules.
pub struct Reassembler {
    limits: Limits,
    state: State,
    batches: BatchTracker,
}

/// ```text
///            META                        END of it, all bytes: frame
///   Idle ───────────▶ Receiving ─────────────────────────────────────▶ Idle
///    │                    │  END of another, or too early: dropped ──▶ Idle
///    │ chunk              │ chunk too many
///    └──────▶ Discarding ◀┘            META in any state begins again
///                 └──── END ─────────────────────────────────────────▶ Idle
/// ```
enum State {
    Idle,
    Receiving {
        meta: FrameMeta,
        body: FrameBody,
    },
    /// The rest of a frame that is lost: its chunks are ignored.
    Discarding {
        frame_id: Option<FrameId>,
        /// Why it is lost, as long as that has not been reported.
        unreported: Option<DropReason>,
    },
}

/// What one message completed.
#[derive(Debug, Default, PartialEq)]
pub struct Pushed {
    /// A frame is complete.
    pub frame: Option<Frame>,
    /// A frame is lost.
    pub dropped: Option<Dropped>,
    /// Something happened to a batch.
    pub batch: Option<BatchEvent>,
    /// A message that does not belong to frames, for the caller.
    pub other: Option<Message>,
}

impl Reassembler {
    /// `limits` bound what is buffered; they should be those that the messages were decoded with.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
            batches: BatchTracker::default(),
        }
    }

    /// Takes the next message of the channel.
    pub fn push(&mut self, message: Message) -> Pushed {
        let mut pushed = Pushed::default();
        match message {
            Message::FrameMeta(meta) => pushed.dropped = self.begin(meta),
            Message::Chunk(chunk) => pushed.dropped = self.append(chunk),
            Message::FrameEnd(frame_id) => match self.end(frame_id) {
                Ok(frame) => {
                    pushed.batch = frame.is_some().then(|| self.batches.count()).flatten();
                    pushed.frame = frame;
                }
                Err(dropped) => pushed.dropped = Some(dropped),
            },
            Message::BatchStart(declared) => {
                pushed.batch = Some(self.batches.start(declared, self.limits.max_batch));
            }
            Message::BatchEnd(closed_as) => pushed.batch = Some(self.batches.end(closed_as)),
            other => pushed.other = Some(other),
        }
        pushed
    }

    /// Counts the next message of the channel, which could not be decoded.
    ///
    /// Where it was a part of a frame, the frame in progress is given up and what follows is
    /// ignored up to the next announcement or end. The frame of the message itself is
    /// [`DecodeError::frame_id`].
    pub fn push_error(&mut self, error: &DecodeError) -> Option<Dropped> {
        if !error.is_part_of_a_frame() {
            return None;
        }
        let dropped = self.give_up();
        // A refused end is over; after a refused announcement or chunk there is more to come.
        if !matches!(error, DecodeError::Field { .. }) {
            self.state = State::Discarding {
                frame_id: error.frame_id(),
                unreported: None,
            };
        }
        dropped
    }

    /// Forgets the frame in progress, which is returned as dropped, and the batch.
    pub fn reset(&mut self) -> Option<Dropped> {
        self.batches.reset();
        self.give_up()
    }

    /// Gives up the frame in progress, for whose further bytes the receiver has no memory. They are ignored.
    pub fn give_up_for_memory(&mut self) -> Option<Dropped> {
        let dropped = self.leave(|_, bytes| DropReason::OutOfMemory { bytes });
        self.state = State::Discarding {
            frame_id: dropped.as_ref().and_then(|dropped| dropped.frame_id),
            unreported: None,
        };
        dropped
    }

    /// Whether the next chunk belongs to a frame, be it one that is lost: between its announcement
    /// and its end no other bytes come.
    pub fn is_within_a_frame(&self) -> bool {
        match &self.state {
            State::Idle => false,
            State::Receiving { .. } => true,
            State::Discarding { unreported, .. } => {
                !matches!(unreported, Some(DropReason::OrphanChunks { .. }))
            }
        }
    }

    /// Bytes held for the frame in progress; at most [`Limits::max_frame_bytes`].
    pub fn buffered_bytes(&self) -> usize {
        match &self.state {
            State::Receiving { body, .. } => body.allocated(),
            State::Idle | State::Discarding { .. } => 0,
        }
    }

    fn give_up(&mut self) -> Option<Dropped> {
        self.leave(|received, expected| DropReason::Abandoned { received, expected })
    }

    /// Goes to `Idle` and returns what is lost by that; `reason` makes the reason for a frame in progress.
    fn leave(&mut self, reason: impl FnOnce(u64, u64) -> DropReason) -> Option<Dropped> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => None,
            State::Receiving { meta, body } => Some(Dropped {
                frame_id: Some(meta.frame_id),
                reason: reason(body.len() as u64, meta.nbytes),
            }),
            State::Discarding {
                frame_id,
                unreported,
            } => unreported.map(|reason| Dropped { frame_id, reason }),
        }
    }

    fn begin(&mut self, meta: FrameMeta) -> Option<Dropped> {
        let by = meta.frame_id;
        let lost = self.leave(|received, expected| DropReason::Superseded {
            by,
            received,
            expected,
        });
        let Err(error) = meta.check(&self.limits) else {
            self.state = State::Receiving {
                meta,
                body: FrameBody::Empty,
            };
            return lost;
        };
        // One report a message: where this one also ends the frame before, its own report waits.
        let refused = DropReason::Refused(error);
        let (report, unreported) = match lost {
            Some(lost) => (lost, Some(refused)),
            None => {
                let frame_id = Some(by);
                let reason = refused;
                (Dropped { frame_id, reason }, None)
            }
        };
        self.state = State::Discarding {
            frame_id: Some(by),
            unreported,
        };
        Some(report)
    }

    fn append(&mut self, chunk: Bytes) -> Option<Dropped> {
        let bytes = chunk.len() as u64;
        if bytes == 0 {
            return None;
        }
        match &mut self.state {
            State::Idle => {
                self.state = State::Discarding {
                    frame_id: None,
                    unreported: Some(DropReason::OrphanChunks { bytes }),
                };
                None
            }
            State::Discarding { unreported, .. } => {
                if let Some(DropReason::OrphanChunks { bytes: sum }) = unreported {
                    *sum = sum.saturating_add(bytes);
                }
                None
            }
            State::Receiving { meta, body } => {
                let reason = receive(meta, body, chunk, &self.limits).err()?;
                let frame_id = Some(meta.frame_id);
                self.state = State::Discarding {
                    frame_id,
                    unreported: None,
                };
                Some(Dropped { frame_id, reason })
            }
        }
    }

    fn end(&mut self, ended: FrameId) -> Result<Option<Frame>, Dropped> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => Err(Dropped {
                frame_id: Some(ended),
                reason: DropReason::OrphanEnd,
            }),
            State::Receiving { meta, body } => finish(meta, body, ended).map(Some),
            State::Discarding {
                unreported: None, ..
            } => Ok(None),
            State::Discarding {
                frame_id,
                unreported: Some(reason),
            } => Err(Dropped {
                // Chunks without an announcement belong to the frame that ends here.
                frame_id: frame_id.or(Some(ended)),
                reason,
            }),
        }
    }
}

fn receive(
    meta: &FrameMeta,
    body: &mut FrameBody,
    chunk: Bytes,
    limits: &Limits,
) -> Result<(), DropReason> {
    let received = body.len() as u64;
    let bytes = chunk.len() as u64;
    if chunk.len() > limits.max_chunk_bytes {
        return Err(DropReason::ChunkTooLarge {
            bytes,
            max: limits.max_chunk_bytes as u64,
        });
    }
    // Never more than announced is held, so the difference does not wrap.
    if bytes > meta.nbytes - received {
        return Err(DropReason::Overrun {
            received: received.saturating_add(bytes),
            expected: meta.nbytes,
        });
    }
    let out_of_memory = DropReason::OutOfMemory { bytes: meta.nbytes };
    let Ok(total) = usize::try_from(meta.nbytes) else {
        return Err(out_of_memory);
    };
    body.append(chunk, total).map_err(|_| out_of_memory)
}

fn finish(meta: FrameMeta, body: FrameBody, ended: FrameId) -> Result<Frame, Dropped> {
    let received = body.len() as u64;
    let expected = meta.nbytes;
    let reason = if ended != meta.frame_id {
        DropReason::EndMismatch {
            ended,
            received,
            expected,
        }
    } else if received != expected {
        DropReason::Incomplete { received, expected }
    } else {
        let data = body.into_bytes();
        return Ok(Frame { meta, data });
    };
    Err(Dropped {
        frame_id: Some(meta.frame_id),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame_meta::Encoding;

    /// A frame of two bytes.
    fn announced(frame_id: FrameId) -> Message {
        Message::FrameMeta(FrameMeta {
            frame_id,
            height: 1,
            width: 1,
            channels: 1,
            encoding: Encoding::Jpeg,
            nbytes: 2,
            captured_us: None,
            clock: None,
        })
    }

    #[test]
    fn a_frame_lasts_from_its_announcement_to_its_end_even_if_it_is_lost() {
        let chunk = |bytes: &'static [u8]| Message::Chunk(Bytes::from_static(bytes));
        let mut reassembler = Reassembler::new(Limits::default());
        let mut is_within_after = |message| {
            reassembler.push(message);
            reassembler.is_within_a_frame()
        };
        // Chunks without an announcement belong to no frame.
        assert!(!is_within_after(chunk(b"x")));
        assert!(!is_within_after(Message::FrameEnd(0)));
        assert!(is_within_after(announced(1)));
        assert!(is_within_after(chunk(b"xy")));
        assert!(!is_within_after(Message::FrameEnd(1)));
        // More bytes than announced: the frame is lost, and not over.
        assert!(is_within_after(announced(2)));
        assert!(is_within_after(chunk(b"xyz")));
        assert!(!is_within_after(Message::FrameEnd(2)));
    }

    #[test]
    fn a_frame_for_which_there_is_no_memory_is_lost_and_not_over() {
        let chunk = |bytes: &'static [u8]| Message::Chunk(Bytes::from_static(bytes));
        let mut reassembler = Reassembler::new(Limits::default());
        reassembler.push(announced(4));
        reassembler.push(chunk(b"x"));
        let dropped = reassembler.give_up_for_memory();
        let reason = DropReason::OutOfMemory { bytes: 2 };
        let frame_id = Some(4);
        assert_eq!(dropped, Some(Dropped { frame_id, reason }));
        assert_eq!(reassembler.push(chunk(b"y")), Pushed::default());
        assert_eq!(reassembler.push(Message::FrameEnd(4)), Pushed::default());
    }
}
