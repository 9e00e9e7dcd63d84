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
pub(crate) mod merge;
#[cfg(test)]
mod merge_tests;
mod open;
mod receive;
pub(crate) mod split;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use protocol::LaneAnswer;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::debug;
use webrtc::data_channel::DataChannel;

pub(crate) use receive::{Inlet, Read};

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
}

impl Lane {
    pub(crate) fn new(pipe: Pipe, connection: Connection, signals: Arc<Signals>) -> Self {
        Self {
            pipe,
            connection,
            signals,
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
            ..self.config.clone()
        }
    }

    /// Takes an open lane. Either one's end is the end of both: a channel with a hole is none.
    fn add(&self, lane: Lane, channel: &Arc<Signals>) {
        let (lane_signals, channel) = (lane.signals.clone(), channel.clone());
        tokio::spawn(async move {
            tokio::select! {
                reason = lane_signals.closed() => channel.close(reason),
                _ = channel.closed() => {}
            }
        });
        self.open.send_modify(|open| open.push(Arc::new(lane)));
        self.follow();
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
        let complete = state.announced.is_some_and(|lanes| open >= lanes as usize);
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

    /// The sending ends of all lanes.
    pub(crate) fn pipes(&self) -> Vec<Pipe> {
        let further = self.lanes.open();
        let further = further.iter().map(|lane| lane.pipe.clone());
        std::iter::once(self.pipe()).chain(further).collect()
    }
}
