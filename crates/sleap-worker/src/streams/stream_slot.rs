//! The slot for streams: a worker serves one stream at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::stream_queue::StreamQueue;
use crate::admission::ClientSlot;

/// Longest wait for the former connection of a client that reconnected to be closed.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a client that connects now can stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamAvailability {
    /// The next client can stream.
    Available,
    /// Another client streams.
    Busy,
    /// No stream begins any more; the last one may still run.
    ShuttingDown,
}

impl StreamAvailability {
    /// For the service manager's status line.
    pub(crate) fn words(self) -> &'static str {
        match self {
            StreamAvailability::Available => "waiting for a client",
            StreamAvailability::Busy => "serving a stream",
            StreamAvailability::ShuttingDown => "shutting down",
        }
    }
}

/// The slot for streams. It has the stream that holds the permit.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    permits: Arc<Semaphore>,
    /// The stream's name, where its client gave it one, and the token that evicts its session.
    streaming: Mutex<Option<(String, CancellationToken)>>,
    queue: Mutex<StreamQueue>,
    availability: watch::Sender<StreamAvailability>,
}

/// The permit to stream. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    availability: watch::Sender<StreamAvailability>,
    _permit: OwnedSemaphorePermit,
}

impl StreamSlot {
    pub(crate) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(1)),
            streaming: Mutex::new(None),
            queue: Mutex::default(),
            availability: watch::Sender::new(StreamAvailability::Available),
        }
    }

    /// Whether a client that connects now can stream, now and after each change.
    pub(crate) fn availability(&self) -> watch::Receiver<StreamAvailability> {
        self.availability.subscribe()
    }

    /// Lets no stream begin from now on.
    pub(crate) fn close(&self) {
        self.availability
            .send_replace(StreamAvailability::ShuttingDown);
    }

    /// Whether a client streams.
    pub(crate) fn is_busy(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// Whether no stream begins any more.
    pub(crate) fn is_closed(&self) -> bool {
        *self.availability.borrow() == StreamAvailability::ShuttingDown
    }

    /// Resolves once no client streams.
    pub(crate) async fn empty(&self) {
        // The semaphore is never closed.
        drop(self.permits.acquire().await);
    }

    /// The permit to stream, if no client has it, and none is ahead in the queue.
    pub(crate) fn enter(&self, name: Option<&str>, client: &ClientSlot) -> Option<StreamPermit> {
        if self.is_closed() || !self.queue().is_next(client, Instant::now()) {
            return None;
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(self.permit(permit, name, client))
    }

    /// The permit for the next stream of the client that has it. Clients in the queue wait for the
    /// client's end, not for the end of one stream.
    pub(crate) fn restart(
        &self,
        permit: StreamPermit,
        name: Option<&str>,
        client: &ClientSlot,
    ) -> Option<StreamPermit> {
        if self.is_closed() {
            return None;
        }
        self.name(name, client);
        Some(permit)
    }

    /// The permit of the client's former connection, which is lost although the worker has not noticed
    /// that yet. `None` where another client streams.
    pub(crate) async fn take_over(&self, name: &str, client: &ClientSlot) -> Option<StreamPermit> {
        if self.is_closed() {
            return None;
        }
        let former = self.lock().clone().filter(|(known, _)| known == name);
        former?.1.cancel();
        let free = Arc::clone(&self.permits).acquire_owned();
        let permit = timeout(TAKEOVER_TIMEOUT, free).await.ok()?.ok()?;
        Some(self.permit(permit, Some(name), client))
    }

    /// Puts a client that was refused in the queue, or keeps its place there: 1 is the next.
    pub(crate) fn wait_in_queue(&self, client: &Arc<ClientSlot>, now: Instant) -> usize {
        self.queue().wait(client, now)
    }

    /// Takes a client out of the queue.
    pub(crate) fn leave_queue(&self, client: &ClientSlot) {
        self.queue().leave(client);
    }

    // Each change under the lock is complete, so the state behind a poisoned lock is valid.
    fn queue(&self) -> std::sync::MutexGuard<'_, StreamQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(
        &self,
        permit: OwnedSemaphorePermit,
        name: Option<&str>,
        client: &ClientSlot,
    ) -> StreamPermit {
        self.queue().leave(client);
        self.name(name, client);
        change(&self.availability, StreamAvailability::Busy);
        StreamPermit {
            availability: self.availability.clone(),
            _permit: permit,
        }
    }

    /// Notes whose stream has the permit.
    fn name(&self, name: Option<&str>, client: &ClientSlot) {
        *self.lock() = name.map(|name| (name.to_owned(), client.eviction()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, CancellationToken)>> {
        self.streaming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        // Before the permit goes back: the next stream sets the state to busy after this.
        change(&self.availability, StreamAvailability::Available);
    }
}

/// Changes the availability, unless the worker shuts down: that state is final.
fn change(availability: &watch::Sender<StreamAvailability>, to: StreamAvailability) {
    availability.send_if_modified(|now| {
        let changes = *now != StreamAvailability::ShuttingDown && *now != to;
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

    #[test]
    fn a_client_that_starts_another_stream_stays_ahead_of_those_that_wait() {
        let slot = StreamSlot::new();
        let streaming = ClientSlot::new(Instant::now());
        let waiting = Arc::new(ClientSlot::new(Instant::now()));
        let permit = slot.enter(None, &streaming).expect("no client streams");
        assert_eq!(slot.wait_in_queue(&waiting, Instant::now()), 1);
        let permit = slot.restart(permit, Some("next"), &streaming);
        let permit = permit.expect("the client has the permit");
        assert!(slot.is_busy() && slot.enter(None, &waiting).is_none());
        drop(permit);
        assert!(slot.enter(None, &waiting).is_some());
    }

    #[tokio::test]
    async fn a_slot_that_is_closed_lets_the_last_stream_run_and_no_other_begin() {
        let slot = StreamSlot::new();
        let availability = slot.availability();
        let is = |expected| assert_eq!(*availability.borrow(), expected);
        let (first, second) = (
            ClientSlot::new(Instant::now()),
            ClientSlot::new(Instant::now()),
        );
        let permit = slot
            .enter(Some("first"), &first)
            .expect("no client streams");
        is(StreamAvailability::Busy);
        assert!(slot.enter(None, &second).is_none());
        drop(permit);
        is(StreamAvailability::Available);
        let permit = slot
            .enter(Some("first"), &first)
            .expect("no client streams");
        slot.close();
        is(StreamAvailability::ShuttingDown);
        assert!(slot.take_over("first", &second).await.is_none());
        assert!(timeout(Duration::ZERO, slot.empty()).await.is_err());
        drop(permit);
        is(StreamAvailability::ShuttingDown);
        slot.empty().await;
        assert!(slot.enter(None, &second).is_none());
    }
}
