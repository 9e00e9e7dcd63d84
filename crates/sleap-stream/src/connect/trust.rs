//! What to do when there is no worker, or the worker and this client do not trust each other.

use std::fmt;

use link::{AuthError, AuthRefusal, ConnectError, PeerError, SignalError};
use protocol::text;

/// The worker and this client do not trust each other.
#[derive(Debug)]
pub(crate) struct TrustError {
    text: String,
    /// The worker, where the error tells; else it is the one that was connected last.
    worker: Option<String>,
    /// Another attempt may succeed: the worker did not report that the secret is wrong.
    may_pass: bool,
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TrustError {}

impl TrustError {
    /// The worker demands a secret, and there is none.
    pub(crate) fn secret_demanded() -> Self {
        Self {
            text: "the worker asks for a secret: give the link that it prints \
                   (--worker 'sleap://...', or `sleap-stream pair` to store it), or --secret-file FILE"
                .to_owned(),
            worker: None,
            may_pass: false,
        }
    }

    /// The worker that it is about, where it is the reason for an error.
    pub(crate) fn worker_behind(error: &anyhow::Error) -> Option<&str> {
        error.downcast_ref::<Self>()?.worker.as_deref()
    }

    /// Whether it is the reason for an error, and trying again is of no use.
    pub(crate) fn is_behind(error: &anyhow::Error) -> bool {
        let distrust = error.downcast_ref::<Self>();
        distrust.is_some_and(|distrust| !distrust.may_pass)
    }
}

/// Whether the worker and this client do not trust each other.
pub(crate) fn is_distrust(error: &ConnectError) -> bool {
    what_to_do(error).is_some()
}

/// The error of a first connection with what to do about it. `waits`: the client would have waited for a worker.
pub(crate) fn explain_first(error: ConnectError, waits: bool) -> anyhow::Error {
    match start_a_worker(&error) {
        Some(start) if !waits => {
            let text = format!(
                "no worker is there. Start one ({start}), or let --wait wait for it. The reason"
            );
            anyhow::Error::new(error).context(text)
        }
        _ => explain(error),
    }
}

/// The command that starts a worker where this client looks for one.
fn start_a_worker(error: &ConnectError) -> Option<String> {
    let options = match error {
        ConnectError::Signal(SignalError::Unreachable { url, .. }) => {
            match cli::is_on_this_machine(url) {
                true => String::new(),
                false => " --listen 0.0.0.0 on that machine".to_owned(),
            }
        }
        ConnectError::NoWorker { url, .. } | ConnectError::UnknownWorker { url, .. } => {
            format!(" --signal {url}")
        }
        _ => return None,
    };
    Some(format!("sleap-worker --model DIR{options}"))
}

/// The error with what to do about it, where it is one of authentication.
pub(crate) fn explain(error: ConnectError) -> anyhow::Error {
    match what_to_do(&error) {
        Some((cause, what_to_do)) => TrustError {
            text: format!("{cause}: {what_to_do}"),
            worker: error.worker().map(str::to_owned),
            may_pass: may_pass(cause),
        }
        .into(),
        None if error.is_of_room() || matches!(error, ConnectError::NoneFits { .. }) => {
            error.into()
        }
        None => anyhow::Error::new(error)
            .context("no connection to a worker (is a sleap-worker running there?)"),
    }
}

/// The error of a client that no worker lets in: that of the last one.
pub(crate) fn refused_by(workers: &[String], last: anyhow::Error) -> anyhow::Error {
    match workers {
        [] | [_] => last,
        several => {
            let names: Vec<_> = several.iter().map(|it| text::cut(it, text::NAME)).collect();
            let names = names.join(", ");
            last.context(format!(
                "none of the workers lets this client in ({names}); the last reason"
            ))
        }
    }
}

/// Whether a worker that was trusted before may only have been slow: its message did not come in time.
fn may_pass(cause: &AuthError) -> bool {
    match cause {
        AuthError::NotAsked { .. } | AuthError::NoVerdict { .. } => true,
        AuthError::Refused { reason } => *reason == AuthRefusal::Timeout,
        _ => false,
    }
}

fn what_to_do(error: &ConnectError) -> Option<(&AuthError, &'static str)> {
    let ConnectError::Peer {
        source: PeerError::Auth(cause),
        ..
    } = error
    else {
        return None;
    };
    let what_to_do = match cause {
        AuthError::NotAsked { .. } => {
            "it may be a worker that listens for this machine alone, or with --insecure; \
             --insecure goes on without a secret"
        }
        AuthError::Refused { .. } | AuthError::Unproven => {
            "give the link that the worker prints now (--worker 'sleap://...', or `sleap-stream pair` where a \
             stored one is old), or the secret that it was given (--secret-file); a Python worker needs --auth-compat"
        }
        AuthError::NoSecretThere => "give the worker the same secret",
        AuthError::NoVerdict { .. } | AuthError::Challenge => "a Python worker needs --auth-compat",
        // Those may pass.
        _ => return None,
    };
    Some((cause, what_to_do))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_not_there_can_be_started_or_waited_for() {
        let url = |url: &str| url.to_owned();
        let unreachable = |at: &str| {
            let source = std::io::ErrorKind::ConnectionRefused.into();
            ConnectError::Signal(SignalError::Unreachable {
                url: url(at),
                source,
            })
        };
        let none = ConnectError::NoWorker {
            url: url("ws://rig:1"),
            others: 0,
        };
        for (error, start) in [
            (
                unreachable("ws://127.0.0.1:8080"),
                "(sleap-worker --model DIR)",
            ),
            (
                unreachable("ws://rig:1"),
                "--listen 0.0.0.0 on that machine",
            ),
            (none, "(sleap-worker --model DIR --signal ws://rig:1)"),
        ] {
            let text = format!("{:#}", explain_first(error, false));
            assert!(text.contains(start) && text.contains("--wait"), "{text}");
        }
        let waited = format!("{:#}", explain_first(unreachable("ws://rig:1"), true));
        assert!(!waited.contains("--wait"), "{waited}");
    }

    #[test]
    fn a_worker_that_was_slow_is_asked_again_and_one_that_refused_is_not() {
        let behind = |cause: AuthError| {
            let error = explain(ConnectError::Peer {
                worker: "w".into(),
                source: PeerError::Auth(cause),
            });
            TrustError::is_behind(&error)
        };
        let waited = std::time::Duration::from_secs(10);
        let refused = |reason: &str| AuthError::Refused {
            reason: reason.into(),
        };
        assert!(!behind(AuthError::NotAsked { waited }));
        assert!(!behind(AuthError::NoVerdict { waited }));
        assert!(!behind(refused("timeout")));
        assert!(behind(refused("invalid")) && behind(AuthError::Unproven));
        assert!(behind(AuthError::NoSecretThere) && behind(AuthError::Challenge));
    }
}
