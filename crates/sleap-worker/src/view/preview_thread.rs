//! The thread that makes pictures for viewers.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use protocol::Limits;

use super::broker::{FrameWithResult, ViewBroker};
use super::picture::PictureMaker;
use crate::frame_decoder::FrameDecoder;

/// The thread that makes pictures. Dropping this ends it.
pub(super) struct PreviewThread {
    broker: Arc<ViewBroker>,
    thread: Option<JoinHandle<()>>,
}

impl PreviewThread {
    /// Starts making pictures of the frames of `broker`.
    ///
    /// # Errors
    /// The decoder or the thread cannot be made.
    pub(super) fn start(broker: Arc<ViewBroker>, limits: Limits) -> Result<Self> {
        let decoder = FrameDecoder::new(limits).context("cannot set up the JPEG decoder")?;
        let maker = PictureMaker::new(decoder);
        let from = Arc::clone(&broker);
        let thread = std::thread::Builder::new()
            .name("preview".into())
            .spawn(move || {
                lower_priority();
                run(&from, maker);
            })
            .context("cannot start the preview thread")?;
        Ok(Self {
            broker,
            thread: Some(thread),
        })
    }
}

impl Drop for PreviewThread {
    fn drop(&mut self) {
        self.broker.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lowers the priority of this thread, so that frames of the stream come before pictures of it.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux the call is about the calling thread alone.
    const NICENESS: i32 = 10;
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "pictures are made with the same priority as poses");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

fn run(broker: &ViewBroker, mut maker: PictureMaker) {
    while let Some(FrameWithResult { claim, result }) = broker.next_frame() {
        let specs = broker.specs(&claim.stream);
        match maker.pictures(&claim.frame, &result, &specs) {
            Ok(pictures) => {
                broker.announce_streams();
                for (spec, picture) in specs.into_iter().zip(&pictures) {
                    broker.deliver(spec, picture, &claim.stream);
                }
            }
            Err(reason) => tracing::debug!(%reason, "no picture of a frame"),
        }
    }
}
