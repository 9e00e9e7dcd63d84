//! The sending side's moving parts, from capture to the link.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use link::Sender;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use vision::capture::{Capture, Running, Summary};

use crate::encode::{Captured, Encoder, Form};
use crate::flight::Flight;
use crate::outlet::{Outlet, Sent};
use crate::queue::{CloseOnDrop, Policy, Queue};
use crate::window::Window;

/// Frames read ahead of the encoder from a file.
const READ_AHEAD: usize = 1;

/// Frames between encoder and answer. A live source gets a short window, so that frames wait at
/// the source, where newer ones replace them; a file gets one that covers the way there and back.
const LIVE_WINDOW: usize = 4;
const FILE_WINDOW: usize = 16;

/// A running source and its encoder.
pub(crate) struct Stages {
    /// Resolves when everything is sent that will be.
    pub(crate) done: oneshot::Receiver<()>,
    halt: CancellationToken,
    queue: Arc<Queue<Captured>>,
    window: Arc<Window>,
    flight: Arc<Mutex<Flight>>,
    capture: Running,
    encoder: JoinHandle<Result<()>>,
    sent: watch::Receiver<Sent>,
}

impl Stages {
    /// Starts all stages. `answered`: the worker answers each frame, so that answers bound what
    /// is on its way; otherwise only the link's buffer does.
    pub(crate) fn start(
        capture: Capture,
        form: Form,
        answered: bool,
        sender: Sender,
    ) -> Result<Self> {
        let (policy, places) = match capture.info().is_live {
            true => (Policy::Newest, LIVE_WINDOW),
            false => (
                Policy::All {
                    capacity: READ_AHEAD,
                },
                FILE_WINDOW,
            ),
        };
        let places = match answered {
            true => places.max(2 * form.batch_size as usize),
            false => usize::MAX,
        };
        let queue = Queue::new(policy);
        let window = Arc::new(Window::new(places));
        let flight = Arc::new(Mutex::new(Flight::default()));
        let halt = CancellationToken::new();
        let (totals, sent) = watch::channel(Sent::default());
        let (finished, done) = oneshot::channel();
        let encoder = Encoder {
            form,
            queue: Arc::clone(&queue),
            window: Arc::clone(&window),
            flight: Arc::clone(&flight),
            outlet: Outlet::new(sender, halt.clone(), Arc::clone(&flight), totals),
            done: finished,
        };
        let encoder = std::thread::Builder::new()
            .name("encode".into())
            .spawn(move || encoder.run())
            .context("cannot start the encode thread")?;
        let capture = capture.start({
            let queue = CloseOnDrop(Arc::clone(&queue));
            move |frame| {
                let at = Instant::now();
                match queue.0.push(Captured { frame, at }) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            }
        });
        Ok(Self {
            done,
            halt,
            queue,
            window,
            flight,
            capture,
            encoder,
            sent,
        })
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Sent {
        *self.sent.borrow()
    }

    /// Frames that newer ones replaced before they were encoded.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    pub(crate) fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame was answered: its place is free.
    pub(crate) fn answered(&self) {
        self.window.leave();
    }

    /// Ends the source; what was not encoded yet stays unsent.
    pub(crate) fn stop(&self) {
        self.capture.stop();
        self.queue.cut();
        self.window.close();
    }

    /// Stops and joins everything. What a stage failed with is the outer error; how the source
    /// ended by itself is the inner one.
    pub(crate) async fn finish(self) -> Result<Result<Summary, vision::capture::ReadError>> {
        self.stop();
        // The encoder may wait for a link that is stuck.
        self.halt.cancel();
        let Self {
            capture, encoder, ..
        } = self;
        let (captured, encoded) =
            tokio::task::spawn_blocking(move || (capture.join(), encoder.join()))
                .await
                .context("ending the source stopped unexpectedly")?;
        encoded.map_err(|_| anyhow!("the encode thread panicked"))??;
        Ok(captured)
    }
}
