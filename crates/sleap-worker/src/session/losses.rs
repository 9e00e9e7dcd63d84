//! Messages that cannot be read, and frames that do not arrive whole.

use std::sync::atomic::Ordering::Relaxed;

use protocol::{DecodeError, Dropped, Message};
use tracing::{debug, warn};

use super::{Session, State};
use crate::metrics::StreamRefusal;
use crate::replies::{ack, result};

impl Session {
    /// A message that cannot be read costs at most the frame it belongs to.
    pub(super) async fn unreadable(&mut self, error: &DecodeError) {
        self.unreadable += 1;
        self.context.metrics.unreadable();
        if self.unreadable == 1 {
            warn!(%error, "message refused; further ones of this stream are logged with -v");
        } else {
            debug!(%error, count = self.unreadable, "message refused");
        }
        if let Some(word) = error.transfer_word() {
            self.has_asked = true;
            self.uploads.unreadable(word, error.to_string()).await;
        }
        if matches!(error, DecodeError::ChunkTooLarge { .. }) && self.chunks_are_of_a_file() {
            self.uploads.damaged(error.to_string()).await;
        } else if let Some(dropped) = self.reassembler.push_error(error) {
            self.dropped(dropped).await;
        }
        if ack::is_due(error) {
            self.has_asked = true;
            self.context.metrics.refused(StreamRefusal::Unreadable);
            self.reply(Message::StreamAck(ack::error(error.to_string())))
                .await;
        }
        let State::Streaming(stream) = &mut self.state else {
            return;
        };
        stream.unreadable += 1;
        if let Some(frame_id) = error.frame_id() {
            stream.route.counts.damaged.fetch_add(1, Relaxed);
            self.context.metrics.error();
            self.reply(result::failure(frame_id, error.to_string()))
                .await;
        }
    }

    /// A frame that could not be reassembled gets a result too, so that the client can count it.
    pub(super) async fn dropped(&mut self, dropped: Dropped) {
        self.context.metrics.dropped(&dropped.reason);
        let State::Streaming(stream) = &mut self.state else {
            return;
        };
        stream.route.counts.damaged.fetch_add(1, Relaxed);
        if let Some(frame_id) = dropped.frame_id {
            self.context.metrics.error();
            self.reply(result::failure(frame_id, dropped.reason.to_string()))
                .await;
        }
    }
}
