//! Reports the worker's state to the service manager (systemd's `Type=notify`).

/// Notifies the service manager, where there is one.
#[cfg(unix)]
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be notified");
    }
}

/// Clients can connect.
#[cfg(unix)]
pub(crate) fn ready() {
    notify(&[sd_notify::NotifyState::Ready]);
}

/// The worker is about to end.
#[cfg(unix)]
pub(crate) fn stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// What the worker does, as text for people.
#[cfg(unix)]
pub(crate) fn status(words: &str) {
    notify(&[sd_notify::NotifyState::Status(words)]);
}

#[cfg(not(unix))]
pub(crate) fn ready() {}

#[cfg(not(unix))]
pub(crate) fn stopping() {}

#[cfg(not(unix))]
pub(crate) fn status(_words: &str) {}
