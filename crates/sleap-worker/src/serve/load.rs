//! What takes a while at the start: names of receivers are looked up, the model is loaded.

use std::path::Path;

use anyhow::{Context, Result};
use emit::Emitter;
use protocol::text::Lines;
use tracing::{info, warn};

use crate::command_line::Args;
use crate::pipeline::Engine;

/// The targets of `--emit`, and the model.
pub(super) struct Loaded {
    pub(super) emitter: Emitter,
    pub(super) engine: Engine,
}

impl Loaded {
    /// Opens the targets and loads the model.
    ///
    /// # Errors
    /// A target is not known, or the model cannot be used.
    pub(super) async fn load(args: &Args) -> Result<Self> {
        let targets = args.emit.targets.clone();
        let emitter = tokio::task::spawn_blocking(move || Emitter::open(&targets))
            .await
            .context("opening --emit stopped unexpectedly")??;
        let engine = engine(args).await?;
        Ok(Self { emitter, engine })
    }
}

async fn engine(args: &Args) -> Result<Engine> {
    let Some(dir) = args.model.clone() else {
        info!("no --model: frames are received, checked and counted");
        return Ok(Engine::Verify);
    };
    let options = args.model_options();
    let model = tokio::task::spawn_blocking(move || load_model(&dir, &options))
        .await
        .context("loading the model stopped unexpectedly")??;
    Ok(Engine::Model(Box::new(model)))
}

/// Loads ONNX Runtime and the model in `dir`.
///
/// # Errors
/// One of them cannot be used.
pub(crate) fn load_model(dir: &Path, options: &pose::Options) -> Result<pose::Model> {
    let runtime = pose::runtime::load(None).map_err(with_places)?;
    let model = pose::Model::load(dir, options)
        .with_context(|| format!("cannot use the model in {}", dir.display()))?;
    let info = model.info();
    info!(
        model = %info.name,
        kind = %info.kind,
        nodes = info.skeleton.nodes.len(),
        input = %format_args!("{}x{}x{}", info.input.width, info.input.height, info.input.channels),
        device = %info.device,
        providers = %info.placement,
        refine = info.refine.map(tracing::field::display),
        onnxruntime = %runtime.version,
        "model loaded"
    );
    match &info.no_gpu {
        Some(reason) if reason.is_unexpected() => warn!("not on a GPU: {reason}"),
        Some(reason) => info!("not on a GPU: {reason}"),
        None => {}
    }
    for note in &info.notes {
        warn!("{note}");
    }
    Ok(model)
}

/// The error with the places where ONNX Runtime was searched, one a line.
fn with_places(error: pose::runtime::RuntimeError) -> anyhow::Error {
    match error.places() {
        places if places.is_empty() => error.into(),
        places => anyhow::Error::new(Lines(places)).context(error),
    }
}
