//! Whether the worker can serve clients, for health checks: GET /readyz.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::watch;

/// What the worker's readiness depends on.
#[derive(Default)]
pub(super) struct Health {
    is_loaded: AtomicBool,
    is_draining: AtomicBool,
    /// Set once the worker has been registered for the first time.
    is_registered: OnceLock<watch::Receiver<bool>>,
}

/// Whether a client that comes now is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// The model is being loaded.
    Loading,
    /// Clients do not find the worker.
    NotRegistered,
    /// The worker is about to end.
    Draining,
}

impl Health {
    /// The model, where one was asked for, is loaded.
    pub(super) fn loaded(&self) {
        self.is_loaded.store(true, Relaxed);
    }

    /// Sets the source of the worker's registration.
    pub(super) fn registration(&self, is_registered: watch::Receiver<bool>) {
        // A worker has one acceptor.
        let _ = self.is_registered.set(is_registered);
    }

    /// The worker takes no new streams.
    pub(super) fn drains(&self) {
        self.is_draining.store(true, Relaxed);
    }

    pub(super) fn readiness(&self) -> Readiness {
        let is_registered = || self.is_registered.get().is_some_and(|it| *it.borrow());
        if self.is_draining.load(Relaxed) {
            Readiness::Draining
        } else if !self.is_loaded.load(Relaxed) {
            Readiness::Loading
        } else if !is_registered() {
            Readiness::NotRegistered
        } else {
            Readiness::Ready
        }
    }
}

impl Readiness {
    /// For people who read the answer to a health check.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Loading => "not ready: the model is being loaded",
            Self::NotRegistered => "not ready: not registered where clients look for the worker",
            Self::Draining => "not ready: draining, no new streams",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_ready_from_its_registration_to_its_drain() {
        let health = Health::default();
        assert_eq!(health.readiness(), Readiness::Loading);
        health.loaded();
        assert_eq!(health.readiness(), Readiness::NotRegistered);
        let registration = watch::Sender::new(true);
        health.registration(registration.subscribe());
        assert_eq!(health.readiness(), Readiness::Ready);
        registration.send_replace(false);
        assert_eq!(health.readiness(), Readiness::NotRegistered);
        registration.send_replace(true);
        assert_eq!(health.readiness(), Readiness::Ready);
        health.drains();
        assert_eq!(health.readiness(), Readiness::Draining);
    }
}
