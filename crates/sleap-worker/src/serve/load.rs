//! What takes a while at the start: names of receivers are looked up, ports are opened, the model is loaded.

use std::path::Path;

use anyhow::{Context, Result, bail};
use closed_loop::{BoundRules, LoadedRules, OpenOutputs};
use emit::Emitter;
use kserve::{KserveModel, ServerOptions};
use pose::ModelKind;
use protocol::text::Lines;
use tracing::{info, warn};

use crate::command_line::Args;
use crate::pipeline::{Engine, LoadedModel};

/// The targets of `--emit`, the model, and what acts on its poses.
pub(super) struct Loaded {
    pub(super) emitter: Emitter,
    pub(super) engine: Engine,
    pub(super) rules: Option<BoundRules>,
}

impl Loaded {
    /// Opens the targets and ports, and loads the model.
    ///
    /// # Errors
    /// A target is not known, a port or the model cannot be used, or the rules do not fit the model.
    pub(super) async fn load(args: &Args, rules: Option<LoadedRules>) -> Result<Self> {
        let targets = args.emit.targets.clone();
        let emitter = tokio::task::spawn_blocking({
            let targets = targets.clone();
            move || Emitter::open(&targets)
        })
        .await
        .context("opening --emit stopped unexpectedly")??;
        let outputs = match &rules {
            Some(loaded) => Some(OpenOutputs::open_aside(loaded.rules.clone(), targets).await?),
            None => None,
        };
        let engine = engine(args).await?;
        let rules = rules.zip(outputs);
        let bind = |(loaded, outputs)| bind(args, &engine, &loaded, outputs);
        let rules = rules.map(bind).transpose()?;
        Ok(Self {
            emitter,
            engine,
            rules,
        })
    }
}

/// The rules for the nodes of the model.
fn bind(
    args: &Args,
    engine: &Engine,
    loaded: &LoadedRules,
    outputs: OpenOutputs,
) -> Result<BoundRules> {
    let Some(model) = engine.model() else {
        bail!("--rules needs --model: without one there are no poses");
    };
    let tells_apart = args.tracking.tracking
        || model.kind.knows_identities()
        || model.kind == ModelKind::SingleInstance;
    if let Some((name, place)) = loaded.rules.first_that_needs_identity()
        && !tells_apart
    {
        bail!(
            "{}, line {}: [rule.{name}] depends on which animal is which, and the worker does not know that: give \
             --tracking (tracks that a client gives are not known here)",
            loaded.rules.file,
            place.line
        );
    }
    BoundRules::new(loaded, outputs, &model.skeleton.nodes)
}

async fn engine(args: &Args) -> Result<Engine> {
    let Some(dir) = args.model.clone() else {
        info!("no --model: frames are received, checked and counted");
        return Ok(Engine::Verify);
    };
    let options = args.model_options();
    let server = args.engine.server();
    let requests = args.engine.engine_requests.into();
    let load = move || match (server, options.first()) {
        (Some(server), Some(options)) => load_on_server(&dir, options, &server, requests),
        _ => load_on_each(&dir, &options),
    };
    let model = tokio::task::spawn_blocking(load)
        .await
        .context("loading the model stopped unexpectedly")??;
    Ok(Engine::Model(Box::new(model)))
}

/// Loads the model in `dir` once for each of these.
///
/// # Errors
/// It cannot be used on one of the devices.
fn load_on_each(dir: &Path, options: &[pose::Options]) -> Result<LoadedModel> {
    let mut models = options.iter().map(|options| load_model(dir, options));
    let first = models.next().context("no device was named")??;
    Ok(LoadedModel::new(first, models.collect::<Result<_>>()?))
}

/// Connects to an inference server for so many requests at the same time.
///
/// # Errors
/// Server or model cannot be used, or the model is not that of the export in `dir`.
pub(crate) fn load_on_server(
    dir: &Path,
    options: &pose::Options,
    server: &ServerOptions,
    requests: usize,
) -> Result<LoadedModel> {
    let served = KserveModel::connect(server)?;
    let load = || {
        let model = pose::Model::on_engine(dir, options, served.engine());
        model.with_context(|| format!("cannot use the model in {}", dir.display()))
    };
    let first = load()?;
    let info = first.info();
    let description = served.description();
    info!(
        model = %info.name,
        kind = %info.kind,
        nodes = info.skeleton.nodes.len(),
        input = %format_args!("{}x{}x{}", info.input.width, info.input.height, info.input.channels),
        engine = %info.runs_on,
        platform = %description.platform,
        versions = ?description.versions,
        requests,
        "model on an inference server"
    );
    for note in &info.notes {
        warn!("{note}");
    }
    let others = (1..requests).map(|_| load()).collect::<Result<_>>()?;
    Ok(LoadedModel::new(first, others))
}

/// Loads ONNX Runtime and the model in `dir`, on one device.
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
        device = %info.runs_on,
        providers = %info.placement,
        refine = info.refine.map(tracing::field::display),
        onnxruntime = %runtime.version,
        "model loaded"
    );
    match &info.passed_over {
        Some(reason) if reason.is_unexpected() => warn!("not on a faster device: {reason}"),
        Some(reason) => info!("not on a faster device: {reason}"),
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
