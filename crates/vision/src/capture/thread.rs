//! The capture's thread: open, wait for the callback, deliver.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Instant, SystemTime};

use super::open::open;
use super::pace::{Pacer, Thinner, interval};
use super::reader::{Fault, Nature, Opened};
use super::stop::Stop;
use super::{
    CapturedFrame, Config, Content, End, OnFrame, OpenError, ReadError, Selection, Source,
    SourceInfo, Summary,
};

/// Frame counts of healthy files are off by this many at the end of a stream.
const COUNT_SLACK: u64 = 2;

/// A live source that delivers so many damaged frames in a row has failed.
const MAX_UNDECODABLE: u32 = 10;

pub(super) fn run(
    config: &Config,
    ready: &SyncSender<Result<SourceInfo, OpenError>>,
    started: &Receiver<OnFrame>,
    stop: &Stop,
) -> Result<Summary, ReadError> {
    let never_started = Summary {
        frames: 0,
        read: 0,
        undecodable: 0,
        end: End::Stopped,
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
    // The opener is gone only if its thread died; then there is no one to tell.
    let _ = ready.send(Ok(opened.info.clone()));
    let Some(on_frame) = wait_for_start(&mut opened, started, stop) else {
        return Ok(never_started);
    };
    let rate = Rate::new(config, &opened);
    Delivery {
        opened,
        rate,
        stop,
        read: 0,
        undecodable: 0,
        frames: 0,
    }
    .run(&config.selection, on_frame)
}

/// Waits for the callback; what a camera delivers meanwhile is stale and goes.
fn wait_for_start(
    opened: &mut Opened,
    started: &Receiver<OnFrame>,
    stop: &Stop,
) -> Option<OnFrame> {
    while opened.nature.pushes() && !stop.is_set() {
        match started.try_recv() {
            Ok(on_frame) => return Some(on_frame),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if !matches!(opened.reader.grab(), Ok(true)) {
            // Lost already: the first read after the start says so.
            break;
        }
    }
    started.recv().ok()
}

/// How deliveries are spread over time.
enum Rate {
    Free,
    Paced(Pacer),
    Thinned(Thinner),
}

impl Rate {
    fn new(config: &Config, opened: &Opened) -> Rate {
        let own = match &config.source {
            Source::TestPattern(pattern) if pattern.frames.is_none() => opened.info.fps,
            _ if config.real_time && !opened.nature.pushes() => opened.info.fps,
            _ => None,
        };
        match interval(config.fps.or(own)) {
            None => Rate::Free,
            Some(interval) if opened.nature.pushes() => Rate::Thinned(Thinner::new(interval)),
            Some(interval) => Rate::Paced(Pacer::new(interval)),
        }
    }
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
struct Moment {
    date: SystemTime,
    instant: Instant,
}

impl Moment {
    fn now() -> Moment {
        Moment {
            date: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

struct Delivery<'a> {
    opened: Opened,
    rate: Rate,
    stop: &'a Stop,
    /// Frames read from the source.
    read: u64,
    /// Frames skipped because they could not be decoded.
    undecodable: u64,
    /// Frames delivered.
    frames: u64,
}

impl Delivery<'_> {
    fn run(mut self, selection: &Selection, mut on_frame: OnFrame) -> Result<Summary, ReadError> {
        // Frames passed, thinned ones not counted: the next frame's id.
        let mut next = 0;
        for target in selection.wanted() {
            let mut grabbed = Moment::now();
            while next <= target {
                if self.stop.is_set() {
                    return Ok(self.summary(End::Stopped));
                }
                match self.advance(next)? {
                    Some(at) => grabbed = at,
                    None => return self.ended(selection, next),
                }
                next += 1;
            }
            let content = match self.decode(target, &mut grabbed)? {
                Some(content) => content,
                None if self.stop.is_set() => return Ok(self.summary(End::Stopped)),
                None => return self.ended(selection, target),
            };
            let captured = match &mut self.rate {
                Rate::Paced(pacer) => {
                    if self.stop.wait_until(pacer.next(Instant::now())) {
                        return Ok(self.summary(End::Stopped));
                    }
                    Moment::now()
                }
                Rate::Free | Rate::Thinned(_) => grabbed,
            };
            self.frames += 1;
            let frame = CapturedFrame {
                frame_id: target,
                captured_at: captured.date,
                captured: captured.instant,
                content,
            };
            if on_frame(frame).is_break() {
                return Ok(self.summary(End::Stopped));
            }
        }
        Ok(self.summary(End::Selected))
    }

    /// The pixels of the frame grabbed last, or, where a live source hands out damaged ones, of
    /// the next that is whole; `None` at the end or when stopped.
    fn decode(&mut self, target: u64, grabbed: &mut Moment) -> Result<Option<Content>, ReadError> {
        for _ in 0..MAX_UNDECODABLE {
            let fault = match self.opened.reader.retrieve() {
                Ok(content) => return Ok(Some(content)),
                Err(fault) if !self.opened.nature.pushes() => return Err(self.fault(fault, target)),
                Err(fault) => self.fault(fault, target),
            };
            self.undecodable += 1;
            if self.undecodable == 1 {
                tracing::warn!(%fault, "frame skipped (said once)");
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
        Err(self.fault(Fault::Undecodable, target))
    }

    /// Moves on to the next frame that the rate lets through; `None` at the end.
    fn advance(&mut self, next: u64) -> Result<Option<Moment>, ReadError> {
        loop {
            let more = self.opened.reader.grab();
            if !more.map_err(|fault| self.fault(fault, next))? {
                return Ok(None);
            }
            self.read += 1;
            let taken = match &mut self.rate {
                Rate::Thinned(thinner) => thinner.accept(Instant::now()),
                Rate::Free | Rate::Paced(_) => true,
            };
            // A camera that is thinned to a frame a minute still has to stop at once.
            if taken || self.stop.is_set() {
                return Ok(Some(Moment::now()));
            }
        }
    }

    /// The source has no more frames: is that an end, or a loss?
    fn ended(self, selection: &Selection, frames: u64) -> Result<Summary, ReadError> {
        let name = self.opened.info.name.clone();
        let announced = self.opened.info.total_frames;
        let expected = announced.filter(|&total| frames.saturating_add(COUNT_SLACK) < total);
        let last = selection.ranges.last().map(|range| *range.end());
        let cut_off = matches!(self.opened.nature, Nature::Stored { cut_off: true, .. });
        match (self.opened.nature, expected, last) {
            (Nature::Camera, ..) => Err(ReadError::CameraLost {
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
                Ok(self.summary(End::Short { at, expected }))
            }
            (_, None, None) => Ok(self.summary(End::EndOfSource)),
        }
    }

    fn summary(&self, end: End) -> Summary {
        Summary {
            frames: self.frames,
            read: self.read,
            undecodable: self.undecodable,
            end,
        }
    }

    fn fault(&self, fault: Fault, frame_id: u64) -> ReadError {
        let name = self.opened.info.name.clone();
        match fault {
            Fault::Undecodable => ReadError::Undecodable { name, frame_id },
            Fault::OpenCv(reason) => ReadError::OpenCv { name, reason },
            Fault::Image(source) => ReadError::Image {
                name,
                frame_id,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests;
