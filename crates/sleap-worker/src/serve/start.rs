//! The parts of a worker, put together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use cli::{ExitStatus, Interrupt};
use closed_loop::BoundRules;
use link::signaling::rooms::Room;
use link::{Acceptor, PeerConfig, SignalError, WorkerLoad};
use protocol::StreamAck;
use tracing::info;
use tracking::TrackerOptions;

use super::clients::serve_clients;
use super::listeners::Listeners;
use super::load::Loaded;
use super::outputs::{Outputs, SinkLosses};
use crate::command_line::Args;
use crate::files::{FileService, JobContext, StoreSweeper, UploadStore};
use crate::metrics::{Metrics, MetricsServer};
use crate::pipeline::{Engine, Pipeline, PipelineOptions};
use crate::replies::{MAX_LANES, MAX_SHARD_LANES, ack};
use crate::session::{FrameMemory, SessionContext};
use crate::sinks::{RulesSink, WorkerRules};
use crate::streams::{ServedStreams, StreamSlots, WorkerTracking};
use crate::trust::WorkerTrust;
use crate::view::{self, ViewServer};
use crate::worker_name::WorkerName;
use crate::{service_manager, status_line};

/// The room of the worker, and the secret that its clients need.
pub(super) struct Access {
    pub(super) room: Option<Room>,
    pub(super) trust: WorkerTrust,
    config: PeerConfig,
}

impl Access {
    /// Decides by the options. An error here is a usage error.
    pub(super) fn decide(args: &Args) -> Result<Self> {
        let signal = args.signal.as_deref();
        let room = args.room.resolve(signal)?;
        let id = room.as_ref().map(|room| room.id.as_str());
        if let (Some(_), Some(name)) = (signal, &args.room.name) {
            cli::plain_name(name).map_err(|reason| {
                anyhow!("--name {name}: with --signal the name stands in the pairing link, where {reason}")
            })?;
        }
        let config = args.link.peer_config_in(id)?;
        let trust = WorkerTrust::decide(&args.trust, args.listen, signal, id)?;
        Ok(Self {
            room,
            trust,
            config,
        })
    }

    /// The name under which clients of a signaling server elsewhere find the worker. At its own server it
    /// is the only one, and in a room its name is that of the room's member.
    ///
    /// # Errors
    /// The name is in use, or a file that keeps one cannot be used.
    pub(super) fn claim_name(args: &Args) -> Result<Option<WorkerName>> {
        let given = args.room.name.as_deref();
        let claim = args.signal.as_ref().map(|_| WorkerName::claim(given));
        claim.transpose()
    }

    /// How the worker is registered and connects to clients. `name`: the one at a signaling server elsewhere.
    pub(super) fn peer_config(
        &self,
        args: &Args,
        listeners: &Listeners,
        name: Option<&WorkerName>,
    ) -> PeerConfig {
        let (peer_id, reservation) = match (name, &listeners.embedded) {
            (Some(name), _) => (Some(name.id.clone()), name.reservation.clone()),
            (None, Some(server)) => {
                let given = args.room.name.as_deref().map(link::worker_id_of);
                let id = given.unwrap_or_else(|| link::random_id("worker"));
                // No other peer can register it there.
                let reservation = server.reserve(&id);
                (Some(id), Some(reservation))
            }
            (None, None) => (None, None),
        };
        let mut config = PeerConfig {
            auth: self.trust.auth.clone(),
            reservation,
            peer_id,
            ..self.config.clone()
        };
        config.channel.max_lanes = MAX_LANES;
        config.channel.max_shard_lanes = MAX_SHARD_LANES;
        config
    }
}

/// A worker whose threads and servers run.
pub(super) struct StartedWorker {
    context: Arc<SessionContext>,
    page: Option<ViewServer>,
    metrics_server: Option<MetricsServer>,
    losses: SinkLosses,
    rules: Option<WorkerRules>,
    sweeper: StoreSweeper,
}

impl StartedWorker {
    /// Starts the pipeline with its sinks, and the servers at the bound addresses.
    ///
    /// # Errors
    /// The system starts no thread, has no randomness for a token, or a file cannot be written.
    pub(super) fn start(
        args: &Args,
        loaded: Loaded,
        outputs: Outputs,
        (page, metrics_server): (Option<view::ViewListener>, Option<MetricsServer>),
        config: &PeerConfig,
    ) -> Result<Self> {
        let Loaded {
            emitter,
            engine,
            rules,
        } = loaded;
        let rules = rules.map(|rules| act(args, rules)).transpose()?;
        let acting = rules.as_ref().map(RulesSink::rules);
        let tracking = tracking(args, &engine)?;
        let mode = args.verification_mode();
        let shown = page.is_some() || args.display;
        let looked_at = ack::Pictures {
            are_shown: shown,
            need_colours: shown || args.keeps_streams() || tracking.looks_at_pictures(),
        };
        let ack = ack::ready(&mode, engine.model(), tracking.name(), looked_at);
        let ack = Arc::new(ack);
        let shown = acting.as_ref().map(WorkerRules::shown);
        let served = ServedStreams::new(shown.unwrap_or_default(), max_streams(args));
        let page = open_page(args, page, &ack, &served, config)?;
        let metrics = metrics_server.as_ref();
        let counted = metrics.map(|server| server.metrics().clone());
        let counted = counted.unwrap_or_default();
        observe(&counted, page.as_ref(), &served);
        counted.loaded(engine.model());
        let losses = outputs.losses();
        let (sinks, store) = outputs.into_sinks((rules, emitter), page.as_ref(), &served, &counted);
        let options = PipelineOptions {
            sinks,
            worker: StreamAck::clone(&ack),
            max_batch: args.device.max_batch.map(usize::from),
            limits: config.channel.limits.clone(),
            metrics: counted.clone(),
        };
        let pipeline = Arc::new(Pipeline::start(engine, options)?);
        let load = load(args, &ack, store.takes_files(), served.max());
        let slots = StreamSlots::new(served.max()).offers(load);
        let jobs = JobContext {
            pipeline,
            slots,
            ack,
            limits: config.channel.limits.clone(),
            tracking,
        };
        let context = session_context(args, jobs, (store, served), counted);
        Ok(Self {
            sweeper: context.files.sweep(),
            context: Arc::new(context),
            page,
            metrics_server,
            losses,
            rules: acting,
        })
    }

    /// Registers the worker at its rendezvous.
    ///
    /// # Errors
    /// That refuses the worker, or cannot be reached.
    pub(super) async fn register(
        &self,
        args: &Args,
        room: Option<Room>,
        rendezvous: &str,
        config: PeerConfig,
    ) -> Result<Acceptor> {
        let context = &self.context;
        let acceptor = match room {
            Some(room) => {
                let takes_files = context.files.takes_files();
                let profile = args
                    .room
                    .profile(&context.ack, context.takes_streams, takes_files);
                Acceptor::join(room, profile.await, context.slots.load(), config).await
            }
            None => Acceptor::register_with_load(rendezvous, context.slots.load(), config).await,
        };
        let acceptor = acceptor.map_err(|error| match error {
            SignalError::IdTaken { .. } => anyhow!(
                "another worker is registered under this worker's name at {rendezvous}: stop that one, or give \
                 this one another --name"
            ),
            error => {
                anyhow::Error::new(error).context(format!("cannot meet clients at {rendezvous}"))
            }
        })?;
        context.metrics.authentications(acceptor.auth_counter());
        context.metrics.registration(acceptor.is_registered());
        Ok(acceptor)
    }

    /// Prints the addresses of the page and the metrics. `may_tell`: secrets may stand on standard
    /// output.
    ///
    /// # Errors
    /// The file with the page's link cannot be written.
    pub(super) fn announce(&self, may_tell: bool) -> Result<()> {
        if let Some(page) = &self.page {
            page.announce(may_tell)?;
        }
        if let Some(metrics) = &self.metrics_server {
            metrics.announce();
        }
        Ok(())
    }

    /// Serves clients until the worker is to end. `in_program`: the process, its terminal and its service manager
    /// are another program's.
    ///
    /// # Errors
    /// The pipeline has stopped, or a sink has lost something.
    pub(super) async fn run(
        self,
        acceptor: Acceptor,
        interrupt: Interrupt,
        drain_timeout: Duration,
        in_program: bool,
    ) -> Result<ExitStatus> {
        let context = self.context;
        let _line = (!in_program).then(|| status_line::show(context.served.clone()));
        if !in_program {
            service_manager::ready();
        }
        let served = serve_clients(&context, acceptor, self.page, interrupt, drain_timeout).await;
        if !in_program {
            service_manager::stopping();
        }
        drop(self.sweeper);
        if served.is_ok() {
            // Nothing is handed over any more: what the sinks have lost by now is all.
            let _ = context.pipeline.flush().await;
        }
        // Whatever has happened, nothing stays switched on.
        let ruled = match &self.rules {
            Some(rules) => rules.finish().await,
            None => Ok(()),
        };
        let ended = served?;
        self.losses.check()?;
        ruled?;
        Ok(ended)
    }
}

/// Begins the rules.
fn act(args: &Args, rules: BoundRules) -> Result<RulesSink> {
    RulesSink::start(rules, args.max_streams() > 1)
}

/// Streams that are served at a time. Logs why it is one, where more would be the default.
fn max_streams(args: &Args) -> usize {
    if let (None, Some(option)) = (args.streams.max_streams, args.serves_one_for()) {
        match args.rules.rules {
            Some(_) => info!(
                "one stream at a time is served, so that no two switch the same output: with --max-streams 2 or more {option} \
                 acts on each stream"
            ),
            None => info!(
                "one stream at a time is served, so that what consumers of {option} look for keeps its name: with \
                 --max-streams 2 or more each stream has its own name there"
            ),
        }
    }
    args.max_streams()
}

/// What the worker tells its meeting point that it offers.
fn load(args: &Args, ack: &StreamAck, takes_files: bool, max_streams: usize) -> WorkerLoad {
    let streams = match args.files.no_stream {
        true => 0,
        false => u32::try_from(max_streams).unwrap_or(u32::MAX),
    };
    let model = ack.model.as_ref();
    WorkerLoad {
        streams,
        free: streams,
        // Without a model there is nothing to run over them.
        files: takes_files && model.is_some(),
        model: model.map(|model| model.name.clone()),
        device: model.map(|model| model.device.clone()),
    }
}

/// What tells animals apart.
///
/// # Errors
/// The options of `--tracking` do not go together; they were checked before.
fn tracking(args: &Args, engine: &Engine) -> Result<WorkerTracking> {
    let options = args.tracking.options()?;
    let knows_identities = engine
        .model()
        .is_some_and(|model| model.kind.knows_identities());
    if knows_identities && options.is_some() {
        info!(
            "the model knows which animal is which: its identities are kept, and --tracking does nothing"
        );
    }
    if options
        .as_ref()
        .is_some_and(TrackerOptions::needs_whole_video)
    {
        info!(
            "cleaning, connecting breaks and joining tracks look through a whole video: files of poses get them, \
             pages and programs the tracks that can be told live"
        );
    }
    Ok(WorkerTracking::decide(options, knows_identities))
}

/// The page, where there is to be one; else its tokens go with the secret.
fn open_page(
    args: &Args,
    bound: Option<view::ViewListener>,
    ack: &StreamAck,
    served: &ServedStreams,
    config: &PeerConfig,
) -> Result<Option<ViewServer>> {
    let renew_tokens = args.trust.new_secret;
    let Some(bound) = bound else {
        if renew_tokens {
            view::forget_tokens()?;
        }
        return Ok(None);
    };
    let options = view::ViewOptions {
        links: args.view.view_links,
        renew_tokens,
    };
    serve_page((bound, options), ack, served, config).map(Some)
}

fn serve_page(
    (bound, options): (view::ViewListener, view::ViewOptions),
    ack: &StreamAck,
    served: &ServedStreams,
    config: &PeerConfig,
) -> Result<ViewServer> {
    // Clients of the page have shown its token.
    let config = PeerConfig {
        auth: link::Auth::None,
        ..config.clone()
    };
    ViewServer::start(bound, options, ack, served.clone(), config)
}

/// Sets what metrics read only when they are asked for.
fn observe(metrics: &Metrics, page: Option<&ViewServer>, served: &ServedStreams) {
    if let Some(page) = page {
        let broker = page.broker();
        metrics.viewers(move || broker.viewer_count());
    }
    let served = served.clone();
    metrics.streams(move || served.all().iter().map(|stream| stream.figures()).collect());
}

fn session_context(
    args: &Args,
    jobs: JobContext,
    (store, served): (UploadStore, ServedStreams),
    metrics: Metrics,
) -> SessionContext {
    SessionContext {
        ack: Arc::clone(&jobs.ack),
        pipeline: Arc::clone(&jobs.pipeline),
        rate: jobs.pipeline.rate(),
        least_rate: args.streams.min_live_rate,
        slots: jobs.slots.clone(),
        limits: jobs.limits.clone(),
        frame_memory: FrameMemory::new(jobs.limits.max_frame_bytes),
        tracking: jobs.tracking.clone(),
        files: Arc::new(FileService::new(store, jobs, metrics.clone())),
        served,
        metrics,
        takes_streams: !args.files.no_stream,
    }
}
