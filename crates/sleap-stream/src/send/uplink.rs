//! The sending side of the client's connection, over however many connections the run has.

use std::sync::Arc;

use link::{SendError, Sender};
use protocol::{Frame, FrameId, Message};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::send::in_flight::{ConnectionNumber, InFlight, SharedInFlight};

/// Bytes that a live stream may have unacknowledged towards a worker that returns no results. Nothing
/// else bounds the age of its frames there.
const MAX_LIVE_BUFFER: usize = 256 << 10;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SentTotals {
    /// Frames.
    pub(crate) frames: u64,
    /// Payload bytes of frames, without messages around them.
    pub(crate) bytes: u64,
}

/// Nothing more can be sent: the connection will not come back, or the run is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UplinkClosed;

#[derive(Clone)]
struct State {
    connection: ConnectionNumber,
    /// `None` while there is no connection.
    sender: Option<Sender>,
}

/// Where connections are made and lost. Dropping it ends the sending.
pub(crate) struct UplinkControl(watch::Sender<State>);

/// Where the connection at hand is found.
#[derive(Clone)]
pub(crate) struct UplinkWatch(watch::Receiver<State>);

impl UplinkControl {
    /// Begins with the first connection.
    pub(crate) fn new(sender: Sender) -> (Arc<Self>, UplinkWatch) {
        let (control, watch) = watch::channel(State {
            connection: 0,
            sender: Some(sender),
        });
        (Arc::new(Self(control)), UplinkWatch(watch))
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.0.borrow().sender.is_some()
    }

    /// The connection is lost; gives the number of the next one.
    pub(crate) fn lost(&self) -> ConnectionNumber {
        self.0.send_modify(|state| {
            state.connection += 1;
            state.sender = None;
        });
        self.0.borrow().connection
    }

    /// This connection takes frames, unless it was lost meanwhile.
    pub(crate) fn connected(&self, connection: ConnectionNumber, sender: Sender) {
        self.0.send_if_modified(|state| {
            let is_current = state.connection == connection;
            if is_current {
                state.sender = Some(sender);
            }
            is_current
        });
    }
}

impl UplinkWatch {
    /// The connection, once it is there; `None` when there will be none any more.
    pub(crate) async fn sender(&mut self) -> Option<(ConnectionNumber, Sender)> {
        let state = self.0.wait_for(|state| state.sender.is_some()).await.ok()?;
        let State { connection, sender } = state.clone();
        Some((connection, sender?))
    }

    /// Waits until this connection is over.
    pub(crate) async fn lost(&mut self, connection: ConnectionNumber) {
        // An error means that no connection follows: `sender` returns that next.
        let _ = self
            .0
            .wait_for(|state| state.connection != connection)
            .await;
    }
}

/// From the encoder to the link: complete frames, in order, as fast as the link takes them. It waits in
/// the encoder's own thread, so that no frame is queued between the two.
pub(crate) struct Uplink {
    runtime: Handle,
    watch: UplinkWatch,
    halt: CancellationToken,
    in_flight: Arc<SharedInFlight>,
    totals: watch::Sender<SentTotals>,
    /// The link's buffer is kept short.
    is_shallow: bool,
}

impl Uplink {
    /// Must be called inside the runtime. `halt` ends a wait for a link that is stuck; `is_shallow`
    /// keeps the link's buffer short, where results do not bound what is in flight.
    pub(crate) fn new(
        watch: UplinkWatch,
        halt: CancellationToken,
        in_flight: Arc<SharedInFlight>,
        totals: watch::Sender<SentTotals>,
        is_shallow: bool,
    ) -> Self {
        Self {
            runtime: Handle::current(),
            watch,
            halt,
            in_flight,
            totals,
            is_shallow,
        }
    }

    /// Sends a message that means nothing on another connection than this one.
    pub(crate) fn message(&self, message: Message) -> Result<(), UplinkClosed> {
        let mut watch = self.watch.clone();
        self.wait(async {
            let (connection, sender) = watch.sender().await.ok_or(UplinkClosed)?;
            tokio::select! {
                sent = sender.send(message) => match sent {
                    Ok(()) | Err(SendError::Closed(_)) => Ok(()),
                    Err(error) => Err(closed_by(&error)),
                },
                () = watch.lost(connection) => Ok(()),
            }
        })
    }

    /// Sends a frame that is in flight. While there is no connection it waits; a frame that was
    /// sent over the next one by then, or that is forgotten, is done.
    pub(crate) fn frame(&self, frame: Frame) -> Result<(), UplinkClosed> {
        let (id, bytes) = (frame.meta.frame_id, frame.meta.nbytes);
        // Counted before, so that a result never comes for a frame that is not counted.
        self.totals.send_modify(|sent| {
            sent.frames += 1;
            sent.bytes += bytes;
        });
        let mut watch = self.watch.clone();
        self.wait(async {
            loop {
                let (connection, sender) = watch.sender().await.ok_or(UplinkClosed)?;
                let claim = |in_flight: &mut InFlight| in_flight.claim(id, connection);
                if !self.in_flight.update(claim) {
                    return Ok(());
                }
                let sent = tokio::select! {
                    sent = self.send(&sender, id, frame.clone()) => sent,
                    // One that hangs is left before it is closed.
                    () = watch.lost(connection) => continue,
                };
                match sent {
                    Ok(()) => return Ok(()),
                    Err(SendError::Closed(_)) => watch.lost(connection).await,
                    Err(error) => return Err(closed_by(&error)),
                }
            }
        })
    }

    /// Resolves when the frame is complete in a lane's buffer and there is room for another: one that
    /// would only wait in a queue is better replaced at the source, and the buffers keep the link busy.
    async fn send(&self, sender: &Sender, id: FrameId, frame: Frame) -> Result<(), SendError> {
        let mut handed = sender.send_frame(frame).await?;
        tokio::select! {
            biased;
            at = &mut handed => match at {
                Some(at) => self.in_flight.update(|in_flight| in_flight.handed(id, at)),
                None => return Err(SendError::Closed(sender.closed_because().await)),
            },
            // Another lane is free meanwhile.
            () = sender.ready() => {
                let in_flight = Arc::clone(&self.in_flight);
                tokio::spawn(async move {
                    if let Some(at) = handed.await {
                        in_flight.update(|in_flight| in_flight.handed(id, at));
                    }
                });
            }
        }
        sender.lanes_or_arrival().await;
        let outstanding = || sender.stats().outstanding_bytes.unwrap_or_default();
        if self.is_shallow && outstanding() > MAX_LIVE_BUFFER {
            sender.flush().await?;
        }
        Ok(())
    }

    fn wait(
        &self,
        sending: impl Future<Output = Result<(), UplinkClosed>>,
    ) -> Result<(), UplinkClosed> {
        self.runtime.block_on(async {
            tokio::select! {
                sent = sending => sent,
                () = self.halt.cancelled() => Err(UplinkClosed),
            }
        })
    }
}

fn closed_by(error: &SendError) -> UplinkClosed {
    tracing::debug!(%error, "not sent");
    UplinkClosed
}
