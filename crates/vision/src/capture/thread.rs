//! The capture's thread: open, wait for the callback, deliver.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Instant, SystemTime};

use super::open::open;
use super::pace::{FramePacer, FrameThinner, interval};
use super::reader::{OpenedReader, ReadFault, SourceBehaviour};
use super::stop::StopSignal;
use super::{
    CaptureEnd, CaptureSummary, CapturedFrame, Config, FrameContent, FrameSelection, OnFrame,
    OpenError, ReadError, Source, SourceInfo,
};

/// Frame counts of healthy files are off by this many at the end of a stream.
const COUNT_SLACK: u64 = 2;

/// A live source that delivers so many damaged frames in a row has failed.
const MAX_UNDECODABLE: u32 = 10;

pub(super) fn run(
    config: &Config,
    ready: &SyncSender<Result<SourceInfo, OpenError>>,
    started: &Receiver<OnFrame>,
    stop: &StopSignal,
) -> Result<CaptureSummary, ReadError> {
    let never_started = CaptureSummary {
        frames: 0,
        read: 0,
        undecodable: 0,
        end: CaptureEnd::Stopped,
    };
    let mut opened = match open(config) {
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
    let _ = ready.send(Ok(opened.info.clone()));
    let Some(on_frame) = wait_for_start(&mut opened, started, stop) else {
        return Ok(never_started);
    };
    let rate = DeliveryRate::new(config, &opened);
    FrameDelivery {
        opened,
        rate,
        stop,
        read: 0,
        undecodable: 0,
        frames: 0,
    }
    .run(&config.selection, on_frame)
}

/// Waits for the callback; what a camera delivers meanwhile is stale and discarded.
fn wait_for_start(
    opened: &mut OpenedReader,
    started: &Receiver<OnFrame>,
    stop: &StopSignal,
) -> Option<OnFrame> {
    while opened.kind.pushes() && !stop.is_set() {
        match started.try_recv() {
            Ok(on_frame) => return Some(on_frame),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if !matches!(opened.reader.grab(), Ok(true)) {
            // Lost already: the first read after the start returns the error.
            break;
        }
    }
    started.recv().ok()
}

/// How deliveries are spread over time.
enum DeliveryRate {
    Free,
    Paced(FramePacer),
    Thinned(FrameThinner),
}

impl DeliveryRate {
    fn new(config: &Config, opened: &OpenedReader) -> DeliveryRate {
        let own = match &config.source {
            Source::TestPattern(pattern) if pattern.frames.is_none() => opened.info.fps,
            _ if config.real_time && !opened.kind.pushes() => opened.info.fps,
            _ => None,
        };
        match interval(config.fps.or(own)) {
            None => DeliveryRate::Free,
            Some(interval) if opened.kind.pushes() => {
                DeliveryRate::Thinned(FrameThinner::new(interval))
            }
            Some(interval) => DeliveryRate::Paced(FramePacer::new(interval)),
        }
    }
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
struct CaptureTime {
    date: SystemTime,
    instant: Instant,
}

impl CaptureTime {
    fn now() -> CaptureTime {
        CaptureTime {
            date: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

struct FrameDelivery<'a> {
    opened: OpenedReader,
    rate: DeliveryRate,
    stop: &'a StopSignal,
    /// Frames read from the source.
    read: u64,
    /// Frames skipped because they could not be decoded.
    undecodable: u64,
    /// Frames delivered.
    frames: u64,
}

impl FrameDelivery<'_> {
    fn run(
        mut self,
        selection: &FrameSelection,
        mut on_frame: OnFrame,
    ) -> Result<CaptureSummary, ReadError> {
        // Frames passed, thinned ones not counted: the next frame's id.
        let mut next = 0;
        for target in selection.frames() {
            let mut grabbed = CaptureTime::now();
            while next <= target {
                if self.stop.is_set() {
                    return Ok(self.summary(CaptureEnd::Stopped));
                }
                match self.advance(next)? {
                    Some(at) => grabbed = at,
                    None => return self.ended(selection, next),
                }
                next += 1;
            }
            let content = match self.decode(target, &mut grabbed)? {
                Some(content) => content,
                None if self.stop.is_set() => return Ok(self.summary(CaptureEnd::Stopped)),
                None => return self.ended(selection, target),
            };
            let captured = match &mut self.rate {
                DeliveryRate::Paced(pacer) => {
                    if self.stop.wait_until(pacer.next(Instant::now())) {
                        return Ok(self.summary(CaptureEnd::Stopped));
                    }
                    CaptureTime::now()
                }
                DeliveryRate::Free | DeliveryRate::Thinned(_) => grabbed,
            };
            self.frames += 1;
            let frame = CapturedFrame {
                frame_id: target,
                captured_at: captured.date,
                captured: captured.instant,
                content,
            };
            if on_frame(frame).is_break() {
                return Ok(self.summary(CaptureEnd::Stopped));
            }
        }
        Ok(self.summary(CaptureEnd::Selected))
    }

    /// The pixels of the frame grabbed last, or, where a live source hands out damaged ones, of
    /// the next that is whole; `None` at the end or when stopped.
    fn decode(
        &mut self,
        target: u64,
        grabbed: &mut CaptureTime,
    ) -> Result<Option<FrameContent>, ReadError> {
        for _ in 0..MAX_UNDECODABLE {
            let fault = match self.opened.reader.retrieve() {
                Ok(content) => return Ok(Some(content)),
                Err(fault) if !self.opened.kind.pushes() => return Err(self.fault(fault, target)),
                Err(fault) => self.fault(fault, target),
            };
            self.undecodable += 1;
            if self.undecodable == 1 {
                tracing::warn!(%fault, "frame skipped (logged once)");
            } else {
                tracing::debug!(%fault, skipped = self.undecodable, "frame skipped");
            }
            if self.stop.is_set() {
                return Ok(None);
            }
            match self.advance(target)? {
                Some(at) => *grabbed = at,
                None => return Ok(None),
            }
        }
        Err(self.fault(ReadFault::Undecodable, target))
    }

    /// Moves on to the next frame that the rate lets through; `None` at the end.
    fn advance(&mut self, next: u64) -> Result<Option<CaptureTime>, ReadError> {
        loop {
            let more = self.opened.reader.grab();
            if !more.map_err(|fault| self.fault(fault, next))? {
                return Ok(None);
            }
            self.read += 1;
            let taken = match &mut self.rate {
                DeliveryRate::Thinned(thinner) => thinner.accept(Instant::now()),
                DeliveryRate::Free | DeliveryRate::Paced(_) => true,
            };
            // A camera that is thinned to a frame a minute still has to stop at once.
            if taken || self.stop.is_set() {
                return Ok(Some(CaptureTime::now()));
            }
        }
    }

    /// The result for a source without further frames: its end, or an error.
    fn ended(self, selection: &FrameSelection, frames: u64) -> Result<CaptureSummary, ReadError> {
        let name = self.opened.info.name.clone();
        let announced = self.opened.info.total_frames;
        let expected = announced.filter(|&total| frames.saturating_add(COUNT_SLACK) < total);
        let last = selection.ranges.last().map(|range| *range.end());
        let cut_off = matches!(
            self.opened.kind,
            SourceBehaviour::Stored { cut_off: true, .. }
        );
        match (self.opened.kind, expected, last) {
            (SourceBehaviour::Camera, ..) => Err(ReadError::CameraLost {
                name,
                frames: self.frames,
            }),
            (_, Some(expected), _) if cut_off => Err(ReadError::Truncated {
                name,
                at: frames,
                expected,
            }),
            (_, _, Some(last)) => Err(ReadError::RangeBeyondEnd { name, last, frames }),
            (_, Some(expected), None) => {
                tracing::warn!(source = %name, frames, expected,
                    "the source ended before its announced number of frames");
                let at = frames;
                Ok(self.summary(CaptureEnd::Short { at, expected }))
            }
            (_, None, None) => Ok(self.summary(CaptureEnd::EndOfSource)),
        }
    }

    fn summary(&self, end: CaptureEnd) -> CaptureSummary {
        CaptureSummary {
            frames: self.frames,
            read: self.read,
            undecodable: self.undecodable,
            end,
        }
    }

    fn fault(&self, fault: ReadFault, frame_id: u64) -> ReadError {
        let name = self.opened.info.name.clone();
        match fault {
            ReadFault::Undecodable => ReadError::Undecodable { name, frame_id },
            ReadFault::OpenCv(reason) => ReadError::OpenCv { name, reason },
            ReadFault::ImageFile(file) => ReadError::ImageFile { file, frame_id },
            ReadFault::Image(source) => ReadError::Image {
                name,
                frame_id,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests;
