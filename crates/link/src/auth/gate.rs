//! Where a worker lets clients in, and counts those that it does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};
use webrtc::data_channel::DataChannel;

use super::proof::Fingerprints;
use super::wire::{DataWire, Wire};
use super::{AUTH_TIMEOUT, Auth, PARTING, worker};
use crate::bucket::Bucket;
use crate::error::{GuestError, PeerError};
use crate::peer::Peer;

/// A client that failed keeps its place among the handshakes for so long; meanwhile the verdict
/// reaches it.
const PENALTY: Duration = Duration::from_secs(1);
/// Offers that are taken at once, and then in a second. What a handshake costs is spent before
/// anybody has shown who it is.
const OFFERS: (u32, u32) = (16, 8);
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
    /// Handshakes that gave way to another, or to the same client's next.
    pub aborted: u64,
    /// Offers that were not answered: there were too many.
    pub turned_away: u64,
}

impl AuthCounts {
    /// All that were not let in.
    pub fn failed(&self) -> u64 {
        self.invalid
            + self.missing
            + self.timed_out
            + self.flooded
            + self.aborted
            + self.turned_away
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    offers: Mutex<Bucket>,
    succeeded: AtomicU64,
    invalid: AtomicU64,
    missing: AtomicU64,
    timed_out: AtomicU64,
    flooded: AtomicU64,
    aborted: AtomicU64,
    turned_away: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            offers: Mutex::new(Bucket::new(OFFERS.0, OFFERS.1)),
            succeeded: AtomicU64::default(),
            invalid: AtomicU64::default(),
            missing: AtomicU64::default(),
            timed_out: AtomicU64::default(),
            flooded: AtomicU64::default(),
            aborted: AtomicU64::default(),
            turned_away: AtomicU64::default(),
            told: Mutex::default(),
        }
    }
}

impl Gate {
    /// Whether another offer may be answered now.
    pub(crate) fn takes_offer(&self) -> bool {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.take()
    }

    /// A handshake was ended before it was over.
    pub(crate) fn count_aborted(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    /// An offer was not answered.
    pub(crate) fn count_turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

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
        let deadline = Instant::now() + AUTH_TIMEOUT;
        let fingerprints = peer.fingerprints().await?;
        let mut wire = DataWire::new(peer, data);
        self.judge(&mut wire, peer.auth(), fingerprints, deadline)
            .await
    }

    /// The same over any wire. A client that is not let in is gone at the `deadline`, or a moment
    /// later.
    pub(super) async fn judge(
        &self,
        wire: &mut impl Wire,
        auth: &Auth,
        fingerprints: Fingerprints,
        deadline: Instant,
    ) -> Result<(), PeerError> {
        let outcome = worker::admit(wire, auth, fingerprints, deadline).await;
        self.count(&outcome);
        let Err(error) = outcome else { return Ok(()) };
        if !matches!(error, GuestError::Left | GuestError::Flood) {
            let penalty = Instant::now() + PENALTY;
            sleep_until(penalty.min(deadline + PARTING)).await;
        }
        Err(error.into())
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
            aborted: read(&self.aborted),
            turned_away: read(&self.turned_away),
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
