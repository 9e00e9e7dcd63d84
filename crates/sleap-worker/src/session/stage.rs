//! The one stream that a worker serves at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::places::Place;

/// How long the former connection of a client that came back may take to be cleared away.
const CLEARING: Duration = Duration::from_secs(5);

/// Whether a client that comes now can stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Availability {
    Available,
    /// Another client streams.
    Busy,
    /// No stream begins any more; the last one may still run.
    ShuttingDown,
}

impl Availability {
    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Availability::Available => "waiting for a client",
            Availability::Busy => "serving a stream",
            Availability::ShuttingDown => "shutting down",
        }
    }
}

/// Who streams.
#[derive(Debug)]
pub(crate) struct Stage {
    place: Arc<Semaphore>,
    /// The stream's name, where its client gave it one, and what sends its session away.
    streaming: Mutex<Option<(String, CancellationToken)>>,
    availability: watch::Sender<Availability>,
}

/// The permit to stream. Dropping it lets the next client stream.
#[derive(Debug)]
pub(super) struct Turn {
    availability: watch::Sender<Availability>,
    _permit: OwnedSemaphorePermit,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            place: Arc::new(Semaphore::new(1)),
            streaming: Mutex::new(None),
            availability: watch::Sender::new(Availability::Available),
        }
    }

    /// Whether a client that comes now can stream, from now on.
    pub(crate) fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// No stream begins from now on.
    pub(crate) fn close(&self) {
        self.availability.send_replace(Availability::ShuttingDown);
    }

    /// Whether somebody streams.
    pub(crate) fn is_busy(&self) -> bool {
        self.place.available_permits() == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.availability.borrow() == Availability::ShuttingDown
    }

    /// Resolves once nobody streams.
    pub(crate) async fn empty(&self) {
        // The semaphore is never closed.
        drop(self.place.acquire().await);
    }

    /// The permit to stream, if nobody else does.
    pub(super) fn enter(&self, name: Option<&str>, place: &Place) -> Option<Turn> {
        if self.is_closed() {
            return None;
        }
        let permit = Arc::clone(&self.place).try_acquire_owned().ok()?;
        Some(self.turn(permit, name, place))
    }

    /// The permit of the client's former self, whose connection is lost although that was not
    /// noticed yet. `None` where another client streams.
    pub(super) async fn take_over(&self, name: &str, place: &Place) -> Option<Turn> {
        if self.is_closed() {
            return None;
        }
        let former = self.lock().clone().filter(|(known, _)| known == name);
        former?.1.cancel();
        let free = Arc::clone(&self.place).acquire_owned();
        let permit = timeout(CLEARING, free).await.ok()?.ok()?;
        Some(self.turn(permit, Some(name), place))
    }

    fn turn(&self, permit: OwnedSemaphorePermit, name: Option<&str>, place: &Place) -> Turn {
        *self.lock() = name.map(|name| (name.to_owned(), place.dismissal()));
        change(&self.availability, Availability::Busy);
        Turn {
            availability: self.availability.clone(),
            _permit: permit,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, CancellationToken)>> {
        self.streaming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the permit goes back: the next stream says that the worker is busy after this.
        change(&self.availability, Availability::Available);
    }
}

/// A worker that shuts down does nothing else any more.
fn change(availability: &watch::Sender<Availability>, to: Availability) {
    availability.send_if_modified(|now| {
        let changes = *now != Availability::ShuttingDown && *now != to;
        if changes {
            *now = to;
        }
        changes
    });
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_stage_that_is_closed_lets_the_last_stream_run_and_no_other_begin() {
        let stage = Stage::new();
        let availability = stage.availability();
        let is = |expected| assert_eq!(*availability.borrow(), expected);
        let (first, second) = (Place::new(Instant::now()), Place::new(Instant::now()));
        let turn = stage.enter(Some("first"), &first).expect("nobody streams");
        is(Availability::Busy);
        assert!(stage.enter(None, &second).is_none());
        drop(turn);
        is(Availability::Available);
        let turn = stage.enter(Some("first"), &first).expect("nobody streams");
        stage.close();
        is(Availability::ShuttingDown);
        assert!(stage.take_over("first", &second).await.is_none());
        assert!(timeout(Duration::ZERO, stage.empty()).await.is_err());
        drop(turn);
        is(Availability::ShuttingDown);
        stage.empty().await;
        assert!(stage.enter(None, &second).is_none());
    }
}
