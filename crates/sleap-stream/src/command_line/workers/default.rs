//! The worker of a run for which no option says where one is.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use link::SignalError;
use tokio::runtime;
use tracing::{info, warn};

use super::store::{StoredWorker, WorkerStore};

/// Longest wait for a signaling server on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);

/// The only stored worker, unless a signaling server answers at `signal`, which is on this machine.
///
/// What runs on this machine comes first: frames leave the machine only where it has no worker, and
/// a command line that found a worker here finds it also after a link was stored.
///
/// # Errors
/// Several are stored; the stored one cannot be used.
pub(in crate::command_line) fn default_worker(
    store: &WorkerStore,
    signal: &str,
) -> Result<Option<StoredWorker>> {
    let names = match store.names() {
        Ok(names) => names,
        Err(error) => {
            warn!("stored workers are not looked at: {error:#}");
            return Ok(None);
        }
    };
    if names.is_empty() {
        return Ok(None);
    }
    if answers(signal)? {
        let names = names.join(", ");
        info!(
            "a signaling server on this machine ({signal}) comes before the stored workers ({names}): --worker NAME \
             takes one of those"
        );
        return Ok(None);
    }
    let [name] = names.as_slice() else {
        bail!(
            "several workers are stored, and none runs on this machine: give --worker with one of {} (--signal \
             {signal} waits for one on this machine)",
            names.join(", ")
        );
    };
    let worker = store.get(name)?;
    if let Some(worker) = &worker {
        info!(
            "no worker runs on this machine: the frames go to the stored worker {name}, {}",
            worker.link.place()
        );
    }
    Ok(worker)
}

/// Whether a signaling server may be there: also one that does not answer in time, as it may be suspended.
fn answers(signal: &str) -> Result<bool> {
    // One request needs no threads.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(!matches!(
        runtime.block_on(link::registered_peers(signal, LOCAL_TIMEOUT)),
        Err(SignalError::Unreachable { .. } | SignalError::NotSignaling { .. })
    ))
}
