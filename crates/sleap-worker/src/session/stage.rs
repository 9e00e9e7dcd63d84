//! The one stream that a worker serves at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::places::Place;

/// How long the former connection of a client that came back may take to be cleared away.
const CLEARING: Duration = Duration::from_secs(5);

/// Who streams.
#[derive(Debug)]
pub(crate) struct Stage {
    place: Arc<Semaphore>,
    /// The stream's name, where its client gave it one, and what sends its session away.
    streaming: Mutex<Option<(String, CancellationToken)>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            place: Arc::new(Semaphore::new(1)),
            streaming: Mutex::new(None),
        }
    }

    /// The permit to stream, if nobody else does.
    pub(super) fn enter(&self, name: Option<&str>, place: &Place) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.place).try_acquire_owned().ok()?;
        *self.lock() = name.map(|name| (name.to_owned(), place.dismissal()));
        Some(permit)
    }

    /// The permit of the client's former self, whose connection is lost although that was not
    /// noticed yet. `None` where another client streams.
    pub(super) async fn take_over(
        &self,
        name: &str,
        place: &Place,
    ) -> Option<OwnedSemaphorePermit> {
        let former = self.lock().clone().filter(|(known, _)| known == name);
        former?.1.cancel();
        let free = Arc::clone(&self.place).acquire_owned();
        let permit = timeout(CLEARING, free).await.ok()?.ok()?;
        *self.lock() = Some((name.to_owned(), place.dismissal()));
        Some(permit)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, CancellationToken)>> {
        self.streaming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
