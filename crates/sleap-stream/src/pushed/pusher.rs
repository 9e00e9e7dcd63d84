//! The way of frames into the stream, which begins with the first of them.

use std::sync::Arc;

use tokio::sync::oneshot;
use vision::capture::{Capture, FramePusher, SourceInfo};

use super::frame::{FrameOutcome, PushedFrame};
use super::state::SharedStream;
use super::ticket::Ticket;
use super::{PushError, ended};
use crate::send::frame_watcher::FrameWatcher;

/// Where frames go.
pub(super) enum FirstPush {
    /// There was none yet.
    Pending(oneshot::Sender<Capture>, SourceInfo),
    Begun(FramePusher),
    Ended,
}

impl FirstPush {
    pub(super) fn new(send: oneshot::Sender<Capture>, info: SourceInfo) -> Self {
        Self::Pending(send, info)
    }

    /// Hands a frame over, whose ticket this is. There is room for it.
    pub(super) fn push(
        &mut self,
        frame: PushedFrame,
        ticket: Ticket,
        shared: &Arc<SharedStream>,
    ) -> Result<Ticket, PushError> {
        let begun = match std::mem::replace(self, Self::Ended) {
            Self::Ended => None,
            Self::Begun(pusher) => Some((pusher, None)),
            Self::Pending(send, info) => {
                let (capture, pusher) = Capture::pushed(frame.source_info(&info));
                Some((pusher, Some((send, capture))))
            }
        };
        let Some((pusher, first)) = begun else {
            return Err(refused(&ticket, shared));
        };
        let Ok(replaced) = pusher.push(frame.into_captured(ticket.frame_id())) else {
            return Err(refused(&ticket, shared));
        };
        if let Some(replaced) = replaced {
            shared.replaced(replaced.frame_id);
        }
        if let Some((send, capture)) = first
            && send.send(capture).is_err()
        {
            return Err(refused(&ticket, shared));
        }
        *self = Self::Begun(pusher);
        Ok(ticket)
    }

    pub(super) fn end(&mut self) {
        // The pusher's drop ends the capture.
        *self = Self::Ended;
    }
}

/// The stream takes no frame any more.
fn refused(ticket: &Ticket, shared: &SharedStream) -> PushError {
    let why = "the stream takes no frame any more".to_owned();
    shared.update(|state| {
        state.close(ticket.frame_id(), FrameOutcome::Lost(why));
        match &state.outcome {
            Some(outcome) => ended(outcome),
            None => PushError::Ended("it is ending".to_owned()),
        }
    })
}
