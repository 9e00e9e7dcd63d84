//! The connection as the sending side sees it: there, or away for a while.

use std::sync::Arc;

use link::Sender;
use tokio::sync::watch;

/// Counts the connections of a run; the first is 0.
pub(crate) type Generation = u64;

#[derive(Clone)]
struct State {
    generation: Generation,
    /// `None` while the connection is away.
    sender: Option<Sender>,
}

/// The end of the line where connections are made and lost. Dropping it ends the sending.
pub(crate) struct Line(watch::Sender<State>);

/// The end of the line where frames come in.
#[derive(Clone)]
pub(crate) struct Tap(watch::Receiver<State>);

impl Line {
    /// A line over the first connection.
    pub(crate) fn new(sender: Sender) -> (Arc<Self>, Tap) {
        let (line, tap) = watch::channel(State {
            generation: 0,
            sender: Some(sender),
        });
        (Arc::new(Self(line)), Tap(tap))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.borrow().sender.is_some()
    }

    /// The connection is lost; gives the number of the next one.
    pub(crate) fn away(&self) -> Generation {
        self.0.send_modify(|state| {
            state.generation += 1;
            state.sender = None;
        });
        self.0.borrow().generation
    }

    /// Connection `generation` takes frames, unless it was lost meanwhile.
    pub(crate) fn up(&self, generation: Generation, sender: Sender) {
        self.0.send_if_modified(|state| {
            let current = state.generation == generation;
            if current {
                state.sender = Some(sender);
            }
            current
        });
    }
}

impl Tap {
    /// The connection, once it is there; `None` when there will be none any more.
    pub(crate) async fn sender(&mut self) -> Option<(Generation, Sender)> {
        let state = self.0.wait_for(|state| state.sender.is_some()).await.ok()?;
        let State { generation, sender } = state.clone();
        Some((generation, sender?))
    }

    /// Waits until connection `generation` is over.
    pub(crate) async fn left(&mut self, generation: Generation) {
        // Nothing more comes: `sender` says so next.
        let _ = self
            .0
            .wait_for(|state| state.generation != generation)
            .await;
    }
}
