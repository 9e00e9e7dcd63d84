//! Accepting connections, also after the system has refused to accept any for a while.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::backoff::Backoff;

/// Pause after a failed accept. The usual cause is a lack of file descriptors.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Pauses double up to this one.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// After so long without a failure accepting counts as working again.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// A listener whose failures are logged twice: when they begin and when they are over.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    server: &'static str,
    failures: Option<Failures>,
}

/// A period in which accepting fails.
#[derive(Debug)]
struct Failures {
    since: Instant,
    last: Instant,
    count: u64,
    backoff: Backoff,
    pause: Duration,
}

impl Listener {
    /// `server` names the server in the log, such as "signaling".
    pub fn new(listener: TcpListener, server: &'static str) -> Self {
        Self {
            listener,
            server,
            failures: None,
        }
    }

    /// The next connection and the address of its peer. Cancelling loses none.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(failures) = &self.failures {
                sleep_until(failures.resume_at()).await;
            }
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = settled(self.failures.as_ref()) => {
                    self.is_over();
                    continue;
                }
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {
                    debug!(server = self.server, %error, "a connection has gone before it was accepted");
                }
                Err(error) => self.has_failed(&error, Instant::now()),
            }
        }
    }

    fn has_failed(&mut self, error: &io::Error, now: Instant) {
        match &mut self.failures {
            Some(failures) => {
                failures.again(now);
                let count = failures.count;
                debug!(server = self.server, %error, count, "cannot accept a connection");
            }
            None => {
                self.failures = Some(Failures::begin(now));
                warn!(
                    server = self.server,
                    %error,
                    "cannot accept connections; trying again until it works"
                );
            }
        }
    }

    fn is_over(&mut self) {
        if let Some(failures) = self.failures.take() {
            let lasted = failures.last.duration_since(failures.since);
            info!(
                server = self.server,
                failures = failures.count,
                seconds = lasted.as_secs(),
                "accepting connections again"
            );
        }
    }
}

impl Failures {
    fn begin(now: Instant) -> Self {
        let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        Self {
            since: now,
            last: now,
            count: 1,
            pause: backoff.next_pause(),
            backoff,
        }
    }

    fn again(&mut self, now: Instant) {
        self.last = now;
        self.count += 1;
        self.pause = self.backoff.next_pause();
    }

    /// When to accept again.
    fn resume_at(&self) -> Instant {
        self.last + self.pause
    }
}

/// Resolves once accepting has not failed for a while.
async fn settled(failures: Option<&Failures>) {
    match failures {
        Some(failures) => sleep_until(failures.last + STABLE_AFTER).await,
        None => std::future::pending().await,
    }
}

/// Whether the error concerns one connection only, so that the next one may be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let now = Instant::now();
        let mut failures = Failures::begin(now);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            pauses.push(failures.resume_at().duration_since(now).as_millis());
            failures.again(now);
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(failures.count, 7);
    }

    #[tokio::test]
    async fn after_failures_connections_are_accepted_and_the_end_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = Listener::new(listener, "test");
        let error = io::Error::other("no descriptors");
        listener.has_failed(&error, Instant::now());
        listener.has_failed(&error, Instant::now());
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        assert_eq!(accepted.1, connected.unwrap().local_addr().unwrap());
        // One that is accepted in between is not the end: the next may fail again.
        assert_eq!(listener.failures.as_ref().map(|it| it.count), Some(2));
        tokio::time::pause();
        let none = tokio::time::timeout(2 * STABLE_AFTER, listener.accept()).await;
        assert!(none.is_err() && listener.failures.is_none());
    }
}
