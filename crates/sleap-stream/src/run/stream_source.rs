//! Where the frames of a stream come from.

use anyhow::{Context, Result, anyhow, bail};
use vision::capture::{Capture, GenICamError, OpenError, Source, SourceInfo};

use crate::config::Config;
use crate::run::first_frame::PushedSource;
use crate::run::source_probe;

/// Where the frames of a stream come from.
pub(super) enum StreamSource {
    Open(Capture),
    Pushed(PushedSource),
}

impl StreamSource {
    /// The frames of a program, or the source that the options name.
    pub(super) async fn open(config: &Config, pushed: Option<PushedSource>) -> Result<Self> {
        match pushed {
            Some(pushed) => Ok(Self::Pushed(pushed)),
            None => open(config).await.map(Self::Open),
        }
    }

    /// What is known of it.
    pub(super) fn info(&self) -> &SourceInfo {
        match self {
            Self::Open(capture) => capture.info(),
            Self::Pushed(pushed) => &pushed.info,
        }
    }
}

async fn open(config: &Config) -> Result<Capture> {
    let capture = config.capture.clone();
    let opened = tokio::task::spawn_blocking(move || Capture::open(capture))
        .await
        .context("opening the source stopped unexpectedly")?;
    match (opened, &config.capture.source) {
        (Err(OpenError::Url { url, timeout_s }), Source::File(address)) => {
            match source_probe::reason(address).await {
                Some(reason) => bail!("{url}: {reason}"),
                None => Err(OpenError::Url { url, timeout_s }.into()),
            }
        }
        (Err(OpenError::GenICam(error)), _) => Err(with_nearest(error)),
        (opened, _) => opened.map_err(Into::into),
    }
}

/// The error, with what the user may have meant.
fn with_nearest(error: GenICamError) -> anyhow::Error {
    let GenICamError::NoFeature { feature, names, .. } = &error else {
        return error.into();
    };
    match cli::nearest(feature, names.iter().cloned()) {
        Some(name) => anyhow!("{error}. It has {name}"),
        None => anyhow!(
            "{error}. `arv-tool-0.8 features` (Debian's package aravis-tools-cli) lists its {}",
            names.len()
        ),
    }
}
