//! Where a worker lets clients in, and counts those that it does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use webrtc::data_channel::DataChannel;

use super::wire::DataWire;
use super::worker;
use crate::error::{GuestError, PeerError};
use crate::peer::Peer;

/// A client that failed keeps its place among the handshakes for so long, which bounds attempts to
/// a few a second; meanwhile the verdict reaches it.
const PENALTY: Duration = Duration::from_secs(1);
/// A client that said nothing has had its time; only the verdict has to leave.
const PARTING: Duration = Duration::from_millis(100);
/// Failures are told at most so often, or they would fill the log.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How clients' attempts to authenticate ended, since the worker began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthCounts {
    pub succeeded: u64,
    /// A wrong proof.
    pub invalid: u64,
    /// No proof, or something else in its place.
    pub missing: u64,
    /// Silence.
    pub timed_out: u64,
    /// More bytes than a peer may send before it has shown who it is.
    pub flooded: u64,
}

impl AuthCounts {
    /// All that were not let in.
    pub fn failed(&self) -> u64 {
        self.invalid + self.missing + self.timed_out + self.flooded
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gate {
    succeeded: AtomicU64,
    invalid: AtomicU64,
    missing: AtomicU64,
    timed_out: AtomicU64,
    flooded: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Gate {
    /// Has the client behind `peer` prove what the peer was configured to ask; at once where that
    /// is nothing.
    pub(crate) async fn admit(
        &self,
        peer: &Peer,
        data: &Arc<dyn DataChannel>,
    ) -> Result<(), PeerError> {
        if peer.auth().is_none() {
            return Ok(());
        }
        let fingerprints = peer.fingerprints().await?;
        let mut wire = DataWire::new(peer, data);
        let outcome = worker::admit(&mut wire, peer.auth(), fingerprints).await;
        self.count(&outcome);
        if let Err(error) = outcome {
            match error {
                GuestError::Left | GuestError::Flood => {}
                GuestError::Timeout { .. } => sleep(PARTING).await,
                _ => sleep(PENALTY).await,
            }
            return Err(error.into());
        }
        Ok(())
    }

    fn count(&self, outcome: &Result<(), GuestError>) {
        let counter = match outcome {
            Ok(()) => &self.succeeded,
            Err(GuestError::Invalid | GuestError::Unbound) => &self.invalid,
            Err(GuestError::Missing { .. } | GuestError::Left) => &self.missing,
            Err(GuestError::Timeout { .. }) => &self.timed_out,
            Err(GuestError::Flood) => &self.flooded,
            Err(GuestError::Randomness) => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> AuthCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AuthCounts {
            succeeded: read(&self.succeeded),
            invalid: read(&self.invalid),
            missing: read(&self.missing),
            timed_out: read(&self.timed_out),
            flooded: read(&self.flooded),
        }
    }

    /// Logs that a client was not let in, every now and then.
    pub(crate) fn tell(&self, client: &str, error: &GuestError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            debug!(client, %error, "not let in");
            return;
        }
        *told = Some(Instant::now());
        let failed = self.counts().failed();
        match error {
            GuestError::Left => info!(client, %error, failed, "not let in"),
            _ => warn!(client, %error, failed, "not let in"),
        }
    }
}
