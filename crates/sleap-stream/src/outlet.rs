//! From the encoder to the link: whole frames, in order, as fast as the link takes them.

use std::sync::{Arc, Mutex, PoisonError};

use link::{SendError, Sender};
use protocol::{Frame, Message};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::flight::Flight;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) frames: u64,
    /// Payload bytes of frames, without messages around them.
    pub(crate) bytes: u64,
}

/// Nothing more can be sent: the link is closed, which the receiver reports, or the run is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Bytes that a live stream may have unacknowledged towards a worker that answers nothing. Nothing
/// else bounds the age of its frames there.
const LIVE_BUFFER: usize = 256 << 10;

/// The encoder's way into the link. It waits in the encoder's own thread, so that between the two
/// no frame lies about.
pub(crate) struct Outlet {
    runtime: Handle,
    sender: Sender,
    halt: CancellationToken,
    flight: Arc<Mutex<Flight>>,
    totals: watch::Sender<Sent>,
    /// The link's buffer is kept short.
    shallow: bool,
}

impl Outlet {
    /// Must be called inside the runtime. `halt` ends a wait for a link that is stuck; `shallow`
    /// keeps the link's buffer short, where answers do not bound what is under way.
    pub(crate) fn new(
        sender: Sender,
        halt: CancellationToken,
        flight: Arc<Mutex<Flight>>,
        totals: watch::Sender<Sent>,
        shallow: bool,
    ) -> Self {
        Self {
            runtime: Handle::current(),
            sender,
            halt,
            flight,
            totals,
            shallow,
        }
    }

    pub(crate) fn message(&self, message: Message) -> Result<(), Gone> {
        self.wait(self.sender.send(message))
    }

    pub(crate) fn frame(&self, frame: Frame) -> Result<(), Gone> {
        let (id, bytes) = (frame.meta.frame_id, frame.meta.nbytes);
        // Counted before, so that an answer never comes for a frame that is not.
        self.totals.send_modify(|sent| {
            sent.frames += 1;
            sent.bytes += bytes;
        });
        // Whole in the channel's buffer before the next one is taken: a frame that would only wait
        // in a queue is better off at the source, and the buffer keeps the link busy meanwhile.
        self.wait(async {
            let handed = self.sender.send_frame(frame).await?;
            if let Some(at) = handed.await {
                let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
                flight.handed(id, at);
            }
            if self.shallow
                && self.sender.stats().outstanding_bytes.unwrap_or_default() > LIVE_BUFFER
            {
                self.sender.flush().await?;
            }
            Ok(())
        })
    }

    fn wait(&self, sending: impl Future<Output = Result<(), SendError>>) -> Result<(), Gone> {
        self.runtime
            .block_on(async {
                tokio::select! {
                    sent = sending => sent,
                    () = self.halt.cancelled() => Ok(()),
                }
            })
            .map_err(|error| {
                tracing::debug!(%error, "not sent");
                Gone
            })?;
        if self.halt.is_cancelled() {
            Err(Gone)
        } else {
            Ok(())
        }
    }
}
