//! What the worker writes or shows: opened before the model is loaded, so that a mistake is reported at once.

use anyhow::Result;
use emit::Emitter;
use protocol::Limits;
use vision::frame_window::WindowHandle;

use crate::command_line::Args;
use crate::files::UploadStore;
use crate::metrics::Metrics;
use crate::pipeline::FrameSinks;
use crate::sinks::{
    EmitSink, FrameSaver, PosesSink, SavedFrames, SavedPoses, ViewSink, WindowSink,
};
use crate::view::View;

/// The window, the folders of sinks, and the store for uploads.
pub(super) struct Outputs {
    window: Option<WindowHandle>,
    saver: Option<FrameSaver>,
    poses: Option<PosesSink>,
    store: UploadStore,
}

/// What sinks could not write.
pub(super) struct SinkLosses {
    frames: Option<SavedFrames>,
    poses: Option<SavedPoses>,
}

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
        SinkLosses {
            frames: self.saver.as_ref().map(FrameSaver::saved_frames),
            poses: self.poses.as_ref().map(PosesSink::saved_poses),
        }
    }

    /// The sinks of the pipeline, and the store.
    pub(super) fn into_sinks(
        self,
        emitter: Emitter,
        page: Option<&View>,
        metrics: &Metrics,
    ) -> (FrameSinks, UploadStore) {
        let mut sinks = FrameSinks::default();
        if !emitter.is_empty() {
            sinks.add(EmitSink::new(emitter));
        }
        if let Some(page) = page {
            sinks.add(ViewSink::new(page.hub()));
        }
        if let Some(window) = self.window {
            sinks.add(WindowSink::new(window));
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
        self.frames.as_ref().map_or(Ok(()), SavedFrames::check)?;
        self.poses.as_ref().map_or(Ok(()), SavedPoses::check)
    }
}
