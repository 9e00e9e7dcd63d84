//! The sending side of several lanes: whole units, each to the lane with the least to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::{Frame, Message, Payload, UnitHeader};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::writer::ChannelWriter;
use crate::channel::queue::UnitOrder;
use crate::channel::receipt::ReceiptSender;
use crate::close::CloseReason;
use crate::connection::{Association, ChannelClosed};

/// Units that may wait for a lane beside the one being sent. At most one of all is a frame.
const LANE_QUEUE_LEN: usize = 32;

/// Numbers the units of one direction.
#[derive(Default)]
struct UnitNumbering {
    /// Number of the next unit.
    number: u64,
    /// Units before the last strict one, and that one.
    barrier: u64,
}

impl UnitNumbering {
    /// The header of the next unit, as one of a single message.
    fn next(&mut self, order: UnitOrder) -> UnitHeader {
        let number = self.number;
        self.number += 1;
        let after = match order {
            UnitOrder::Strict => number,
            UnitOrder::Passing => self.barrier,
            UnitOrder::Aside => 0,
        };
        if order == UnitOrder::Strict {
            self.barrier = number + 1;
        }
        UnitHeader {
            number,
            messages: 1,
            after,
        }
    }
}

/// The body of a unit.
pub(super) enum UnitBody {
    Message(Payload),
    Frame {
        frame: Frame,
        receipt: ReceiptSender,
    },
}

impl UnitBody {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Frame { frame, .. } => frame.data.len(),
        }
    }

    /// Longest message in it; a frame is cut to what fits.
    fn longest(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Frame { .. } => 0,
        }
    }
}

/// The lanes that a sending task deals units to.
pub(super) struct UnitSplitter {
    lanes: Vec<OutgoingLane>,
    numbering: UnitNumbering,
    /// Notified when a lane has handed on a unit.
    freed: Arc<Notify>,
    /// Tasks of the lanes; they end with this.
    _tasks: JoinSet<()>,
    writer: ChannelWriter,
}

struct OutgoingLane {
    queue: mpsc::Sender<(UnitHeader, UnitBody)>,
    load: Arc<LaneLoad>,
    writer: ChannelWriter,
    /// Bytes in SCTP when it was last asked and not busy.
    outstanding: usize,
}

/// What was given to a lane and is not with SCTP yet.
#[derive(Default)]
struct LaneLoad {
    units: AtomicUsize,
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl UnitSplitter {
    /// Deals units to these associations.
    pub(super) fn new(associations: Vec<Arc<Association>>, writer: &ChannelWriter) -> Self {
        let freed = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let lanes = associations.into_iter().map(|association| {
            let (queue, units) = mpsc::channel(LANE_QUEUE_LEN);
            let load = Arc::new(LaneLoad::default());
            let writer = writer.over(association);
            let lane = LaneTask {
                writer: writer.clone(),
                load: load.clone(),
                freed: freed.clone(),
            };
            tasks.spawn(lane.run(units));
            OutgoingLane {
                queue,
                load,
                writer,
                outstanding: 0,
            }
        });
        Self {
            lanes: lanes.collect(),
            numbering: UnitNumbering::default(),
            freed,
            _tasks: tasks,
            writer: writer.clone(),
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Gives a unit to a lane. A frame waits for one that has handed on all its frames.
    pub(super) async fn deal(
        &mut self,
        body: UnitBody,
        order: UnitOrder,
    ) -> Result<(), ChannelClosed> {
        let is_frame = matches!(body, UnitBody::Frame { .. });
        let lane = loop {
            let freed = self.freed.clone();
            let freed = freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.choose(is_frame, body.longest()) {
                Some(lane) => break lane,
                None => self.writer.unless_closed(freed).await?,
            }
        };
        let header = self.numbering.next(order);
        let lane = &self.lanes[lane];
        lane.load.units.fetch_add(1, Ordering::Relaxed);
        lane.load.bytes.fetch_add(body.bytes(), Ordering::Relaxed);
        let frames = usize::from(is_frame);
        lane.load.frames.fetch_add(frames, Ordering::Relaxed);
        lane.queue
            .send((header, body))
            .await
            .map_err(|_| ChannelClosed)
    }

    /// The lane with the fewest bytes before it, of those that may take it.
    fn choose(&mut self, is_frame: bool, longest: usize) -> Option<usize> {
        for lane in &mut self.lanes {
            // A busy connection is not waited for: its last word serves.
            if let Some(bytes) = lane.writer.association().outstanding_bytes() {
                lane.outstanding = bytes;
            }
        }
        let lanes = self.lanes.iter().enumerate();
        let longest_of = |lane: &OutgoingLane| lane.writer.association().max_message_bytes();
        lanes
            .filter(|(_, lane)| longest <= longest_of(lane))
            .filter(|(_, lane)| !is_frame || lane.load.frames.load(Ordering::Relaxed) == 0)
            .min_by_key(|(_, lane)| lane.load.bytes.load(Ordering::Relaxed) + lane.outstanding)
            .map(|(index, _)| index)
    }

    /// Waits until the peer has acknowledged everything on all lanes.
    pub(super) async fn drain(&self) -> Result<(), ChannelClosed> {
        for lane in &self.lanes {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                if lane.load.units.load(Ordering::Acquire) == 0 {
                    break;
                }
                self.writer.unless_closed(freed).await?;
            }
            lane.writer.drain().await?;
        }
        Ok(())
    }

    /// Closes the data channels beside the first.
    pub(super) async fn close(&self) {
        for lane in self.lanes.iter().skip(1) {
            lane.writer.association().close().await;
        }
    }
}

/// Owner of one lane's sending side.
struct LaneTask {
    writer: ChannelWriter,
    load: Arc<LaneLoad>,
    freed: Arc<Notify>,
}

impl LaneTask {
    async fn run(self, mut units: mpsc::Receiver<(UnitHeader, UnitBody)>) {
        while let Some((header, body)) = units.recv().await {
            let bytes = body.bytes();
            let frames = usize::from(matches!(body, UnitBody::Frame { .. }));
            let sent = self.send(header, body).await;
            self.load.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.load.frames.fetch_sub(frames, Ordering::Relaxed);
            self.load.units.fetch_sub(1, Ordering::Release);
            self.writer.unqueue(bytes);
            self.freed.notify_waiters();
            if sent.is_err() {
                self.writer.closed().close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn send(&self, header: UnitHeader, body: UnitBody) -> Result<(), ChannelClosed> {
        match body {
            UnitBody::Message(payload) => {
                self.announce(header, 1).await?;
                self.writer.transmit(payload).await
            }
            UnitBody::Frame { frame, receipt } => {
                let messages = self.writer.messages_of(&frame);
                self.announce(header, messages).await?;
                self.writer.transmit_frame(&frame).await?;
                receipt.handed_now();
                Ok(())
            }
        }
    }

    async fn announce(&self, header: UnitHeader, messages: usize) -> Result<(), ChannelClosed> {
        let header = UnitHeader {
            messages: u32::try_from(messages).map_err(|_| ChannelClosed)?,
            ..header
        };
        let header = Message::Unit(header).encode();
        self.writer.transmit(header).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asides_wait_for_nothing_and_strict_units_for_all() {
        let mut numbering = UnitNumbering::default();
        let orders = [
            UnitOrder::Strict,
            UnitOrder::Passing,
            UnitOrder::Aside,
            UnitOrder::Strict,
            UnitOrder::Aside,
            UnitOrder::Passing,
        ];
        let afters = orders.map(|order| numbering.next(order).after);
        assert_eq!(afters, [0, 1, 0, 3, 0, 4]);
    }
}
