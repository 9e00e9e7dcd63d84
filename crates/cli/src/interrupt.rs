use tokio_util::sync::CancellationToken;

/// Ctrl-C, SIGTERM and the end of the terminal (SIGHUP, unless it is ignored as under `nohup`): the first requests an orderly end of the run, the second ends it at once.
///
/// A run that drains ([`Interrupt::listen_for_drain`]) finishes its stream and its jobs after the first
/// SIGTERM; later signals have the effect above.
#[derive(Debug, Clone)]
pub struct Interrupt {
    drain: CancellationToken,
    raised: CancellationToken,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShutdownRequest {
    End,
    /// SIGTERM.
    Terminate,
}

impl Interrupt {
    /// Starts listening for signals. Must be called inside a tokio runtime.
    pub fn listen() -> Self {
        Self::start(false)
    }

    /// The same for a run that has something to finish when it is sent SIGTERM.
    pub fn listen_for_drain() -> Self {
        Self::start(true)
    }

    /// One that no signal raises, for a run inside of another program, whose signals are its own.
    pub fn without_signals() -> Self {
        Self {
            drain: CancellationToken::new(),
            raised: CancellationToken::new(),
        }
    }

    fn start(drains: bool) -> Self {
        let interrupt = Self::without_signals();
        let asked = interrupt.clone();
        let mut signals = SignalStream::new();
        tokio::spawn(async move {
            if signals.next().await == ShutdownRequest::Terminate && drains {
                asked.drain.cancel();
                tokio::select! {
                    _ = signals.next() => {}
                    () = asked.raised() => {}
                }
            }
            asked.raise();
            signals.next().await;
            crate::terminal::say("interrupted twice: stopping at once");
            std::process::exit(130);
        });
        interrupt
    }

    /// Asks the run to end in order, as a signal does.
    pub fn raise(&self) {
        self.raised.cancel();
    }

    /// Whether the run was asked to end.
    pub fn is_raised(&self) -> bool {
        self.raised.is_cancelled()
    }

    /// Resolves once the run was asked to end.
    pub async fn raised(&self) {
        self.raised.cancelled().await;
    }

    /// Resolves once the run was asked to finish what it is at and to begin nothing new.
    pub async fn drain_asked(&self) {
        self.drain.cancelled().await;
    }
}

#[cfg(unix)]
struct SignalStream {
    terminate: Option<tokio::signal::unix::Signal>,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl SignalStream {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())
            .inspect_err(|error| tracing::warn!(%error, "cannot listen for SIGTERM; Ctrl-C works"))
            .ok();
        let hangup = match hangup_is_ignored() {
            true => None,
            false => signal(SignalKind::hangup()).ok(),
        };
        Self { terminate, hangup }
    }

    async fn next(&mut self) -> ShutdownRequest {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => ShutdownRequest::End,
            () = of(&mut self.terminate) => ShutdownRequest::Terminate,
            () = of(&mut self.hangup) => ShutdownRequest::End,
        }
    }
}

#[cfg(unix)]
async fn of(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started to outlive its terminal. Listening for a signal would undo that;
/// where the system does not report it, the signal is left as it is.
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
struct SignalStream;

#[cfg(not(unix))]
impl SignalStream {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> ShutdownRequest {
        let _ = tokio::signal::ctrl_c().await;
        ShutdownRequest::End
    }
}
