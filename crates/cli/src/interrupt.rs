use tokio_util::sync::CancellationToken;

/// Ctrl-C, SIGTERM and the end of the terminal (SIGHUP, unless it is ignored as under `nohup`): the first asks the run to end in order, the second ends it at once.
#[derive(Debug, Clone)]
pub struct Interrupt(CancellationToken);

impl Interrupt {
    /// Starts listening for signals. Must be called inside a tokio runtime.
    pub fn listen() -> Self {
        let token = CancellationToken::new();
        let asked = token.clone();
        tokio::spawn(async move {
            signal().await;
            asked.cancel();
            signal().await;
            crate::terminal::say("interrupted twice: stopping at once");
            std::process::exit(130);
        });
        Self(token)
    }

    /// Whether the run was asked to end.
    pub fn is_raised(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves once the run was asked to end.
    pub async fn raised(&self) {
        self.0.cancelled().await;
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = match hangup_is_ignored() {
        true => None,
        false => signal(SignalKind::hangup()).ok(),
    };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => drop(hangup.recv().await),
            None => std::future::pending().await,
        }
    };
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                () = hung_up => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM; Ctrl-C works");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Whether this process was started to outlive its terminal. Listening for a signal would undo that;
/// where the system does not tell, the signal is left as it is.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    const SIGHUP: u64 = 1;
    // Once this process listens itself, the signal is not ignored any more.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return true;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
