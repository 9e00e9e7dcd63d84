//! From the encoder to the link: whole frames, in order, as fast as the link takes them.

use std::sync::{Arc, Mutex};

use link::{SendError, Sender};
use protocol::{Frame, FrameId, Message};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::send::in_flight::{self, Flight};
use crate::send::line::Tap;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SentTotals {
    pub(crate) frames: u64,
    /// Payload bytes of frames, without messages around them.
    pub(crate) bytes: u64,
}

/// Nothing more can be sent: the connection will not come back, or the run is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UplinkClosed;

/// Bytes that a live stream may have unacknowledged towards a worker that answers nothing. Nothing
/// else bounds the age of its frames there.
const LIVE_BUFFER: usize = 256 << 10;

/// The encoder's way into the link. It waits in the encoder's own thread, so that between the two
/// no frame lies about.
pub(crate) struct Outlet {
    runtime: Handle,
    tap: Tap,
    halt: CancellationToken,
    flight: Arc<Mutex<Flight>>,
    totals: watch::Sender<SentTotals>,
    /// The link's buffer is kept short.
    shallow: bool,
}

impl Outlet {
    /// Must be called inside the runtime. `halt` ends a wait for a link that is stuck; `shallow`
    /// keeps the link's buffer short, where answers do not bound what is under way.
    pub(crate) fn new(
        tap: Tap,
        halt: CancellationToken,
        flight: Arc<Mutex<Flight>>,
        totals: watch::Sender<SentTotals>,
        shallow: bool,
    ) -> Self {
        Self {
            runtime: Handle::current(),
            tap,
            halt,
            flight,
            totals,
            shallow,
        }
    }

    /// Sends a message that is worth nothing on another connection than this one.
    pub(crate) fn message(&self, message: Message) -> Result<(), UplinkClosed> {
        let mut tap = self.tap.clone();
        self.wait(async {
            let (generation, sender) = tap.sender().await.ok_or(UplinkClosed)?;
            tokio::select! {
                sent = sender.send(message) => match sent {
                    Ok(()) | Err(SendError::Closed(_)) => Ok(()),
                    Err(error) => Err(gone(&error)),
                },
                () = tap.left(generation) => Ok(()),
            }
        })
    }

    /// Sends a frame that is in flight. While the connection is away it waits; a frame that was
    /// sent over the next one by then, or that nobody waits for any more, is done.
    pub(crate) fn frame(&self, frame: Frame) -> Result<(), UplinkClosed> {
        let (id, bytes) = (frame.meta.frame_id, frame.meta.nbytes);
        // Counted before, so that an answer never comes for a frame that is not.
        self.totals.send_modify(|sent| {
            sent.frames += 1;
            sent.bytes += bytes;
        });
        let mut tap = self.tap.clone();
        self.wait(async {
            loop {
                let (generation, sender) = tap.sender().await.ok_or(UplinkClosed)?;
                if !in_flight::lock(&self.flight).claim(id, generation) {
                    return Ok(());
                }
                let sent = tokio::select! {
                    sent = self.send(&sender, id, frame.clone()) => sent,
                    // One that hangs is left before it is closed.
                    () = tap.left(generation) => continue,
                };
                match sent {
                    Ok(()) => return Ok(()),
                    Err(SendError::Closed(_)) => tap.left(generation).await,
                    Err(error) => return Err(gone(&error)),
                }
            }
        })
    }

    /// Resolves when the frame is whole in a lane's buffer and there is room for another: one that
    /// would only wait in a queue is better off at the source, and the buffers keep the link busy.
    async fn send(&self, sender: &Sender, id: FrameId, frame: Frame) -> Result<(), SendError> {
        let mut handed = sender.send_frame(frame).await?;
        tokio::select! {
            biased;
            at = &mut handed => match at {
                Some(at) => in_flight::lock(&self.flight).handed(id, at),
                None => return Err(SendError::Closed(sender.closed_because().await)),
            },
            // Another lane is free meanwhile.
            () = sender.ready() => {
                let flight = Arc::clone(&self.flight);
                tokio::spawn(async move {
                    if let Some(at) = handed.await {
                        in_flight::lock(&flight).handed(id, at);
                    }
                });
            }
        }
        if self.shallow && sender.stats().outstanding_bytes.unwrap_or_default() > LIVE_BUFFER {
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

fn gone(error: &SendError) -> UplinkClosed {
    tracing::debug!(%error, "not sent");
    UplinkClosed
}
