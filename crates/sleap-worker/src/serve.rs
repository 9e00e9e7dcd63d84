//! The worker's outermost loop: stand at the signaling server, give each client a session.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt, terminal};
use emit::Emitter;
use link::signaling::rooms::Room;
use link::{Acceptor, Channel, PeerConfig, signaling};
use protocol::text::Lines;
use tokio::task::JoinSet;
use tracing::{info, warn};
use vision::frame_window;

use crate::args::Args;
use crate::drain::drained;
use crate::emit::Emission;
use crate::files::Files;
use crate::metrics::{self, Metrics};
use crate::pipeline::{self, Engine, Pipeline};
use crate::places::Places;
use crate::saver::Saver;
use crate::session::{self, Availability, Worker};
use crate::show::Screen;
use crate::status;
use crate::supervisor;
use crate::trust::Trust;
use crate::view::{self, View};

/// Clients that may stay connected at a time; one of them streams, the others are told it is busy.
const MAX_CLIENTS: usize = 8;

/// Associations that a client may open for its stream.
pub(crate) const MAX_LANES: usize = 8;

/// Serves as a signaling server and nothing else.
pub(crate) async fn signal(listen: SocketAddr, interrupt: Interrupt) -> Result<ExitStatus> {
    let server = bind(listen).await?;
    announce(&format!("ws://{}", reachable(server.local_addr())));
    interrupt.raised().await;
    Ok(ExitStatus::Interrupted)
}

/// Serves clients one after the other until interrupted.
pub(crate) async fn worker(
    args: Args,
    screen: Option<frame_window::WindowHandle>,
    interrupt: Interrupt,
) -> Result<ExitStatus> {
    let signal = args.signal.as_deref();
    let decided = args.room.resolve(signal).and_then(|room| {
        let id = room.as_ref().map(|room| room.id.as_str());
        let config = args.link.peer_config_in(id)?;
        let trust = Trust::decide(&args.trust, args.listen, signal, id)?;
        Ok((room, config, trust))
    });
    let (room, mut peer_config, trust) = match decided {
        Ok(decided) => decided,
        Err(error) => {
            cli::say_error(&error);
            return Ok(ExitStatus::Usage);
        }
    };
    let Doors {
        embedded,
        page,
        metrics,
        meeting,
    } = Doors::open(&args, room.as_ref()).await?;
    // In a room it names itself.
    let id = room.is_none().then(|| link::random_id("worker"));
    peer_config.channel.max_lanes = MAX_LANES;
    let peer_config = PeerConfig {
        auth: trust.auth.clone(),
        // At its own server nobody else takes the worker's place.
        reservation: embedded
            .as_ref()
            .zip(id.as_ref())
            .map(|(server, id)| server.reserve(id)),
        peer_id: id,
        ..peer_config
    };
    let limits = peer_config.channel.limits.clone();
    let saver = match args.save_every {
        Some(every) => Some(Saver::start(&args.output, every, limits.clone())?),
        None => None,
    };
    let samples = saver.as_ref().map(Saver::samples);
    let files = Files::new(&args.files)?;
    let (emitter, engine) = tokio::select! {
        loaded = load(&args) => loaded?,
        () = asked(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    let screen = screen.map(|screen| Screen::new(screen, engine.model()));
    let ack = session::ack::ready(&args.verification_mode(), engine.model());
    let skeleton = ack.skeleton.clone().unwrap_or_default();
    let emission = (!emitter.is_empty()).then(|| Emission::new(emitter, skeleton));
    let current = session::Current::default();
    let page = match page {
        Some(bound) => {
            // Whoever comes by the page has shown its token.
            let config = PeerConfig {
                auth: link::Auth::None,
                ..peer_config.clone()
            };
            Some(View::start(bound, &ack, current.clone(), config)?)
        }
        None => None,
    };
    let view = page.as_ref().map(View::hub);
    let counted = match &metrics {
        Some(_) => Metrics::new(engine.model())?,
        None => Metrics::default(),
    };
    let metrics = metrics.and_then(|bound| bound.serve(&counted));
    let options = pipeline::Options {
        saver,
        screen,
        emission,
        view: view.clone(),
        max_batch: args.device.max_batch.map(usize::from),
        limits: limits.clone(),
        metrics: counted.clone(),
    };
    let worker = Arc::new(Worker {
        ack,
        pipeline: Pipeline::start(engine, options)?,
        stage: session::Stage::new(),
        current: current.clone(),
        view,
        metrics: counted,
        files,
        limits,
    });
    let _tidy = worker.files.tidy();

    let entering = async {
        match room {
            Some(room) => {
                let profile = args.room.profile(&worker.ack, &worker.files).await;
                Acceptor::join(room, profile, current.busy(), peer_config).await
            }
            None => Acceptor::register(&meeting, peer_config).await,
        }
    };
    let acceptor = tokio::select! {
        acceptor = entering => acceptor.with_context(|| format!("cannot meet clients at {meeting}"))?,
        () = asked(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    worker.metrics.authentications(acceptor.auth_counter());
    announce(&meeting);
    let listen = embedded
        .as_ref()
        .map_or(args.listen, |server| server.local_addr());
    trust.announce(listen, signal, acceptor.id());
    if let Some(page) = &page {
        page.announce(trust.may_tell())?;
    }
    if let Some(metrics) = &metrics {
        metrics.announce();
    }

    let _line = status::show(current);
    supervisor::ready();
    let served = serve(worker, acceptor, page, interrupt, args.drain.drain_timeout).await;
    supervisor::stopping();
    let ended = served?;
    samples.map_or(Ok(()), |samples| samples.check())?;
    Ok(ended)
}

/// Resolves once the worker is to end, at a time when it has no stream that could go on.
async fn asked(interrupt: &Interrupt) {
    tokio::select! {
        () = interrupt.raised() => {}
        () = interrupt.drain_asked() => {}
    }
}

/// Where clients and viewers come.
struct Doors {
    /// The signaling server, unless another one is named.
    embedded: Option<signaling::Server>,
    page: Option<view::Bound>,
    metrics: Option<metrics::Bound>,
    /// The signaling server's address.
    meeting: String,
}

impl Doors {
    /// Before the model is loaded: a port in use is known at once.
    async fn open(args: &Args, room: Option<&Room>) -> Result<Self> {
        let elsewhere = room.map(|room| &room.url).or(args.signal.as_ref());
        let (embedded, meeting) = match elsewhere {
            Some(url) => (None, url.clone()),
            None => {
                let server = bind(args.listen).await?;
                let meeting = format!("ws://{}", reachable(server.local_addr()));
                (Some(server), meeting)
            }
        };
        let page = match args.view.view {
            Some(listen) => Some(view::bind(listen).await?),
            None => None,
        };
        let metrics = match args.metrics.metrics {
            Some(listen) => Some(metrics::bind(listen).await?),
            None => None,
        };
        Ok(Self {
            embedded,
            page,
            metrics,
            meeting,
        })
    }
}

/// Serves clients until the worker is to end, and lets everybody go in order.
async fn serve(
    worker: Arc<Worker>,
    acceptor: Acceptor,
    mut page: Option<View>,
    interrupt: Interrupt,
    patience: Duration,
) -> Result<ExitStatus> {
    let mut sessions = JoinSet::new();
    let served = clients(
        &worker,
        acceptor,
        &mut page,
        &interrupt,
        patience,
        &mut sessions,
    )
    .await;
    // Viewers leave at once; clients first get their last answers.
    if let Some(page) = page {
        page.close().await;
    }
    // Nothing can be answered any more where the worker has failed; whoever watches over it starts
    // another.
    served?;
    interrupt.raise();
    while let Some(ended) = sessions.join_next().await {
        session::report(ended);
    }
    Ok(ExitStatus::Interrupted)
}

/// Gives every client a session, until the worker is interrupted or has drained.
async fn clients(
    worker: &Arc<Worker>,
    acceptor: Acceptor,
    page: &mut Option<View>,
    interrupt: &Interrupt,
    patience: Duration,
    sessions: &mut JoinSet<()>,
) -> Result<()> {
    let mut places = Places::new(MAX_CLIENTS);
    let mut acceptor = Some(acceptor);
    let mut availability = worker.stage.availability();
    let drained = drained(worker, interrupt, patience);
    tokio::pin!(drained);
    loop {
        if let Some(view) = &worker.view {
            view.clients_are(sessions.len());
        }
        let channel = tokio::select! {
            () = interrupt.raised() => return Ok(()),
            () = &mut drained => return Ok(()),
            Ok(()) = availability.changed() => {
                let now = *availability.borrow_and_update();
                if now == Availability::ShuttingDown {
                    // With the registration: clients that come now look elsewhere.
                    acceptor = None;
                    worker.metrics.drains();
                }
                supervisor::status(now.words());
                continue;
            }
            stopped = worker.pipeline.stopped() => return Err(stopped.into()),
            Some(ended) = sessions.join_next() => {
                session::report(ended);
                continue;
            }
            channel = from_signaling(&mut acceptor) => channel?,
            Some(channel) = from_page(page) => channel,
        };
        let place = places.enter(Instant::now());
        sessions.spawn(session::run(
            Arc::clone(worker),
            channel,
            place,
            interrupt.clone(),
        ));
    }
}

/// The next client that comes by the signaling server; none once the worker has left it.
async fn from_signaling(acceptor: &mut Option<Acceptor>) -> Result<Channel> {
    match acceptor {
        Some(acceptor) => {
            let channel = acceptor.accept().await;
            channel.context("no further client can be accepted")
        }
        None => std::future::pending().await,
    }
}

/// The next client that comes from the page; none without one.
async fn from_page(page: &mut Option<View>) -> Option<Channel> {
    match page {
        Some(page) => page.accept().await,
        None => std::future::pending().await,
    }
}

async fn bind(listen: SocketAddr) -> Result<signaling::Server> {
    signaling::Server::bind(listen)
        .await
        .context("no signaling server (--listen ADDR chooses another address)")
}

/// What takes a while: names of receivers are looked up, the model is loaded.
async fn load(args: &Args) -> Result<(Emitter, Engine)> {
    let targets = args.emit.targets.clone();
    let emitter = tokio::task::spawn_blocking(move || Emitter::open(&targets))
        .await
        .context("opening --emit stopped unexpectedly")??;
    Ok((emitter, engine(args).await?))
}

async fn engine(args: &Args) -> Result<Engine> {
    let Some(dir) = args.model.clone() else {
        info!("no --model: frames are received, checked and counted");
        return Ok(Engine::Verify);
    };
    let options = pose::Options {
        peak_threshold: args.peak_threshold,
        max_instances: args.max_instances.map(usize::from),
        min_line_scores: args.min_line_scores,
        min_instance_peaks: args.min_instance_peaks,
        refine: args.refine,
        ..args.device.options()
    };
    let model = tokio::task::spawn_blocking(move || load_model(&dir, &options))
        .await
        .context("loading the model stopped unexpectedly")??;
    Ok(Engine::Model(Box::new(model)))
}

fn load_model(dir: &Path, options: &pose::Options) -> Result<pose::Model> {
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

/// The error with the places where ONNX Runtime was looked for, one a line.
fn with_places(error: pose::runtime::RuntimeError) -> anyhow::Error {
    match error.places() {
        places if places.is_empty() => error.into(),
        places => anyhow::Error::new(Lines(places)).context(error),
    }
}

/// Tells people and scripts that clients can come now.
fn announce(url: &str) {
    terminal::tell(format_args!("ready: {url}"));
}

/// The address at which a server bound to "any address" is reached from this machine.
fn reachable(bound: SocketAddr) -> SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}
