//! What a service manager hears of the worker (systemd's `Type=notify`).

/// Tells the service manager, where there is one.
#[cfg(unix)]
fn tell(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how the worker is");
    }
}

/// Clients can come.
#[cfg(unix)]
pub(crate) fn ready() {
    tell(&[sd_notify::NotifyState::Ready]);
}

/// The worker is about to end.
#[cfg(unix)]
pub(crate) fn stopping() {
    tell(&[sd_notify::NotifyState::Stopping]);
}

/// What the worker does, in words.
#[cfg(unix)]
pub(crate) fn status(words: &str) {
    tell(&[sd_notify::NotifyState::Status(words)]);
}

#[cfg(not(unix))]
pub(crate) fn ready() {}

#[cfg(not(unix))]
pub(crate) fn stopping() {}

#[cfg(not(unix))]
pub(crate) fn status(_words: &str) {}
