//! What the worker writes or shows: opened before the model is loaded, so that a mistake is reported at once.

use anyhow::Result;
use emit::Emitter;
use protocol::Limits;
use vision::frame_window::WindowHandle;

use crate::command_line::Args;
use crate::files::UploadStore;
use crate::metrics::Metrics;
use crate::pipeline::FrameSinks;
use crate::sinks::{EmitSink, FrameSaver, PosesSink, RulesSink, SaveCounts, ViewSink, WindowSink};
use crate::streams::ServedStreams;
use crate::view::ViewServer;

/// The window, the folders of sinks, and the store for uploads.
pub(super) struct Outputs {
    window: Option<WindowHandle>,
    saver: Option<FrameSaver>,
    poses: Option<PosesSink>,
    store: UploadStore,
}

/// Counts of the sinks that write files.
pub(super) struct SinkLosses(Vec<SaveCounts>);

impl Outputs {
    /// Makes the folders.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub(super) fn open(args: &Args, window: Option<WindowHandle>, limits: &Limits) -> Result<Self> {
        let saver = match args.save_every {
            Some(every) => Some(FrameSaver::start(&args.output, every, limits.clone())?),
            None => None,
        };
        let poses = match &args.save_poses {
            Some(dir) => Some(PosesSink::new(dir)?),
            None => None,
        };
        Ok(Self {
            window,
            saver,
            poses,
            store: UploadStore::open(&args.files)?,
        })
    }

    /// Where to look for losses at the end.
    pub(super) fn losses(&self) -> SinkLosses {
        let frames = self.saver.as_ref().map(FrameSaver::counts);
        let poses = self.poses.as_ref().map(PosesSink::counts);
        SinkLosses(frames.into_iter().chain(poses).collect())
    }

    /// The sinks of the pipeline, and the store.
    pub(super) fn into_sinks(
        self,
        (rules, emitter): (Option<RulesSink>, Emitter),
        page: Option<&ViewServer>,
        served: &ServedStreams,
        metrics: &Metrics,
    ) -> (FrameSinks, UploadStore) {
        let mut sinks = FrameSinks::default();
        if let Some(rules) = rules {
            sinks.add(rules);
        }
        if !emitter.is_empty() {
            sinks.add(EmitSink::new(emitter, served.max() > 1));
        }
        if let Some(page) = page {
            sinks.add(ViewSink::new(page.broker()));
        }
        if let Some(window) = self.window {
            sinks.add(WindowSink::new(window, served.clone()));
        }
        if let Some(poses) = self.poses {
            sinks.add(poses.counted_in(metrics.clone()));
        }
        if let Some(saver) = self.saver {
            sinks.add(saver);
        }
        (sinks, self.store)
    }
}

impl SinkLosses {
    /// Fails where something was lost.
    pub(super) fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(SaveCounts::check)
    }
}
