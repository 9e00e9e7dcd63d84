//! Delivers the frames of an open source to the callback.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::damage::Damage;
use super::delivery_rate::DeliveryRate;
use super::reader::{Grab, GrabbedFrame, OpenedReader, ReadFault, SourceBehaviour};
use super::stop::StopSignal;
use super::time::CaptureTime;
use super::{
    CaptureEnd, CaptureSummary, CapturedFrame, FrameContent, FrameSelection, OnFrame, ReadError,
};

/// Frame counts of healthy files are off by this many at the end of a stream.
const COUNT_SLACK: u64 = 2;

/// A live source that delivers so many damaged frames in a row has failed.
const MAX_UNDECODABLE: u32 = 10;

/// Why no frame follows.
enum Stop {
    /// The caller wants no more.
    Asked,
    /// The source has no more.
    Ended,
}

/// A frame that is read and not converted yet.
#[derive(Clone, Copy)]
struct Grabbed {
    frame: GrabbedFrame,
    time: CaptureTime,
    /// When the frame before it is to be shown.
    before: Option<Duration>,
}

pub(super) struct FrameDelivery<'a> {
    opened: OpenedReader,
    rate: DeliveryRate,
    stop: &'a StopSignal,
    /// Frames read from the source.
    read: u64,
    /// Frames of a live source that were skipped because they could not be decoded.
    undecodable: u64,
    /// Frames delivered.
    frames: u64,
    damage: Damage,
    /// The number that follows those read so far; thinned frames are not counted.
    next: u64,
    /// The numbers that were lost last.
    lost: Range<u64>,
    /// The frame before `next`, unless that one is lost.
    grabbed: Option<Grabbed>,
    /// The frame delivered last, and when it is to be shown.
    delivered: Option<(u64, Option<Duration>)>,
}

impl<'a> FrameDelivery<'a> {
    pub(super) fn new(
        opened: OpenedReader,
        rate: DeliveryRate,
        stop: &'a StopSignal,
    ) -> FrameDelivery<'a> {
        FrameDelivery {
            opened,
            rate,
            stop,
            read: 0,
            undecodable: 0,
            frames: 0,
            damage: Damage::default(),
            next: 0,
            lost: 0..0,
            grabbed: None,
            delivered: None,
        }
    }

    pub(super) fn run(
        mut self,
        selection: &FrameSelection,
        mut on_frame: OnFrame,
    ) -> Result<CaptureSummary, ReadError> {
        for target in selection.frames() {
            match self.frame(target, selection)? {
                Err(Stop::Asked) => return Ok(self.summary(CaptureEnd::Stopped)),
                Err(Stop::Ended) => return self.ended(selection),
                Ok(None) => {}
                Ok(Some(frame)) => {
                    self.frames += 1;
                    if on_frame(frame).is_break() {
                        return Ok(self.summary(CaptureEnd::Stopped));
                    }
                }
            }
        }
        self.complete(CaptureEnd::Selected)
    }

    /// The frame with this number, when it is due; `None` where the source has none of that number.
    fn frame(
        &mut self,
        target: u64,
        selection: &FrameSelection,
    ) -> Result<Result<Option<CapturedFrame>, Stop>, ReadError> {
        while self.next <= target {
            if let Err(stop) = self.advance()? {
                return Ok(Err(stop));
            }
        }
        let is_here = self.next - 1 == target;
        let Some(mut grabbed) = self.grabbed.filter(|_| is_here) else {
            if self.lost.contains(&target) {
                self.damage.lose(target);
            }
            return Ok(Ok(None));
        };
        let content = match self.decode(target, &mut grabbed)? {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(Ok(None)),
            Err(stop) => return Ok(Err(stop)),
        };
        let Some(captured) = self.wait(target, &grabbed, selection) else {
            return Ok(Err(Stop::Asked));
        };
        self.delivered = Some((target, grabbed.frame.at));
        if grabbed.frame.is_concealed {
            self.damage.conceal(target);
        }
        Ok(Ok(Some(CapturedFrame {
            frame_id: target,
            captured_at: captured.date,
            captured: captured.instant,
            arrived: captured.arrived,
            clock: captured.clock,
            content,
        })))
    }

    /// Waits until a frame is due; `None` when stopped meanwhile.
    fn wait(
        &mut self,
        target: u64,
        grabbed: &Grabbed,
        selection: &FrameSelection,
    ) -> Option<CaptureTime> {
        let now = Instant::now();
        let due = match &mut self.rate {
            DeliveryRate::Free | DeliveryRate::Thinned(_) => return Some(grabbed.time),
            DeliveryRate::Paced(pacer) => pacer.next(now),
            DeliveryRate::Recorded(pacer) => {
                // What lies between two ranges takes no time.
                let last = match self.delivered {
                    Some((last, at)) if selection.is_one_range(last, target) => at,
                    _ => grabbed.before,
                };
                match grabbed.frame.at.zip(last) {
                    Some((at, last)) => pacer.after(at.saturating_sub(last), now),
                    None => pacer.next(now),
                }
            }
        };
        if self.stop.wait_until(due) {
            return None;
        }
        Some(match self.rate {
            DeliveryRate::Recorded(_) => CaptureTime::due_at(due),
            _ => CaptureTime::now(),
        })
    }

    /// The pixels of the frame grabbed last. Where it is damaged: those of the next complete one of a live
    /// source, none of a file.
    fn decode(
        &mut self,
        target: u64,
        grabbed: &mut Grabbed,
    ) -> Result<Result<Option<FrameContent>, Stop>, ReadError> {
        for _ in 0..MAX_UNDECODABLE {
            let fault = match self.opened.reader.retrieve() {
                Ok(content) => return Ok(Ok(Some(content))),
                Err(fault) if self.opened.kind.pushes() => self.fault(fault, target),
                Err(fault) => return self.lose(target, fault).map(|()| Ok(None)),
            };
            self.skip(1, &fault.to_string());
            // The next frame takes the number of this one.
            self.next = target;
            while self.next <= target {
                if let Err(stop) = self.advance()? {
                    return Ok(Err(stop));
                }
            }
            *grabbed = self.grabbed.unwrap_or(*grabbed);
        }
        Err(self.fault(ReadFault::Undecodable, target))
    }

    /// Notes that a frame of a file is damaged. Other faults end the capture.
    fn lose(&mut self, target: u64, fault: ReadFault) -> Result<(), ReadError> {
        let source = &self.opened.info.name;
        match fault {
            ReadFault::Undecodable => {
                tracing::warn!(%source, frame = target, "the frame cannot be decoded");
                self.damage.lose(target);
            }
            ReadFault::ImageFile { file, reason } => {
                tracing::warn!(%source, frame = target, %file, %reason, "the image cannot be read");
                self.damage.lose_file(target, file);
            }
            other => return Err(self.fault(other, target)),
        }
        Ok(())
    }

    fn skip(&mut self, frames: u64, fault: &str) {
        if self.undecodable == 0 {
            tracing::warn!(%fault, "frame skipped (logged once)");
        } else {
            tracing::debug!(%fault, skipped = self.undecodable, "frame skipped");
        }
        self.undecodable += frames;
    }

    /// Moves on by a frame that the rate lets through, or by frames that are lost.
    fn advance(&mut self) -> Result<Result<(), Stop>, ReadError> {
        loop {
            if self.stop.is_set() {
                return Ok(Err(Stop::Asked));
            }
            let grab = self.opened.reader.grab();
            if self.stop.is_set() {
                // A read that waits ends with an error then.
                return Ok(Err(Stop::Asked));
            }
            let frame = match grab.map_err(|fault| self.fault(fault, self.next))? {
                Grab::Frame(frame) => frame,
                Grab::End => return Ok(Err(Stop::Ended)),
                Grab::Lost(frames) if self.opened.kind.pushes() => {
                    self.skip(frames, "its data are damaged");
                    continue;
                }
                Grab::Lost(frames) => {
                    let first = self.next;
                    tracing::warn!(source = %self.opened.info.name, first, frames,
                        "frames cannot be decoded");
                    self.next = first.saturating_add(frames);
                    self.lost = first..self.next;
                    self.grabbed = None;
                    return Ok(Ok(()));
                }
            };
            self.read += 1;
            let taken = match &mut self.rate {
                DeliveryRate::Thinned(thinner) => thinner.accept(Instant::now()),
                _ => true,
            };
            if taken {
                self.next = self.next.saturating_add(frame.absent).saturating_add(1);
                self.grabbed = Some(Grabbed {
                    frame,
                    time: match frame.arrived {
                        Some(moment) => CaptureTime::due_at(moment),
                        None => self.opened.reader.capture_time(),
                    },
                    before: self.grabbed.and_then(|before| before.frame.at),
                });
                return Ok(Ok(()));
            }
        }
    }

    /// The result for a source without further frames: its end, or an error.
    fn ended(mut self, selection: &FrameSelection) -> Result<CaptureSummary, ReadError> {
        let (name, frames) = (self.opened.info.name.clone(), self.next);
        let announced = self.opened.info.total_frames;
        let expected = announced.filter(|&total| frames.saturating_add(COUNT_SLACK) < total);
        let last = selection.ranges.last().map(|range| *range.end());
        let (is_exact, cut_off) = match self.opened.kind {
            SourceBehaviour::Stored { exact, cut_off } => (exact, cut_off),
            _ => (false, false),
        };
        if is_exact && self.damage != Damage::default() {
            // A decoder that runs into damage may leave out frames without an error for each.
            let missing = frames..announced.unwrap_or(frames);
            missing.for_each(|frame| self.damage.lose(frame));
        }
        match (self.opened.kind, expected, last) {
            (SourceBehaviour::Camera, ..) => Err(ReadError::CameraLost {
                name,
                frames: self.frames,
            }),
            (..) if cut_off && (expected.is_some() || announced.is_none()) => {
                // The last frame may be there in part.
                let at = if self.lost.end == frames {
                    self.lost.start
                } else {
                    frames
                };
                Err(ReadError::Truncated { name, at, expected })
            }
            (_, _, Some(last)) => Err(ReadError::RangeBeyondEnd { name, last, frames }),
            (_, Some(expected), None) => {
                tracing::warn!(source = %name, frames, expected,
                    "the source ended before its announced number of frames");
                let at = frames;
                self.complete(CaptureEnd::Short { at, expected })
            }
            (_, None, None) => self.complete(CaptureEnd::EndOfSource),
        }
    }

    /// The result where everything that is there was read.
    fn complete(self, end: CaptureEnd) -> Result<CaptureSummary, ReadError> {
        if self.damage == Damage::default() {
            return Ok(self.summary(end));
        }
        let mut damage = self.damage;
        if let CaptureEnd::Short { at, expected } = end {
            damage.ended = Some((at, expected));
        }
        Err(ReadError::Damaged {
            name: self.opened.info.name,
            damage,
        })
    }

    fn summary(&self, end: CaptureEnd) -> CaptureSummary {
        CaptureSummary {
            frames: self.frames,
            read: self.read,
            undecodable: self.undecodable,
            stale: self.opened.reader.stale(),
            lost: self.opened.reader.lost(),
            end,
        }
    }

    fn fault(&self, fault: ReadFault, frame_id: u64) -> ReadError {
        let name = self.opened.info.name.clone();
        let frames = self.next;
        match fault {
            ReadFault::Undecodable | ReadFault::ImageFile { .. } => {
                ReadError::Undecodable { name, frame_id }
            }
            ReadFault::Broken(reason) => ReadError::Broken {
                name,
                frames,
                reason,
            },
            ReadFault::Silent => ReadError::Silent { name, frames },
            ReadFault::GenICam(error) => ReadError::GenICam(error),
            ReadFault::Ffmpeg(reason) => ReadError::Ffmpeg {
                name,
                frame_id,
                reason,
            },
            ReadFault::Image(source) => ReadError::Image {
                name,
                frame_id,
                source,
            },
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
