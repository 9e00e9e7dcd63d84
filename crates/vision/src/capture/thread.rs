//! The capture's thread: open, wait for the callback, deliver.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use super::delivery::FrameDelivery;
use super::delivery_rate::DeliveryRate;
use super::open::open;
use super::reader::{Grab, OpenedReader};
use super::stop::StopSignal;
use super::time::DriverTiming;
use super::{CaptureEnd, CaptureSummary, Config, OnFrame, OpenError, ReadError, SourceInfo};

pub(super) fn run(
    config: &Config,
    ready: &SyncSender<Result<(SourceInfo, Option<DriverTiming>), OpenError>>,
    started: &Receiver<OnFrame>,
    stop: &Arc<StopSignal>,
) -> Result<CaptureSummary, ReadError> {
    let never_started = CaptureSummary {
        frames: 0,
        read: 0,
        undecodable: 0,
        stale: 0,
        lost: 0,
        end: CaptureEnd::Stopped,
    };
    let mut opened = match open(config, stop) {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Ok(never_started);
        }
    };
    tracing::info!(source = %opened.info.name, width = opened.info.width,
        height = opened.info.height, fps = opened.info.fps,
        frames = opened.info.total_frames, "source open");
    // Fails only if the opener's thread has ended, which needs no answer then.
    let _ = ready.send(Ok((opened.info.clone(), opened.reader.timing())));
    let Some(on_frame) = wait_for_start(&mut opened, started, stop) else {
        return Ok(never_started);
    };
    let rate = DeliveryRate::new(config, &opened);
    FrameDelivery::new(opened, rate, stop).run(&config.selection, on_frame)
}

/// Waits for the callback; what a camera delivers meanwhile is stale and discarded.
fn wait_for_start(
    opened: &mut OpenedReader,
    started: &Receiver<OnFrame>,
    stop: &StopSignal,
) -> Option<OnFrame> {
    let is_stale = opened.kind.pushes() && !opened.reader.waits_for_triggers();
    while is_stale && !stop.is_set() {
        match started.try_recv() {
            Ok(on_frame) => return Some(on_frame),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if !matches!(opened.reader.grab(), Ok(Grab::Frame(_) | Grab::Lost(_))) {
            // Lost already: the first read after the start returns the error.
            break;
        }
    }
    started.recv().ok()
}
