//! The parts of a worker, put together.

use std::sync::Arc;

use anyhow::Result;
use link::PeerConfig;
use link::signaling::rooms::Room;
use protocol::Limits;
use vision::frame_window::WindowHandle;

use super::listeners::Listeners;
use super::load::Loaded;
use crate::command_line::Args;
use crate::files::{FileService, JobContext, UploadStore};
use crate::metrics::{Metrics, MetricsListener, MetricsServer};
use crate::pipeline::{FrameSinks, Pipeline, PipelineOptions};
use crate::replies::{MAX_LANES, ack};
use crate::session::SessionContext;
use crate::sinks::{
    EmitSink, FrameSaver, PosesSink, SavedFrames, SavedPoses, ViewSink, WindowSink,
};
use crate::streams::{CurrentStream, StreamSlot};
use crate::trust::WorkerTrust;
use crate::view::{self, View};

/// Where clients come from, and what they have to know.
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
        let config = args.link.peer_config_in(id)?;
        let trust = WorkerTrust::decide(&args.trust, args.listen, signal, id)?;
        Ok(Self {
            room,
            trust,
            config,
        })
    }

    /// How the worker is registered and connects to clients.
    pub(super) fn peer_config(&self, listeners: &Listeners) -> PeerConfig {
        // In a room the worker's name is that of the room's member.
        let id = self.room.is_none().then(|| link::random_id("worker"));
        let embedded = listeners.embedded.as_ref().zip(id.as_ref());
        let mut config = PeerConfig {
            auth: self.trust.auth.clone(),
            // At the worker's own server no other peer can register its id.
            reservation: embedded.map(|(server, id)| server.reserve(id)),
            peer_id: id,
            ..self.config.clone()
        };
        config.channel.max_lanes = MAX_LANES;
        config
    }
}

/// Sinks that write files.
pub(super) struct OutputFiles {
    saver: Option<FrameSaver>,
    poses: Option<PosesSink>,
}

/// What sinks could not write.
pub(super) struct SinkLosses {
    frames: Option<SavedFrames>,
    poses: Option<SavedPoses>,
}

impl OutputFiles {
    /// Makes the folders, before the model is loaded.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub(super) fn open(args: &Args, limits: &Limits) -> Result<Self> {
        let saver = match args.save_every {
            Some(every) => Some(FrameSaver::start(&args.output, every, limits.clone())?),
            None => None,
        };
        let poses = match &args.save_poses {
            Some(dir) => Some(PosesSink::new(dir)?),
            None => None,
        };
        Ok(Self { saver, poses })
    }

    /// Where to look for losses at the end.
    pub(super) fn losses(&self) -> SinkLosses {
        SinkLosses {
            frames: self.saver.as_ref().map(FrameSaver::saved_frames),
            poses: self.poses.as_ref().map(PosesSink::saved_poses),
        }
    }
}

impl SinkLosses {
    /// Fails where something was lost.
    pub(super) fn check(&self) -> Result<()> {
        self.frames.as_ref().map_or(Ok(()), SavedFrames::check)?;
        self.poses.as_ref().map_or(Ok(()), SavedPoses::check)
    }
}

/// A worker whose threads and servers run.
pub(super) struct StartedWorker {
    pub(super) context: Arc<SessionContext>,
    pub(super) page: Option<View>,
    pub(super) metrics_server: Option<MetricsServer>,
}

impl StartedWorker {
    /// Starts the pipeline with its sinks, and the servers at the bound addresses.
    ///
    /// # Errors
    /// The system starts no thread, or has no randomness for a token.
    pub(super) fn start(
        args: &Args,
        loaded: Loaded,
        window: Option<WindowHandle>,
        files: OutputFiles,
        store: UploadStore,
        (page, metrics): (Option<view::Bound>, Option<MetricsListener>),
        config: &PeerConfig,
    ) -> Result<Self> {
        let Loaded { emitter, engine } = loaded;
        let ack = Arc::new(ack::ready(&args.verification_mode(), engine.model()));
        let current = CurrentStream::default();
        let page = match page {
            Some(bound) => {
                // Clients of the page have shown its token.
                let config = PeerConfig {
                    auth: link::Auth::None,
                    ..config.clone()
                };
                Some(View::start(bound, &ack, current.clone(), config)?)
            }
            None => None,
        };
        let counted = match &metrics {
            Some(_) => Metrics::new(engine.model())?,
            None => Metrics::default(),
        };
        let metrics_server = metrics.and_then(|bound| bound.serve(&counted));
        let mut sinks = FrameSinks::default();
        if !emitter.is_empty() {
            sinks.add(EmitSink::new(emitter));
        }
        if let Some(page) = &page {
            sinks.add(ViewSink::new(page.hub()));
        }
        if let Some(window) = window {
            sinks.add(WindowSink::new(window));
        }
        if let Some(poses) = files.poses {
            sinks.add(poses.counted_in(counted.clone()));
        }
        if let Some(saver) = files.saver {
            sinks.add(saver);
        }
        let limits = config.channel.limits.clone();
        let options = PipelineOptions {
            sinks,
            worker: (*ack).clone(),
            max_batch: args.device.max_batch.map(usize::from),
            limits: limits.clone(),
            metrics: counted.clone(),
        };
        let pipeline = Arc::new(Pipeline::start(engine, options)?);
        let slot = Arc::new(StreamSlot::new());
        let jobs = JobContext {
            pipeline: Arc::clone(&pipeline),
            slot: Arc::clone(&slot),
            ack: Arc::clone(&ack),
            limits: limits.clone(),
        };
        let context = SessionContext {
            ack,
            pipeline,
            slot,
            current,
            files: Arc::new(FileService::new(store, jobs, counted.clone())),
            metrics: counted,
            takes_streams: !args.files.no_stream,
            limits,
        };
        Ok(Self {
            context: Arc::new(context),
            page,
            metrics_server,
        })
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
}
