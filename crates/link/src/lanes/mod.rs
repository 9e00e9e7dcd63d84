//! Several SCTP associations that carry one channel together.
//!
//! ```text
//!            units: whole frames, other messages
//!  Sender ── split ──▶ lane 0 (the channel itself) ──▶ merge ──▶ Receiver
//!                 └──▶ lane 1 (a connection of its own) ──┘
//! ```
//!
//! One association has one congestion window, which a lost packet halves, and its messages wait for
//! the lost one. With several, each loss costs one of them. The descriptions of the further
//! connections go over the channel itself, which is encrypted and whose other end is known: nobody
//! else can join, and no signaling server is asked.

mod answer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod merge;
#[cfg(test)]
mod merge_tests;
mod open;
mod receive;
pub(crate) mod split;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use protocol::LaneAnswer;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::debug;
use webrtc::data_channel::DataChannel;

pub(crate) use receive::{Inlet, Read, decode};

use crate::auth::Auth;
use crate::channel::{CloseReason, Transport};
use crate::config::PeerConfig;
use crate::peer::{Connection, Signals};
use crate::send::Unit;

/// Smallest send buffer and receive window of a lane, in bytes.
const MIN_BUFFER_BYTES: usize = 256 << 10;

/// The sending end of one association.
#[derive(Clone)]
pub(crate) struct Pipe {
    pub(crate) data: Arc<dyn DataChannel>,
    /// Rings when SCTP has nothing left to deliver.
    pub(crate) drained: Arc<Notify>,
    /// Longest message that the peer takes, in bytes.
    pub(crate) max_message_bytes: usize,
}

/// An open lane beside the first.
pub(crate) struct Lane {
    pub(crate) pipe: Pipe,
    connection: Connection,
    signals: Arc<Signals>,
    /// Units go over it, so that its end leaves a hole.
    is_used: AtomicBool,
}

impl Lane {
    pub(crate) fn new(pipe: Pipe, connection: Connection, signals: Arc<Signals>) -> Self {
        Self {
            pipe,
            connection,
            signals,
            is_used: AtomicBool::new(false),
        }
    }

    /// Ends the lane without further words.
    pub(crate) async fn close(&self) {
        let _ = self.connection.close().await;
    }
}

/// The lanes of a channel beside the first, and how further ones come about.
pub(crate) struct Lanes {
    /// Settings of their connections.
    config: PeerConfig,
    /// The send queue of the channel; it must end when the senders do.
    queue: OnceLock<mpsc::WeakSender<Unit>>,
    open: watch::Sender<Vec<Arc<Lane>>>,
    state: Mutex<State>,
    /// A frame may arrive before one that was sent earlier, and so may an answer.
    pub(crate) may_pass: AtomicBool,
    /// Answers that are under way to a peer's offers; they end with the channel.
    answering: Mutex<JoinSet<()>>,
    /// Who waits for the lanes' ends; they end with the channel too.
    watching: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct State {
    /// Lanes that the peer has offered.
    offered: Vec<u32>,
    /// Who waits for the peer's answer to this side's offers.
    waiting: HashMap<u32, oneshot::Sender<LaneAnswer>>,
    /// Lanes that the peer sends over, once it has said so.
    announced: Option<u32>,
    /// This side sends over its lanes.
    is_split: bool,
}

impl Lanes {
    pub(crate) fn new(config: &PeerConfig) -> Self {
        Self {
            config: config.clone(),
            queue: OnceLock::new(),
            open: watch::Sender::default(),
            state: Mutex::default(),
            may_pass: AtomicBool::default(),
            answering: Mutex::default(),
            watching: Mutex::default(),
        }
    }

    /// Takes the channel's send queue.
    pub(crate) fn connect(&self, queue: &mpsc::Sender<Unit>) {
        let _ = self.queue.set(queue.downgrade());
    }

    fn queue(&self) -> Option<mpsc::Sender<Unit>> {
        self.queue.get()?.upgrade()
    }

    pub(crate) fn open(&self) -> Vec<Arc<Lane>> {
        self.open.borrow().clone()
    }

    fn arrivals(&self) -> watch::Receiver<Vec<Arc<Lane>>> {
        self.open.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settings of one of `lanes` lanes: together they hold about what one channel holds.
    fn config_of(&self, lanes: usize) -> PeerConfig {
        let share = |bytes: usize| (2 * bytes / lanes.max(2)).max(MIN_BUFFER_BYTES.min(bytes));
        let window = share(self.config.receive_window_bytes as usize);
        PeerConfig {
            send_buffer_bytes: share(self.config.send_buffer_bytes),
            receive_window_bytes: u32::try_from(window).unwrap_or(u32::MAX),
            // Its description, with the fingerprint, came over the channel, which has been
            // authenticated; and the library takes no other certificate.
            auth: Auth::None,
            ..self.config.clone()
        }
    }

    /// The open lanes, which units go over from now on.
    fn use_all(&self) -> Vec<Arc<Lane>> {
        let mut used = Vec::new();
        self.open.send_modify(|open| {
            for lane in open.iter() {
                lane.is_used.store(true, Ordering::Relaxed);
            }
            used.clone_from(open);
        });
        used
    }

    /// Takes a lane that has ended out, unless units go over it.
    fn remove(&self, lane: &Arc<Lane>) -> bool {
        let mut is_used = false;
        self.open.send_modify(|open| {
            is_used = lane.is_used.load(Ordering::Relaxed);
            open.retain(|it| is_used || !Arc::ptr_eq(it, lane));
        });
        !is_used
    }

    /// The peer sends over `lanes` lanes from now on. `false`: it cannot, that many were not opened.
    fn announced(&self, lanes: u32) -> bool {
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
    fn expected(&self) -> usize {
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
                let _ = queue.send(Unit::Split).await;
            });
        }
    }
}

impl Transport {
    /// Takes an open lane, and waits for its end.
    fn add_lane(self: &Arc<Self>, lane: Lane) {
        // Too late, or over already: the peer has done without it, or will.
        if self.lanes.state().is_split || lane.signals.closed_because().is_some() {
            return;
        }
        let lane = Arc::new(lane);
        let (transport, watched) = (Arc::downgrade(self), Arc::downgrade(&lane));
        let signals = lane.signals.clone();
        let watching = &self.lanes.watching;
        let mut watching = watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.spawn(async move {
            let reason = signals.closed().await;
            if let (Some(transport), Some(lane)) = (transport.upgrade(), watched.upgrade()) {
                transport.lane_ended(&lane, reason);
            }
        });
        drop(watching);
        self.lanes.open.send_modify(|open| open.push(lane));
        self.lanes.follow();
    }

    /// A lane that nothing went over is done without; any other's end is that of the channel, as a
    /// channel with a hole is none.
    fn lane_ended(&self, lane: &Arc<Lane>, reason: CloseReason) {
        if self.lanes.remove(lane) {
            debug!(?reason, "a lane ended before it was used");
            self.lanes.follow();
        } else {
            self.signals.close(reason);
        }
    }

    /// Closes the channel because the peer's lanes do not fit together.
    fn violated(&self, violation: &merge::Violation) {
        debug!(%violation, "closing the channel");
        self.signals.close(CloseReason::Violation);
    }

    /// The sending end of the channel's own association.
    pub(crate) fn pipe(&self) -> Pipe {
        Pipe {
            data: self.data.clone(),
            drained: self.drained.clone(),
            max_message_bytes: self.max_message_bytes,
        }
    }

    /// The sending ends of all lanes, to be sent over.
    pub(crate) fn used_pipes(&self) -> Vec<Pipe> {
        let further = self.lanes.use_all();
        let further = further.iter().map(|lane| lane.pipe.clone());
        std::iter::once(self.pipe()).chain(further).collect()
    }

    /// The sending ends of all lanes.
    pub(crate) fn pipes(&self) -> Vec<Pipe> {
        let further = self.lanes.open();
        let further = further.iter().map(|lane| lane.pipe.clone());
        std::iter::once(self.pipe()).chain(further).collect()
    }
}
