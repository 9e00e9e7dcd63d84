//! The lanes beside the first, and how far both sides are with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::LaneAnswer;
use tokio::sync::{oneshot, watch};
use tracing::debug;

use super::lane::Lane;
use crate::channel::queue::{OutgoingUnit, SendQueue, WeakSendQueue};
use crate::close::{CloseReason, CloseSignal};
use crate::connection::Connection;

/// The lanes of a channel beside the first, shared with the tasks that open and watch them.
pub(super) struct LaneSet {
    /// The channel's end.
    closed: CloseSignal,
    /// The channel's send queue, which must end when the senders do.
    queue: WeakSendQueue,
    open: watch::Sender<Vec<Arc<Lane>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Lanes that the peer has offered.
    offered: Vec<u32>,
    /// Tasks that wait for the peer's answer to this side's offers.
    waiting: HashMap<u32, oneshot::Sender<LaneAnswer>>,
    /// Lanes that the peer sends over, once it has announced their number.
    announced: Option<u32>,
    /// This side sends over its lanes.
    is_split: bool,
}

impl LaneSet {
    pub(super) fn new(closed: CloseSignal, queue: WeakSendQueue) -> Self {
        Self {
            closed,
            queue,
            open: watch::Sender::default(),
            state: Mutex::default(),
        }
    }

    /// The channel's send queue; `None` once all senders are gone.
    pub(super) fn queue(&self) -> Option<SendQueue> {
        self.queue.upgrade()
    }

    pub(super) fn open(&self) -> Vec<Arc<Lane>> {
        self.open.borrow().clone()
    }

    pub(super) fn arrivals(&self) -> watch::Receiver<Vec<Arc<Lane>>> {
        self.open.subscribe()
    }

    /// Whether the peer may open this lane; it counts as offered then.
    pub(super) fn admit(&self, lane: u32, max_lanes: usize) -> Result<(), &'static str> {
        let mut state = self.state();
        if self.closed.reason().is_some() {
            return Err("the channel is closed");
        }
        if state.announced.is_some() {
            return Err("the lanes are in use already");
        }
        if lane == 0 || lane as usize >= max_lanes {
            return Err("there are not that many lanes");
        }
        if state.offered.contains(&lane) {
            return Err("this lane was offered before");
        }
        state.offered.push(lane);
        Ok(())
    }

    pub(super) fn expect_answer(&self, lane: u32) -> oneshot::Receiver<LaneAnswer> {
        let (answer, answered) = oneshot::channel();
        let waiting = &mut self.state().waiting;
        // Tasks that have given up.
        waiting.retain(|_, answer| !answer.is_closed());
        waiting.insert(lane, answer);
        answered
    }

    /// Hands an answer to the task that waits for it, or back.
    pub(super) fn answered(&self, answer: LaneAnswer) -> Option<LaneAnswer> {
        let waiting = self.state().waiting.remove(&answer.lane);
        match waiting {
            Some(waiting) => waiting.send(answer).err(),
            None => Some(answer),
        }
    }

    /// Takes an open lane, whose end is then to be [watched](Self::watch) for. `None`: it comes too
    /// late, or is over already; the peer has done without it, or will.
    pub(super) fn add(&self, connection: Connection) -> Option<Arc<Lane>> {
        if self.state().is_split || connection.closed().reason().is_some() {
            return None;
        }
        let lane = Arc::new(Lane::new(connection));
        self.open.send_modify(|open| open.push(lane.clone()));
        self.follow();
        Some(lane)
    }

    pub(super) async fn watch(self: Arc<Self>, lane: Arc<Lane>) {
        let reason = lane.closed().closed().await;
        self.ended(&lane, reason);
    }

    /// A lane that nothing went over is done without; any other's end is that of the channel, as a
    /// channel with a hole is none.
    pub(super) fn ended(&self, lane: &Arc<Lane>, reason: CloseReason) {
        if self.remove(lane) {
            debug!(?reason, "a lane ended before it was used");
            self.follow();
        } else {
            self.closed.close(reason);
        }
    }

    /// Takes a lane that has ended out, unless units go over it.
    fn remove(&self, lane: &Arc<Lane>) -> bool {
        let mut is_used = false;
        self.open.send_modify(|open| {
            is_used = lane.is_used();
            open.retain(|it| is_used || !Arc::ptr_eq(it, lane));
        });
        !is_used
    }

    /// This side sends over the lanes that are open, and takes no further ones.
    pub(super) fn complete(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.is_split = true;
    }

    /// The open lanes, which units go over from now on.
    pub(super) fn use_all(&self) -> Vec<Arc<Lane>> {
        let mut used = Vec::new();
        self.open.send_modify(|open| {
            for lane in open.iter() {
                lane.mark_used();
            }
            used.clone_from(open);
        });
        used
    }

    /// The peer sends over `lanes` lanes from now on. `false`: it cannot, that many were not opened.
    pub(super) fn announced(&self, lanes: u32) -> bool {
        let mut state = self.state();
        let opened = state.offered.len().max(self.open.borrow().len()) + 1;
        if state.announced.is_some() || lanes as usize > opened {
            return false;
        }
        state.announced = Some(lanes);
        drop(state);
        self.follow();
        true
    }

    /// Lanes that the peer sends over.
    pub(super) fn expected(&self) -> usize {
        self.state().announced.unwrap_or(1) as usize
    }

    /// Sends over the lanes too, once the peer does and all of them are open here as well.
    fn follow(&self) {
        let mut state = self.state();
        let open = self.open.borrow().len() + 1;
        // A lane more is one that the peer has given up, and that will end.
        let complete = state.announced.is_some_and(|lanes| open == lanes as usize);
        if !complete || std::mem::replace(&mut state.is_split, true) {
            return;
        }
        if let Some(queue) = self.queue() {
            tokio::spawn(async move {
                let _ = queue.push(OutgoingUnit::Split).await;
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
