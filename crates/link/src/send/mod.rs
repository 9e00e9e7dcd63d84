mod outflow;
mod task;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use protocol::{Frame, Message, Payload};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;
use webrtc::peer_connection::{
    RTCIceCandidate, RTCIceCandidateType, RTCStatsReportEntry, StatsSelector,
};

use crate::channel::{CloseReason, Transport};
use crate::config::PeerConfig;
use crate::error::SendError;
use crate::ice::IceServer;
use crate::lanes::Pipe;
use crate::lanes::split::Order;
use crate::stats::{LinkStats, PathStats};
pub(crate) use outflow::{Ended, Outflow};
use task::Task;
pub(crate) use task::Unit;

/// Units that may wait in the send queue. At most one of them is a frame.
const QUEUE_UNITS: usize = 64;

/// The sending half of a [`Channel`](crate::Channel); clones share one queue.
///
/// One task owns the channel's sending side and takes whole units off a bounded queue: a control
/// message, or all messages of a frame. So part of a frame is never left on the wire, and
/// messages leave in the order in which they were queued. Where the channel has several
/// [lanes](Self::open_lanes), each unit goes over one of them, and the receiver has them in order.
#[derive(Clone)]
pub struct Sender {
    queue: mpsc::Sender<Unit>,
    frame_slot: Arc<Semaphore>,
    /// Frames that were queued and are not with SCTP.
    under_way: Arc<watch::Sender<usize>>,
    transport: Arc<Transport>,
    close_timeout: Duration,
}

/// Resolves to the instant at which the last message of a frame was handed to SCTP, or to `None`
/// if the channel closed before. May be dropped.
#[derive(Debug)]
pub struct Handoff(oneshot::Receiver<Instant>);

/// Says once that a frame is with SCTP, and when it is dropped that it is not on its way any more.
pub(crate) struct Handed {
    handed: oneshot::Sender<Instant>,
    _guard: UnderWay,
}

impl Handed {
    pub(crate) fn now(self) {
        // Nobody need listen.
        let _ = self.handed.send(Instant::now());
    }
}

struct UnderWay(Arc<watch::Sender<usize>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|frames| *frames -= 1);
    }
}

impl Future for Handoff {
    type Output = Option<Instant>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl Sender {
    pub(crate) fn spawn(transport: Arc<Transport>, config: &PeerConfig) -> Self {
        let (queue, units) = mpsc::channel(QUEUE_UNITS);
        transport.lanes.connect(&queue);
        let chunk_bytes = config
            .chunk_bytes
            .clamp(1, transport.max_message_bytes.max(1));
        let outflow = Outflow {
            transport: transport.clone(),
            pipe: transport.pipe(),
            chunk_bytes,
        };
        tokio::spawn(Task::new(outflow).run(units, config.close_timeout));
        Self {
            queue,
            frame_slot: Arc::new(Semaphore::new(1)),
            under_way: Arc::default(),
            transport,
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
            // A sign of life, or a word about the pace, says nothing about what is before it.
            Message::KeepAlive | Message::Backpressure(_) => Order::Aside,
            _ if is_answer => self.order(),
            _ => Order::Strict,
        };
        self.enqueue(Unit::Message { payload, order }).await
    }

    /// Queues a whole frame; waits while another one is waiting to be sent. One frame waits beside
    /// the one being sent.
    pub async fn send_frame(&self, frame: Frame) -> Result<Handoff, SendError> {
        let slot = tokio::select! {
            slot = self.frame_slot.clone().acquire_owned() => slot.map_err(|_| self.closed())?,
            reason = self.transport.signals.closed() => return Err(SendError::Closed(reason)),
        };
        let (handed, handoff) = oneshot::channel();
        self.under_way.send_modify(|frames| *frames += 1);
        let guard = UnderWay(self.under_way.clone());
        self.enqueue(Unit::Frame {
            frame,
            slot,
            handed: Handed {
                handed,
                _guard: guard,
            },
            order: self.order(),
        })
        .await?;
        Ok(Handoff(handoff))
    }

    /// Whether a frame may arrive before one that was sent earlier, as a live source wants it: a
    /// loss on one of several lanes then holds up only the frames of that lane. Other messages keep
    /// their place between the frames, and the peer answers in the same way. Without several lanes
    /// there is one order.
    pub fn let_frames_pass(&self, may_pass: bool) {
        self.transport
            .lanes
            .may_pass
            .store(may_pass, Ordering::Relaxed);
    }

    /// Waits until a further frame would be sent at once, not queued behind another: with one lane,
    /// until the last frame was handed to SCTP; with several, until one of them has nothing to do.
    pub async fn ready(&self) {
        let lanes = self.lanes();
        let mut under_way = self.under_way.subscribe();
        tokio::select! {
            _ = under_way.wait_for(|frames| *frames < lanes) => {}
            _ = self.transport.signals.closed() => {}
        }
    }

    /// Lanes that the channel has, itself included.
    pub fn lanes(&self) -> usize {
        self.transport.lanes.open().len() + 1
    }

    /// Waits until everything queued before has been acknowledged by the peer's SCTP.
    pub async fn flush(&self) -> Result<(), SendError> {
        let (done, flushed) = oneshot::channel();
        self.enqueue(Unit::Flush(done)).await?;
        flushed.await.map_err(|_| self.closed())
    }

    /// Sends what is queued (for at most the configured time), then closes the channel and the
    /// connection. The peer notices at once.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        let orderly = async {
            if self.enqueue(Unit::Close(done)).await.is_ok() {
                let _ = closed.await;
            }
        };
        if timeout(self.close_timeout, orderly).await.is_err() {
            debug!("closing with messages unsent");
        }
        self.transport.signals.close(CloseReason::Local);
        for lane in self.transport.lanes.open() {
            lane.close().await;
        }
        let _ = self.transport.connection.close().await;
    }

    /// Waits until the channel is closed by either side or the peer is lost.
    pub async fn closed_because(&self) -> CloseReason {
        self.transport.signals.closed().await
    }

    /// Counters of the channel.
    pub fn stats(&self) -> LinkStats {
        let transport = &self.transport;
        let (messages_sent, bytes_sent) = transport.sent.get();
        let (messages_received, bytes_received) = transport.received.get();
        let (socket_receive_buffer, socket_send_buffer) = transport.granted.bytes();
        let outstanding = |pipe: &Pipe| pipe.data.outstanding_bytes().now_or_never()?.ok();
        let outstanding_bytes = transport.pipes().iter().map(outstanding).sum();
        LinkStats {
            messages_sent,
            bytes_sent,
            messages_received,
            bytes_received,
            queued_bytes: transport.queued_bytes.load(Ordering::Relaxed),
            outstanding_bytes,
            socket_receive_buffer,
            socket_send_buffer,
            max_message_bytes: transport.max_message_bytes,
        }
    }

    /// The chosen network path; `None` when the connection is closed.
    pub async fn path(&self) -> Option<PathStats> {
        let connection = &self.transport.connection;
        let ice = connection.sctp().await?.transport().ice_transport();
        let pair = ice.get_selected_candidate_pair().await.ok()??;
        let report = connection
            .get_stats(Instant::now(), StatsSelector::None)
            .await;
        let local = pair.local();
        let relay = (local.typ == RTCIceCandidateType::Relay).then(|| {
            let url = report.iter().find_map(|entry| match entry {
                RTCStatsReportEntry::LocalCandidate(known)
                    if known.address.as_deref() == Some(&local.address)
                        && known.port == local.port =>
                {
                    Some(known.url.as_str())
                }
                _ => None,
            });
            let server = url.and_then(|url| self.transport.servers.named_in(url));
            server.map_or_else(|| "a TURN server".to_owned(), IceServer::to_string)
        });
        let shown = |it: &RTCIceCandidate| format!("{} {} port {}", it.typ, it.address, it.port);
        let round_trip = report
            .candidate_pairs()
            .filter(|pair| pair.nominated && pair.current_round_trip_time > 0.0)
            .find_map(|pair| Duration::try_from_secs_f64(pair.current_round_trip_time).ok());
        Some(PathStats {
            local: shown(local),
            remote: shown(pair.remote()),
            relay,
            round_trip,
        })
    }

    /// The chosen network path in words, for the log.
    pub(crate) async fn path_text(&self) -> String {
        let path = self.path().await;
        path.map_or_else(|| "unknown".to_owned(), |path| path.to_string())
    }

    /// The order of frames and their answers.
    fn order(&self) -> Order {
        match self.transport.lanes.may_pass.load(Ordering::Relaxed) {
            true => Order::Passing,
            false => Order::Strict,
        }
    }

    fn checked(&self, message: &Message) -> Result<Payload, SendError> {
        let payload = message.encode();
        let (bytes, max) = (payload.len(), self.transport.max_message_bytes);
        if bytes > max {
            return Err(SendError::TooLarge { bytes, max });
        }
        Ok(payload)
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    pub(crate) async fn enqueue(&self, unit: Unit) -> Result<(), SendError> {
        if let Some(reason) = self.transport.signals.closed_because() {
            return Err(SendError::Closed(reason));
        }
        let permit = self.queue.reserve().await.map_err(|_| self.closed())?;
        self.transport.submit(permit, unit);
        Ok(())
    }

    fn closed(&self) -> SendError {
        // The sending task ends only after a reason has been noted.
        SendError::Closed(
            self.transport
                .signals
                .closed_because()
                .unwrap_or(CloseReason::Local),
        )
    }
}

impl Transport {
    /// Queues a unit, and counts its bytes until they are with SCTP.
    pub(crate) fn submit(&self, place: mpsc::Permit<'_, Unit>, unit: Unit) {
        self.queued_bytes.fetch_add(unit.bytes(), Ordering::Relaxed);
        place.send(unit);
    }
}
