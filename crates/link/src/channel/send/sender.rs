use std::sync::Arc;
use std::time::Duration;

use protocol::{Frame, FrameId, Message, Payload};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, info};

use super::error::SendError;
use super::open_lanes;
use super::task::SendTask;
use super::writer::ChannelWriter;
use crate::channel::config::ChannelConfig;
use crate::channel::keep_alive::KeepAlive;
use crate::channel::lanes::Lanes;
use crate::channel::queue::{OutgoingUnit, SendQueue, UnitOrder};
use crate::channel::receipt::{QueuedFrames, SendReceipt};
use crate::channel::receive::Receiver;
use crate::channel::stats::LinkStats;
use crate::channel::traffic::Traffic;
use crate::close::CloseReason;
use crate::connection::PathStats;

/// The sending half of a [`Channel`](crate::Channel); clones share one queue.
///
/// One task owns the channel's sending side and takes whole units off a bounded queue: a control
/// message, or all messages of a frame. So part of a frame is never left on the wire, and
/// messages leave in the order in which they were queued. Where the channel has several
/// [lanes](Self::open_lanes), each unit goes over one of them, and the receiver has them in order.
#[derive(Clone)]
pub struct Sender {
    queue: SendQueue,
    frame_slot: Arc<Semaphore>,
    queued_frames: QueuedFrames,
    lanes: Arc<Lanes>,
    traffic: Arc<Traffic>,
    keep_alive: KeepAlive,
    close_timeout: Duration,
}

impl Sender {
    pub(in crate::channel) fn spawn(
        queue: SendQueue,
        units: mpsc::Receiver<OutgoingUnit>,
        lanes: Arc<Lanes>,
        traffic: Arc<Traffic>,
        config: &ChannelConfig,
    ) -> Self {
        let writer = ChannelWriter::new(
            lanes.first().association().clone(),
            lanes.closed().clone(),
            traffic.clone(),
            config.chunk_bytes,
        );
        let task = SendTask::new(lanes.clone(), writer);
        tokio::spawn(task.run(units, config.close_timeout));
        Self {
            keep_alive: KeepAlive::new(queue.downgrade()),
            queue,
            frame_slot: Arc::new(Semaphore::new(1)),
            queued_frames: QueuedFrames::default(),
            lanes,
            traffic,
            close_timeout: config.close_timeout,
        }
    }

    /// Queues a message; waits while the queue is full.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        let payload = self.checked(&message)?;
        let is_answer = matches!(
            message,
            Message::Prediction(_) | Message::FrameReceived(_) | Message::Error(_)
        );
        let order = match message {
            // Keep-alive and backpressure do not depend on earlier messages.
            Message::KeepAlive | Message::Backpressure(_) => UnitOrder::Aside,
            // The frames that are answered came over lanes for shards.
            _ if is_answer && self.lanes.shards().are_used() => UnitOrder::Passing,
            _ if is_answer => self.order(),
            _ => UnitOrder::Strict,
        };
        self.enqueue(OutgoingUnit::Message { payload, order }).await
    }

    /// Queues a whole frame; waits while another one is waiting to be sent. One frame waits beside
    /// the one being sent.
    pub async fn send_frame(&self, frame: Frame) -> Result<SendReceipt, SendError> {
        let slot = tokio::select! {
            slot = self.frame_slot.clone().acquire_owned() => slot.map_err(|_| self.closed())?,
            reason = self.lanes.closed().closed() => return Err(SendError::Closed(reason)),
        };
        let (sender, receipt) = self.queued_frames.add();
        self.enqueue(OutgoingUnit::Frame {
            frame,
            slot,
            receipt: sender,
            order: self.order(),
        })
        .await?;
        Ok(receipt)
    }

    /// Sends a keep-alive message at this interval from now on, until the channel closes; `None`: none.
    /// Must be called within a Tokio runtime.
    pub fn set_keep_alive(&self, interval: Option<Duration>) {
        self.keep_alive.set(interval);
    }

    /// Whether a frame may arrive before one that was sent earlier, as is right for a live source: a
    /// loss on one of several lanes then holds up only the frames of that lane. Other messages keep
    /// their place between the frames, and the peer answers in the same way. Without several lanes
    /// there is one order.
    pub fn let_frames_pass(&self, may_pass: bool) {
        self.lanes.let_pass(may_pass);
    }

    /// Waits until a further frame would be sent at once, not queued behind another: with one lane,
    /// until the last frame was handed to SCTP; with several, until one of them has nothing to do.
    pub async fn ready(&self) {
        tokio::select! {
            () = self.queued_frames.fewer_than(self.lanes()) => {}
            _ = self.lanes.closed().closed() => {}
        }
    }

    /// While [lanes for shards](Self::open_shard_lanes) are on their way, waits until what was sent has arrived, or
    /// the lanes are there: a lost packet would hold up the next frame, which soon has a better way.
    pub async fn lanes_or_arrival(&self) {
        tokio::select! {
            biased;
            () = self.lanes.shards().not_awaited() => {}
            _ = self.lanes.first().association().drain() => {}
            _ = self.lanes.closed().closed() => {}
        }
    }

    /// Lanes that the channel has, itself included.
    pub fn lanes(&self) -> usize {
        self.lanes.count()
    }

    /// Opens lanes until the channel has `lanes` of them, and sends over all from then on. To be
    /// called once, after the peer has announced that it accepts that many.
    ///
    /// Returns how many the channel has. Lanes that cannot be opened within the connection's
    /// timeout are left out; the channel itself is not affected.
    pub async fn open_lanes(&self, receiver: &mut Receiver, lanes: usize) -> usize {
        open_lanes::open_lanes(&self.lanes, &self.queue, receiver, lanes).await
    }

    /// Keeps lanes for shards open from now on, as far as the peer takes them; it has to announce that it
    /// does. There are as many at first as frames of about `frame_bytes` have under way, and up to `most` where losses
    /// keep their windows too small. Returns at once. As soon as there are some, frames that [may pass](Self::let_frames_pass)
    /// others go over them, each message once, with parity against losses, and so do the peer's answers. The
    /// peer's [receiver](Receiver) and this side's have to be read, and frames that do not arrive are
    /// [told](Self::lost_frames). Within a Tokio runtime; does nothing while that goes on already.
    pub fn open_shard_lanes(&self, most: usize, frame_bytes: usize) {
        self.lanes.keep_shard_lanes(most, frame_bytes);
    }

    /// Keeps what goes over [lanes for shards](Self::open_shard_lanes) from now on for some seconds, so that the peer, which
    /// has to announce that it does, can ask for shards that are missing. Frames and answers keep their order then, and
    /// wait for those before them.
    pub fn keep_shards(&self) {
        self.lanes.shards().keep();
    }

    /// Closes the lanes for shards that this side has opened, and opens no others.
    pub fn end_shard_lanes(&self) {
        self.lanes.end_shard_lanes();
    }

    /// Lanes for shards that the peer's description of the connection offers, before anything was said over the channel;
    /// 0: it does not speak of them, or lanes were opened before, which a peer without room is not to be asked for again.
    pub fn offered_shard_lanes(&self) -> usize {
        self.lanes.offered_shard_lanes()
    }

    /// While lanes for shards are on their way, waits until most of them are there, or it is plain that they take long:
    /// frames before that would wait for each packet that is lost. What the receiver gives meanwhile it keeps.
    pub async fn shard_lanes_settled(&self, receiver: &mut Receiver) {
        open_lanes::settle(&self.lanes, receiver).await;
    }

    /// Waits for frames that were sent in shards and will not arrive. Cancelling loses none.
    pub async fn lost_frames(&self) -> Vec<FrameId> {
        self.lanes.shards().lost_frames().await
    }

    /// The same without waiting: those that are lost since the last call.
    pub fn take_lost_frames(&self) -> Vec<FrameId> {
        self.lanes.shards().take_lost_frames()
    }

    /// Waits until everything queued before has been acknowledged by the peer's SCTP.
    pub async fn flush(&self) -> Result<(), SendError> {
        let (done, flushed) = oneshot::channel();
        self.enqueue(OutgoingUnit::Flush(done)).await?;
        flushed.await.map_err(|_| self.closed())
    }

    /// Sends what is queued (for at most the configured time), then closes the channel and the
    /// connection. The peer notices at once.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        let orderly = async {
            if self.enqueue(OutgoingUnit::Close(done)).await.is_ok() {
                let _ = closed.await;
            }
        };
        if timeout(self.close_timeout, orderly).await.is_err() {
            debug!("closing with messages unsent");
        }
        self.lanes.closed().close(CloseReason::Local);
        self.lanes.close().await;
    }

    /// Waits until the channel is closed by either side or the peer is lost.
    pub async fn closed_because(&self) -> CloseReason {
        self.lanes.closed().closed().await
    }

    /// Counters of the channel.
    pub fn stats(&self) -> LinkStats {
        let (messages_sent, bytes_sent) = self.traffic.sent.get();
        let (messages_received, bytes_received) = self.traffic.received.get();
        let (data_shard_bytes, parity_shard_bytes) = self.traffic.shard_bytes();
        let first = self.lanes.first();
        let (socket_receive_buffer, socket_send_buffer) = first.socket_buffers();
        let associations = self.lanes.associations();
        LinkStats {
            messages_sent,
            bytes_sent,
            data_shard_bytes,
            parity_shard_bytes,
            messages_received,
            bytes_received,
            queued_bytes: self.traffic.queued_bytes(),
            outstanding_bytes: associations.iter().map(|it| it.outstanding_bytes()).sum(),
            socket_receive_buffer,
            socket_send_buffer,
            max_message_bytes: first.association().max_message_bytes(),
        }
    }

    /// The chosen network path; `None` when the connection is closed.
    pub async fn path(&self) -> Option<PathStats> {
        self.lanes.first().path().await
    }

    /// Logs the chosen network path: its addresses with -v, and that a relay is on it always.
    pub(crate) async fn log_path(&self) {
        let Some(path) = self.path().await else {
            return;
        };
        debug!(%path, "connected over this path");
        if path.is_relayed() {
            let relay = path
                .relay
                .as_deref()
                .unwrap_or("the other side's TURN server");
            info!("no direct path: frames go through {relay}");
        }
    }

    /// The order of frames and their answers.
    fn order(&self) -> UnitOrder {
        let shards = self.lanes.shards();
        match self.lanes.may_pass() || (shards.keeps() && shards.are_used()) {
            true => UnitOrder::Passing,
            false => UnitOrder::Strict,
        }
    }

    fn checked(&self, message: &Message) -> Result<Payload, SendError> {
        let payload = message.encode();
        let (bytes, max) = (
            payload.len(),
            self.lanes.first().association().max_message_bytes(),
        );
        if bytes > max {
            return Err(SendError::TooLarge { bytes, max });
        }
        Ok(payload)
    }

    async fn enqueue(&self, unit: OutgoingUnit) -> Result<(), SendError> {
        if let Some(reason) = self.lanes.closed().reason() {
            return Err(SendError::Closed(reason));
        }
        self.queue.push(unit).await.map_err(|_| self.closed())
    }

    fn closed(&self) -> SendError {
        // The sending task ends only after a reason has been noted.
        SendError::Closed(self.lanes.closed().reason().unwrap_or(CloseReason::Local))
    }
}
