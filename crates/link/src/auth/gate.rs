//! Whether a worker lets a client in, and how many were refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::error::{HandshakeError, PeerError};
use super::exchange::{AuthChannel, PeerAuthChannel};
use super::settings::{AUTH_TIMEOUT, Auth, VERDICT_MARGIN};
use super::worker;
use crate::connection::{Connection, Fingerprints};
use crate::limits::TokenBucket;

/// A handshake that failed counts as running for this long; meanwhile the verdict reaches the client.
const PENALTY: Duration = Duration::from_secs(1);
/// Offers that are taken at once, and then in a second. A handshake costs the worker time before the
/// client is authenticated.
const OFFERS: (u32, u32) = (16, 8);
/// Failures are logged at most this often, or they would fill the log.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// How clients' attempts to authenticate ended, since the worker began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthCounts {
    /// Clients that were admitted.
    pub succeeded: u64,
    /// A wrong proof.
    pub invalid: u64,
    /// No proof, or something else in its place.
    pub missing: u64,
    /// Silence.
    pub timed_out: u64,
    /// More bytes than a peer may send before it is authenticated.
    pub flooded: u64,
    /// Handshakes that were evicted for another, or ended by the same client's next offer.
    pub aborted: u64,
    /// Offers that were refused: there were too many.
    pub refused: u64,
}

impl AuthCounts {
    /// All that were not admitted.
    pub fn failed(&self) -> u64 {
        self.invalid + self.missing + self.timed_out + self.flooded + self.aborted + self.refused
    }
}

#[derive(Debug)]
pub(crate) struct AuthGate {
    offers: Mutex<TokenBucket>,
    succeeded: AtomicU64,
    invalid: AtomicU64,
    missing: AtomicU64,
    timed_out: AtomicU64,
    flooded: AtomicU64,
    aborted: AtomicU64,
    refused: AtomicU64,
    last_report: Mutex<Option<Instant>>,
}

impl Default for AuthGate {
    fn default() -> Self {
        Self {
            offers: Mutex::new(TokenBucket::new(OFFERS.0, OFFERS.1)),
            succeeded: AtomicU64::default(),
            invalid: AtomicU64::default(),
            missing: AtomicU64::default(),
            timed_out: AtomicU64::default(),
            flooded: AtomicU64::default(),
            aborted: AtomicU64::default(),
            refused: AtomicU64::default(),
            last_report: Mutex::default(),
        }
    }
}

impl AuthGate {
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
    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Has the client behind `connection` prove what `auth` asks for; at once where that is nothing.
    pub(crate) async fn admit(
        &self,
        connection: &Connection,
        auth: &Auth,
    ) -> Result<(), PeerError> {
        if auth.is_none() {
            return Ok(());
        }
        let deadline = Instant::now() + AUTH_TIMEOUT;
        let fingerprints = connection.fingerprints().await?;
        let mut channel = PeerAuthChannel::new(connection);
        Ok(self
            .judge(&mut channel, auth, fingerprints, deadline)
            .await?)
    }

    /// The same over any channel. A client that is not let in is gone at the `deadline`, or a moment
    /// later.
    pub(super) async fn judge(
        &self,
        channel: &mut impl AuthChannel,
        auth: &Auth,
        fingerprints: Fingerprints,
        deadline: Instant,
    ) -> Result<(), HandshakeError> {
        let outcome = worker::admit(channel, auth, fingerprints, deadline).await;
        self.count(&outcome);
        let Err(error) = outcome else { return Ok(()) };
        if !matches!(error, HandshakeError::Left | HandshakeError::Flood) {
            let penalty = Instant::now() + PENALTY;
            sleep_until(penalty.min(deadline + VERDICT_MARGIN)).await;
        }
        Err(error)
    }

    fn count(&self, outcome: &Result<(), HandshakeError>) {
        let counter = match outcome {
            Ok(()) => &self.succeeded,
            Err(HandshakeError::Invalid | HandshakeError::Unbound) => &self.invalid,
            Err(HandshakeError::Missing { .. } | HandshakeError::Left) => &self.missing,
            Err(HandshakeError::Timeout { .. }) => &self.timed_out,
            Err(HandshakeError::Flood) => &self.flooded,
            Err(HandshakeError::Randomness) => return,
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
            refused: read(&self.refused),
        }
    }

    /// Logs that a client was not let in, every now and then.
    pub(crate) fn report(&self, client: &str, error: &HandshakeError) {
        let mut last_report = self
            .last_report
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last_report.is_some_and(|last_report| last_report.elapsed() < REPORT_INTERVAL) {
            debug!(client, %error, "not let in");
            return;
        }
        *last_report = Some(Instant::now());
        let failed = self.counts().failed();
        match error {
            HandshakeError::Left => info!(client, %error, failed, "not let in"),
            _ => warn!(client, %error, failed, "not let in"),
        }
    }
}
