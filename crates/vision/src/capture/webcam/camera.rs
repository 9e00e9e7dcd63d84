//! A camera that is read through V4L2.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::CaptureClock;
use rustix::io::Errno;

use super::WebcamConfig;
use super::configure::{configure, set_controls};
use super::diagnose::{device_error, not_opened};
use super::driver_clock::{ClockReadings, DriverClock};
use super::newest::{NewestFrame, TakenFrame};
use super::pixels::PixelReader;
use super::sequence::SequenceCounter;
use crate::cameras::{CaptureDevice, Filled};
use crate::capture::reader::{FrameReader, Grab, GrabbedFrame, ReadFault};
use crate::capture::retry::FailedAttempt;
use crate::capture::stop::StopSignal;
use crate::capture::time::{CaptureTime, DriverTiming};
use crate::capture::{Config, FrameContent, OpenError};

/// A camera that is silent for so long is lost.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a wait looks whether the capture was stopped.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// An open camera that delivers.
pub(super) struct Webcam {
    index: u32,
    device: CaptureDevice,
    pixels: PixelReader,
    stop: Arc<StopSignal>,
    /// The frame grabbed last, until it is retrieved.
    current: Option<Filled>,
    /// The one after it, where that was there already.
    next: Option<Filled>,
    /// Old frames are delivered too.
    every_frame: bool,
    newest: NewestFrame,
    /// Frames left out because they were old.
    stale: u64,
    sequence: SequenceCounter,
    clock: Option<DriverClock>,
    /// Of the frame grabbed last.
    time: CaptureTime,
    /// A time stamp that is not used was reported.
    is_fault_reported: bool,
    is_loss_reported: bool,
}

impl Webcam {
    /// Opens a camera, sets its format and controls, and lets it begin.
    pub(super) fn open(
        webcam: &WebcamConfig,
        config: &Config,
        stop: &Arc<StopSignal>,
    ) -> Result<Webcam, FailedAttempt<OpenError>> {
        let index = webcam.index;
        let mut device =
            CaptureDevice::open(index).map_err(|error| not_opened(index, Some(error)))?;
        let format = configure(&device, webcam, config.fps)?;
        let pixels = PixelReader::new(&format, config.options.pixels, webcam.jpeg);
        let pixels = pixels.ok_or_else(|| device_error(index, Errno::INVAL.into()))?;
        set_controls(&device, webcam).map_err(FailedAttempt::Final)?;
        device.start().map_err(|error| device_error(index, error))?;
        Ok(Webcam {
            index,
            device,
            pixels,
            stop: Arc::clone(stop),
            current: None,
            next: None,
            every_frame: webcam.every_frame,
            newest: NewestFrame::default(),
            stale: 0,
            sequence: SequenceCounter::default(),
            clock: None,
            time: CaptureTime::now(),
            is_fault_reported: false,
            is_loss_reported: false,
        })
    }

    /// The rate that the driver has set, frames per second.
    pub(super) fn rate(&self) -> Option<f64> {
        self.device.rate()
    }

    /// The next frame, and whether the reader waited for it; `None` when stopped, or when the camera is silent.
    fn take(&mut self) -> io::Result<Option<(Filled, bool)>> {
        if let Some(filled) = self.next.take() {
            return Ok(Some((filled, false)));
        }
        let since = Instant::now();
        let mut waited = false;
        while !self.stop.is_set() && since.elapsed() < SILENCE_TIMEOUT {
            if let Some(filled) = self.device.take()? {
                return Ok(Some((filled, waited)));
            }
            waited = true;
            self.device.wait(LOOK_INTERVAL)?;
        }
        Ok(None)
    }

    /// The next frame that is delivered. Frames that are old when the reader comes are left out.
    fn next_frame(&mut self) -> io::Result<Option<Filled>> {
        loop {
            let Some((filled, waited)) = self.take()? else {
                return Ok(None);
            };
            self.time = self.read_time(&filled);
            self.count(&filled, waited);
            if self.every_frame {
                return Ok(Some(filled));
            }
            self.next = self.device.take()?;
            let frame = TakenFrame {
                waited,
                has_next: self.next.is_some(),
                captured: (self.time.clock == CaptureClock::Driver).then_some(self.time.instant),
                taken: self.time.arrived,
            };
            if !self.newest.is_stale(&frame) {
                return Ok(Some(filled));
            }
            self.stale += 1;
            tracing::debug!(age = ?(frame.taken - self.time.instant), "an old frame is left out");
            self.device.give_back(filled);
        }
    }

    fn count(&mut self, filled: &Filled, waited: bool) {
        self.sequence.add(filled.sequence, waited);
        if self.lost() > 0 && !std::mem::replace(&mut self.is_loss_reported, true) {
            tracing::warn!(
                webcam = self.index,
                frames = self.lost(),
                "the driver has lost frames: their numbers are missing (logged once)"
            );
        }
    }

    fn read_time(&mut self, filled: &Filled) -> CaptureTime {
        let stamps = filled.stamps;
        let clock = self.clock.get_or_insert_with(|| {
            let edge = stamps.edge.map(|edge| edge.to_string());
            tracing::debug!(clock = ?stamps.clock, edge, "time stamps of the driver");
            DriverClock::new(stamps)
        });
        match clock.age(filled.stamp, &readings()) {
            Ok(age) => CaptureTime::before_now(age, CaptureClock::Driver),
            Err(fault) => {
                if !std::mem::replace(&mut self.is_fault_reported, true) {
                    tracing::warn!(
                        "the camera's frames have the time of their arrival: {fault} (logged once)"
                    );
                }
                CaptureTime::now()
            }
        }
    }
}

impl FrameReader for Webcam {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        if let Some(filled) = self.current.take() {
            self.device.give_back(filled);
        }
        match self.next_frame() {
            Ok(Some(filled)) => {
                self.current = Some(filled);
                Ok(Grab::Frame(GrabbedFrame::default()))
            }
            Ok(None) => Ok(Grab::End),
            Err(error) => {
                tracing::debug!(webcam = self.index, %error, "the camera delivers no more");
                Ok(Grab::End)
            }
        }
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        let filled = self.current.take().ok_or(ReadFault::Undecodable)?;
        let content = match filled.is_damaged {
            true => Err(ReadFault::Undecodable),
            false => self.pixels.content(self.device.bytes(&filled)),
        };
        // Its bytes are copied: the driver may fill the buffer while the picture is sent.
        self.device.give_back(filled);
        content
    }

    fn capture_time(&mut self) -> CaptureTime {
        self.time
    }

    fn timing(&self) -> Option<DriverTiming> {
        Some(DriverTiming {
            edge: self.clock.as_ref()?.edge(),
            exposure: self.device.exposure(),
        })
    }

    fn stale(&self) -> u64 {
        match self.every_frame {
            true => self.stale,
            false => self.stale + self.sequence.overrun,
        }
    }

    fn lost(&self) -> u64 {
        match self.every_frame {
            true => self.sequence.lost + self.sequence.overrun,
            // For the newest frame alone no more have to be kept than a driver keeps.
            false => self.sequence.lost,
        }
    }
}

fn readings() -> ClockReadings {
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH);
    // The clock of drivers' time stamps, which is that of `Instant` too.
    let monotonic = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    ClockReadings {
        monotonic: Duration::try_from(monotonic).unwrap_or_default(),
        realtime: realtime.unwrap_or_default(),
    }
}
