//! From the queue of replies to the data channel.

use link::SendError;
use protocol::Message;
use tokio::sync::mpsc;

use super::ack;
use super::result::failure;

/// Sends replies until all senders of the queue are gone, or the channel is closed. A reply that is
/// too large for the client is replaced by an error.
pub(crate) async fn run<F>(mut outbox: mpsc::Receiver<Message>, send: impl Fn(Message) -> F)
where
    F: Future<Output = Result<(), SendError>>,
{
    while let Some(message) = outbox.recv().await {
        if send_or_excuse(message, &send).await.is_err() {
            return;
        }
    }
}

/// Sends a message; in place of one that is too large, an error to the client that waits for it.
///
/// # Errors
/// The channel is closed, or even that error is too large for it.
pub(crate) async fn send_or_excuse<F>(
    message: Message,
    send: &impl Fn(Message) -> F,
) -> Result<(), SendError>
where
    F: Future<Output = Result<(), SendError>>,
{
    let pending = PendingReply::of(&message);
    let error = match send(message).await {
        Err(error) if !matches!(error, SendError::Closed(_)) => error,
        sent => return sent,
    };
    tracing::warn!(%error, "reply not sent");
    match pending {
        PendingReply::Frame(frame_id) => send(failure(frame_id, error.to_string())).await,
        PendingReply::Start => send(Message::StreamAck(ack::error(error.to_string()))).await,
        PendingReply::Nothing => Ok(()),
    }
}

/// The reply that a client waits for.
enum PendingReply {
    Frame(protocol::FrameId),
    Start,
    Nothing,
}

impl PendingReply {
    fn of(message: &Message) -> Self {
        match message {
            Message::Prediction(prediction) => PendingReply::Frame(prediction.frame_id),
            Message::FrameReceived(received) => PendingReply::Frame(received.frame_id),
            Message::StreamAck(_) => PendingReply::Start,
            _ => PendingReply::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use protocol::{AckStatus, Prediction, StreamAck};

    fn prediction(frame_id: u64, instances: usize) -> Message {
        Message::Prediction(Prediction {
            frame_id,
            instances: vec![vec![Some([1.0, 2.0])]; instances],
            ..Prediction::default()
        })
    }

    /// What a channel with room for `max` bytes a message carries.
    async fn carried(messages: Vec<Message>, max: usize) -> Vec<Message> {
        let (replies, outbox) = mpsc::channel(messages.len());
        for message in messages {
            replies.send(message).await.unwrap();
        }
        drop(replies);
        let sent = RefCell::new(Vec::new());
        let send = async |message: Message| {
            let bytes = message.encode().len();
            if bytes > max {
                return Err(SendError::TooLarge { bytes, max });
            }
            sent.borrow_mut().push(message);
            Ok(())
        };
        run(outbox, send).await;
        sent.into_inner()
    }

    #[tokio::test]
    async fn a_prediction_that_is_too_large_fails_alone() {
        let sent = carried(
            vec![prediction(1, 1), prediction(2, 500), prediction(3, 1)],
            300,
        )
        .await;
        assert!(matches!(&sent[0], Message::Prediction(answer) if answer.frame_id == 1));
        assert!(matches!(&sent[1], Message::Error(error)
            if error.frame_id == Some(2) && error.message.contains("300")));
        assert!(matches!(&sent[2], Message::Prediction(answer) if answer.frame_id == 3));
    }

    #[tokio::test]
    async fn an_acknowledgement_that_is_too_large_becomes_a_refusal() {
        let ack = StreamAck {
            status: AckStatus::Ready,
            message: Some("x".repeat(500)),
            ..StreamAck::default()
        };
        let sent = carried(vec![Message::StreamAck(ack)], 300).await;
        assert!(
            matches!(&sent[..], [Message::StreamAck(ack)] if !ack.is_ready() && ack.message.is_some())
        );
    }
}
