//! The data channel of one SCTP association.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use protocol::{DecodeError, Limits, Message, Payload};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::debug;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};

/// The low-buffer signal reaches a sender only through the receiver, which may be idle.
const DRAIN_RECHECK: Duration = Duration::from_millis(20);

/// The channel takes no more messages.
#[derive(Debug)]
pub(crate) struct ChannelClosed;

/// A message as it came.
#[derive(Debug, Default)]
pub(crate) struct RawMessage {
    pub(crate) is_text: bool,
    pub(crate) data: Bytes,
}

impl RawMessage {
    pub(crate) fn decode(self, limits: &Limits) -> Result<Message, DecodeError> {
        match self.is_text {
            // Invalid UTF-8 becomes a text that no message has.
            true => Message::from_text(&String::from_utf8_lossy(&self.data), limits),
            false => Message::from_binary(self.data, limits),
        }
    }
}

impl From<RTCDataChannelMessage> for RawMessage {
    fn from(message: RTCDataChannelMessage) -> Self {
        Self {
            is_text: message.is_string,
            data: message.data.freeze(),
        }
    }
}

/// The open data channel of one SCTP association.
pub(crate) struct Association {
    data: Arc<dyn DataChannel>,
    /// Longest message that the peer takes, in bytes.
    max_message_bytes: usize,
    /// Messages that came before the channel was open.
    early: Mutex<VecDeque<RawMessage>>,
    /// Notified when SCTP has nothing left to deliver.
    drained: Notify,
    /// Notified when the reader has seen the end.
    ended: Notify,
}

impl Association {
    pub(super) fn new(
        data: Arc<dyn DataChannel>,
        max_message_bytes: usize,
        early: VecDeque<RawMessage>,
    ) -> Self {
        Self {
            data,
            max_message_bytes,
            early: Mutex::new(early),
            drained: Notify::new(),
            ended: Notify::new(),
        }
    }

    pub(crate) fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    /// Waits for room in the send buffer, then hands one message to SCTP.
    pub(crate) async fn send(&self, payload: &Payload) -> Result<(), ChannelClosed> {
        let handed = match payload {
            Payload::Text(text) => self.data.send_text(text).await,
            Payload::Binary(chunk) => self.data.send(BytesMut::from(&chunk[..])).await,
        };
        handed.map_err(|error| {
            debug!(%error, "data channel takes no more messages");
            ChannelClosed
        })
    }

    /// Waits until the send buffer has room, or the channel takes no more messages.
    pub(crate) async fn has_room(&self) {
        // The next message that is sent has the reason.
        let _ = self.data.writable().await;
    }

    /// The next message; `None` once the data channel is closed. Cancelling loses none.
    pub(crate) async fn next(&self) -> Option<RawMessage> {
        if let Some(early) = self.early().pop_front() {
            return Some(early);
        }
        loop {
            match self.data.poll().await {
                Some(DataChannelEvent::OnMessage(message)) => return Some(message.into()),
                Some(DataChannelEvent::OnBufferedAmountLow) => self.drained.notify_waiters(),
                Some(DataChannelEvent::OnClose) | None => return None,
                Some(event) => debug!(?event, "data channel"),
            }
        }
    }

    /// Bytes that SCTP has and the peer has not acknowledged; `None` while the connection is busy,
    /// or where it is closed.
    pub(crate) fn outstanding_bytes(&self) -> Option<usize> {
        self.data.outstanding_bytes().now_or_never()?.ok()
    }

    /// Waits until the peer has acknowledged everything.
    pub(crate) async fn drain(&self) -> Result<(), ChannelClosed> {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            match self.data.outstanding_bytes().await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(ChannelClosed),
            }
            tokio::select! {
                () = drained => {}
                () = sleep(DRAIN_RECHECK) => {}
            }
        }
    }

    /// Closes the data channel; the connection stays.
    pub(crate) async fn close(&self) {
        let _ = self.data.close().await;
    }

    /// Waits until the peer has confirmed that the channel is closed.
    pub(crate) async fn close_confirmed(&self) {
        let confirmed = async {
            while !matches!(
                self.data.poll().await,
                Some(DataChannelEvent::OnClose) | None
            ) {}
        };
        tokio::select! {
            () = confirmed => {}
            // A reader that is waiting sees the confirmation first.
            () = self.ended.notified() => {}
        }
    }

    /// The reader has seen the end of the channel.
    pub(crate) fn note_end(&self) {
        self.ended.notify_one();
    }

    fn early(&self) -> MutexGuard<'_, VecDeque<RawMessage>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
