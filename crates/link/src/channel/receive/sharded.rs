//! Messages that come in shards, between those of the channel.

use std::collections::VecDeque;
use std::time::Instant;

use protocol::coded::Carried;
use protocol::{DecodeError, Message};
use tokio::sync::oneshot;

use crate::channel::shards::UnitSource;

/// Turns units into the messages that they stand for, and holds up what the channel sends behind them.
pub(super) struct ShardedMessages {
    units: UnitSource,
    max_chunk_bytes: usize,
    /// Messages of the unit that is given out.
    messages: VecDeque<Message>,
    /// When its first bytes arrived, where it is a frame.
    began: Option<Instant>,
    /// A frame of the channel is being given out, so that no other may come between its messages.
    is_within_a_frame: bool,
    /// The channel is not read before this: what it has next comes after units that are still under way.
    wait: Option<oneshot::Receiver<()>>,
}

impl ShardedMessages {
    pub(super) fn new(units: UnitSource, max_chunk_bytes: usize) -> Self {
        Self {
            units,
            max_chunk_bytes,
            messages: VecDeque::new(),
            began: None,
            is_within_a_frame: false,
            wait: None,
        }
    }

    /// The next message of a unit that has arrived.
    pub(super) fn pop(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// When the first bytes of the frame arrived that is given out.
    pub(super) fn frame_began(&self) -> Option<Instant> {
        self.began
    }

    /// Whether the channel is not to be read for now.
    pub(super) fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// A message of the channel is given out.
    pub(super) fn follow(&mut self, message: &Result<Message, DecodeError>) {
        match message {
            Ok(Message::FrameMeta(_)) => {
                self.began = None;
                self.is_within_a_frame = true;
            }
            // What cannot be read may have been a frame's end.
            Ok(Message::FrameEnd(_)) | Err(_) => self.is_within_a_frame = false,
            Ok(_) => {}
        }
    }

    /// Gives out all units before this one before anything else of the channel.
    pub(super) fn wait_for(&mut self, units: u32) {
        self.wait = Some(self.units.closed_before(units));
    }

    /// Waits until there is a message, or the channel may be read again. Cancelling loses nothing.
    pub(super) async fn arrive(&mut self) {
        // The channel has the rest of its frame, which a wait must not hold up.
        if self.is_within_a_frame {
            self.wait = None;
            return std::future::pending().await;
        }
        let wait = async {
            match &mut self.wait {
                // An error means that no unit will come.
                Some(wait) => {
                    let _ = wait.await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            unit = self.units.next() => {
                match unit.carried {
                    Carried::Frame(frame) => {
                        self.began = Some(unit.began);
                        self.messages.extend(frame.messages(self.max_chunk_bytes));
                    }
                    Carried::Answer(answer) => self.messages.push_back(*answer),
                }
            }
            () = wait => self.wait = None,
        }
    }
}
