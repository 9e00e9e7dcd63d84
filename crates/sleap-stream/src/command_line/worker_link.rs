//! The worker's link: the given one, a stored one by its name, or the only stored one.

use anyhow::{Context, Result, anyhow};
use cli::PairingLink;
use cli::settings::ChosenSettings;
use tracing::info;

use crate::command_line::workers::{StoredWorker, WorkerStore, default_worker};

/// Options that say which worker is meant, or how it is trusted.
const SAY_WHERE: [&str; 9] = [
    "worker",
    "signal",
    "worker_id",
    "room",
    "secret",
    "secret_file",
    "insecure",
    "auth_compat",
    "client_key",
];

/// Whether the settings say which worker is meant, or how it is trusted.
pub(super) fn is_said(settings: &ChosenSettings) -> bool {
    SAY_WHERE.iter().any(|name| settings.is_set(name))
}

/// The link that is used.
pub(super) struct WorkerLink {
    pub(super) pairing: PairingLink,
    /// The name under which it is stored.
    pub(super) stored: Option<String>,
    /// No option names it.
    pub(super) is_default: bool,
}

impl WorkerLink {
    /// The value of `--worker`: a link, or the name of a stored one.
    ///
    /// # Errors
    /// It is neither, or the stored one cannot be used. The value is not repeated.
    pub(super) fn given(text: &str) -> Result<Self> {
        let text = text.trim();
        if PairingLink::position_in(text) != Some(0) {
            let worker = WorkerStore::of_user().and_then(|store| store.find(text));
            return Ok(Self::stored(worker.context("--worker")?, false));
        }
        let pairing = PairingLink::parse(text).map_err(|error| anyhow!("--worker: {error}"))?;
        if pairing.secret.is_some() && cli::is_in_process_list(text) {
            info!(
                "other users of this machine can see --worker; `sleap-stream pair` stores the link, and \
                 SLEAP_STREAM_WORKER hides it"
            );
        }
        Ok(Self {
            pairing,
            stored: None,
            is_default: false,
        })
    }

    /// The only stored one, unless a signaling server answers at `signal`, on this machine.
    ///
    /// # Errors
    /// Several are stored, or the stored one cannot be used.
    pub(super) fn by_default(signal: &str) -> Result<Option<Self>> {
        let Ok(store) = WorkerStore::of_user() else {
            return Ok(None);
        };
        let worker = default_worker(&store, signal)?;
        Ok(worker.map(|worker| Self::stored(worker, true)))
    }

    fn stored(worker: StoredWorker, is_default: bool) -> Self {
        Self {
            pairing: worker.link,
            stored: Some(worker.name),
            is_default,
        }
    }
}
