//! The sending side of several lanes: whole units, each to the lane with the least to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use protocol::{Frame, Message, Payload, Unit as Header};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::Pipe;
use crate::channel::{CloseReason, Transport};
use crate::send::{Ended, Handed, Outflow};

/// Units that may wait for a lane beside the one being sent. At most one of all is a frame.
const QUEUE_UNITS: usize = 32;

/// What a unit may be given out before, and what before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing may pass it, and it passes nothing.
    Strict,
    /// It may pass others such as itself, but nothing strict.
    Passing,
    /// Given out as soon as it arrives; only what is strict may not pass it.
    Aside,
}

/// Numbers the units of one direction.
#[derive(Default)]
struct Numbering {
    /// Number of the next unit.
    number: u64,
    /// Units before the last strict one, and that one.
    barrier: u64,
}

impl Numbering {
    /// The header of the next unit, as one of a single message.
    fn next(&mut self, order: Order) -> Header {
        let number = self.number;
        self.number += 1;
        let after = match order {
            Order::Strict => number,
            Order::Passing => self.barrier,
            Order::Aside => 0,
        };
        if order == Order::Strict {
            self.barrier = number + 1;
        }
        Header {
            number,
            messages: 1,
            after,
        }
    }
}

/// The body of a unit.
pub(crate) enum Body {
    Message(Payload),
    Frame { frame: Frame, handed: Handed },
}

impl Body {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Frame { frame, .. } => frame.data.len(),
        }
    }

    /// Longest message in it, with frames cut to whatever fits.
    fn longest(&self) -> usize {
        match self {
            Self::Message(payload) => payload.len(),
            Self::Frame { .. } => 0,
        }
    }
}

/// The lanes that a sending task deals units to.
pub(crate) struct Split {
    lanes: Vec<Lane>,
    numbering: Numbering,
    /// Rings when a lane has handed on a unit.
    freed: Arc<Notify>,
    /// They end with this.
    _tasks: JoinSet<()>,
    outflow: Outflow,
}

struct Lane {
    queue: mpsc::Sender<(Header, Body)>,
    load: Arc<Load>,
    pipe: Pipe,
    /// Bytes in SCTP when it was last asked and not busy.
    outstanding: usize,
}

/// What was given to a lane and is not with SCTP yet.
#[derive(Default)]
struct Load {
    units: AtomicUsize,
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl Split {
    /// Takes the lanes that are open now.
    pub(crate) fn new(transport: &Arc<Transport>, outflow: &Outflow) -> Self {
        let freed = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let pipes = transport.used_pipes().into_iter();
        let lanes = pipes.map(|pipe| {
            let (queue, units) = mpsc::channel(QUEUE_UNITS);
            let load = Arc::new(Load::default());
            let lane = LaneTask {
                outflow: outflow.with_pipe(pipe.clone()),
                load: load.clone(),
                freed: freed.clone(),
            };
            tasks.spawn(lane.run(units));
            Lane {
                queue,
                load,
                pipe,
                outstanding: 0,
            }
        });
        Self {
            lanes: lanes.collect(),
            numbering: Numbering::default(),
            freed,
            _tasks: tasks,
            outflow: outflow.clone(),
        }
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Gives a unit to a lane. A frame waits for one that has handed on all its frames.
    pub(crate) async fn deal(&mut self, body: Body, order: Order) -> Result<(), Ended> {
        let is_frame = matches!(body, Body::Frame { .. });
        let lane = loop {
            let freed = self.freed.clone();
            let freed = freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.choose(is_frame, body.longest()) {
                Some(lane) => break lane,
                None => self.outflow.unless_closed(freed).await?,
            }
        };
        let header = self.numbering.next(order);
        let lane = &self.lanes[lane];
        lane.load.units.fetch_add(1, Ordering::Relaxed);
        lane.load.bytes.fetch_add(body.bytes(), Ordering::Relaxed);
        let frames = usize::from(is_frame);
        lane.load.frames.fetch_add(frames, Ordering::Relaxed);
        lane.queue.send((header, body)).await.map_err(|_| Ended)
    }

    /// The lane with the fewest bytes before it, of those that may take it.
    fn choose(&mut self, is_frame: bool, longest: usize) -> Option<usize> {
        for lane in &mut self.lanes {
            // A busy connection is not waited for: its last word serves.
            if let Some(Ok(bytes)) = lane.pipe.data.outstanding_bytes().now_or_never() {
                lane.outstanding = bytes;
            }
        }
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| longest <= lane.pipe.max_message_bytes)
            .filter(|(_, lane)| !is_frame || lane.load.frames.load(Ordering::Relaxed) == 0)
            .min_by_key(|(_, lane)| lane.load.bytes.load(Ordering::Relaxed) + lane.outstanding)
            .map(|(index, _)| index)
    }

    /// Waits until the peer has acknowledged everything on all lanes.
    pub(crate) async fn drain(&self) -> Result<(), Ended> {
        for lane in &self.lanes {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                if lane.load.units.load(Ordering::Acquire) == 0 {
                    break;
                }
                self.outflow.unless_closed(freed).await?;
            }
            self.outflow.with_pipe(lane.pipe.clone()).drain().await?;
        }
        Ok(())
    }

    /// Closes the data channels beside the first.
    pub(crate) async fn close(&self) {
        for lane in self.lanes.iter().skip(1) {
            let _ = lane.pipe.data.close().await;
        }
    }
}

/// Owner of one lane's sending side.
struct LaneTask {
    outflow: Outflow,
    load: Arc<Load>,
    freed: Arc<Notify>,
}

impl LaneTask {
    async fn run(self, mut units: mpsc::Receiver<(Header, Body)>) {
        while let Some((header, body)) = units.recv().await {
            let bytes = body.bytes();
            let frames = usize::from(matches!(body, Body::Frame { .. }));
            let sent = self.send(header, body).await;
            self.load.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.load.frames.fetch_sub(frames, Ordering::Relaxed);
            self.load.units.fetch_sub(1, Ordering::Release);
            self.outflow.unqueue(bytes);
            self.freed.notify_waiters();
            if sent.is_err() {
                self.outflow.transport.signals.close(CloseReason::Remote);
                return;
            }
        }
    }

    async fn send(&self, header: Header, body: Body) -> Result<(), Ended> {
        match body {
            Body::Message(payload) => {
                self.announce(header, 1).await?;
                self.outflow.transmit(payload).await
            }
            Body::Frame { frame, handed } => {
                let chunk_bytes = self.outflow.chunk_bytes;
                self.announce(header, frame.messages(chunk_bytes).count())
                    .await?;
                self.outflow.transmit_frame(&frame).await?;
                handed.now();
                Ok(())
            }
        }
    }

    async fn announce(&self, header: Header, messages: usize) -> Result<(), Ended> {
        let header = Header {
            messages: u32::try_from(messages).map_err(|_| Ended)?,
            ..header
        };
        let header = Message::Unit(header).encode();
        self.outflow.transmit(header).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asides_wait_for_nothing_and_strict_units_for_all() {
        let mut numbering = Numbering::default();
        let orders = [
            Order::Strict,
            Order::Passing,
            Order::Aside,
            Order::Strict,
            Order::Aside,
            Order::Passing,
        ];
        let afters = orders.map(|order| numbering.next(order).after);
        assert_eq!(afters, [0, 1, 0, 3, 0, 4]);
    }
}
