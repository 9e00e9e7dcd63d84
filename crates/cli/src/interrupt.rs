use tokio_util::sync::CancellationToken;

/// Ctrl-C and SIGTERM: the first asks the run to end in order, the second ends it at once.
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
            eprintln!("interrupted twice: stopping at once");
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
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM; Ctrl-C works");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
