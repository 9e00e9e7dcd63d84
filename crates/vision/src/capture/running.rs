//! A capture from its opening to its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::pushed::PushedFrames;
use super::stop::StopSignal;
use super::{
    CaptureSummary, CapturedFrame, Config, DriverTiming, FramePusher, OnFrame, OpenError,
    ReadError, SourceInfo, reader, thread,
};

/// An open source that delivers no frames yet.
///
/// A camera keeps running meanwhile and its frames are discarded, so that the first one
/// delivered is fresh. Dropping it closes the source.
#[derive(Debug)]
pub struct Capture {
    info: SourceInfo,
    timing: Option<DriverTiming>,
    consumer: Consumer,
    running: RunningCapture,
}

/// Where the callback goes.
#[derive(Debug)]
enum Consumer {
    /// To the capture's thread.
    Thread(mpsc::SyncSender<OnFrame>),
    /// To the program that hands frames in.
    Pushed(Arc<PushedFrames>),
}

impl Capture {
    /// Opens a source on its own thread and waits until that has succeeded or failed.
    pub fn open(config: Config) -> Result<Capture, OpenError> {
        crate::native_logs::quiet_opencv();
        config.selection.check()?;
        let name = reader::display_name(&config.source);
        let (ready, opened) = mpsc::sync_channel(1);
        let (start, started) = mpsc::sync_channel(1);
        let stop = Arc::new(StopSignal::default());
        let thread = std::thread::Builder::new().name("capture".into()).spawn({
            let stop = Arc::clone(&stop);
            move || thread::run(&config, &ready, &started, &stop)
        });
        let thread = thread.map_err(OpenError::Thread)?;
        let running = RunningCapture {
            stop,
            work: Some(CaptureWork::Thread(thread)),
        };
        let (info, timing) = opened
            .recv()
            .map_err(|_| OpenError::ThreadLost { name })??;
        Ok(Capture {
            info,
            timing,
            consumer: Consumer::Thread(start),
            running,
        })
    }

    /// A capture of the frames that the program itself hands in.
    pub fn pushed(info: SourceInfo) -> (Capture, FramePusher) {
        let stop = Arc::new(StopSignal::default());
        let frames = PushedFrames::new(Arc::clone(&stop));
        let capture = Capture {
            info,
            timing: None,
            consumer: Consumer::Pushed(Arc::clone(&frames)),
            running: RunningCapture {
                stop,
                work: Some(CaptureWork::Pushed(Arc::clone(&frames))),
            },
        };
        (capture, FramePusher::new(frames))
    }

    /// What was opened.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// What the driver of a camera tells of its frames' times.
    pub fn timing(&self) -> Option<DriverTiming> {
        self.timing
    }

    /// Begins to deliver frames, each to `on_frame` on the capture's thread, or on the one that hands it in.
    ///
    /// While `on_frame` runs, nothing is read: a file waits, a camera drops frames.
    /// `ControlFlow::Break` ends the capture.
    pub fn start(
        self,
        on_frame: impl FnMut(CapturedFrame) -> ControlFlow<()> + Send + 'static,
    ) -> RunningCapture {
        match self.consumer {
            // It fails only if the thread has ended; `RunningCapture::join` then returns why.
            Consumer::Thread(start) => drop(start.send(Box::new(on_frame))),
            Consumer::Pushed(frames) => frames.start(Box::new(on_frame)),
        }
        self.running
    }
}

/// A capture under way. Dropping it stops the capture and waits for its thread.
#[derive(Debug)]
pub struct RunningCapture {
    stop: Arc<StopSignal>,
    work: Option<CaptureWork>,
}

/// What delivers the frames.
#[derive(Debug)]
enum CaptureWork {
    Thread(JoinHandle<Result<CaptureSummary, ReadError>>),
    Pushed(Arc<PushedFrames>),
}

impl RunningCapture {
    /// Asks the capture to end; it does once the callback or the read under way returns.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Whether it has ended, by itself or because it was asked to.
    pub fn is_finished(&self) -> bool {
        match &self.work {
            Some(CaptureWork::Thread(thread)) => thread.is_finished(),
            Some(CaptureWork::Pushed(frames)) => frames.is_ended(),
            None => true,
        }
    }

    /// Waits until the capture has ended; one of frames that are handed in ends now. A panic of the callback is
    /// resumed here.
    pub fn join(mut self) -> Result<CaptureSummary, ReadError> {
        match self.work.take().expect("only join and drop take it") {
            CaptureWork::Thread(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            CaptureWork::Pushed(frames) => {
                frames.end();
                Ok(frames.summary())
            }
        }
    }
}

impl Drop for RunningCapture {
    fn drop(&mut self) {
        self.stop.set();
        match self.work.take() {
            Some(CaptureWork::Thread(thread))
                if thread.thread().id() != std::thread::current().id() =>
            {
                // Dropped rather than joined: its outcome is not needed.
                let _ = thread.join();
            }
            Some(CaptureWork::Pushed(frames)) => frames.end(),
            _ => {}
        }
    }
}
