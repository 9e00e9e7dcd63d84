//! What a camera's driver gives besides frames: their times, their number, and its controls.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opencv::videoio::{CAP_PROP_POS_MSEC, VideoCapture, VideoCaptureTraitConst};
use protocol::CaptureClock;

use super::driver_clock::{ClockReadings, DriverClock, from_milliseconds};
use super::newest::{NewestFrame, TakenFrame};
use crate::cameras::{OpenCamera, OpenFiles, Stamps};
use crate::capture::camera_setting::CameraSetting;
use crate::capture::reader::{CaptureReader, FrameReader, Grab, ReadFault};
use crate::capture::time::{CaptureTime, DriverTiming};
use crate::capture::{OpenError, camera_setting};

/// The driver of an open camera.
pub(super) struct Driver {
    camera: Option<OpenCamera>,
    stamps: Stamps,
    clock: DriverClock,
    /// A time stamp that is not used was reported.
    is_fault_reported: bool,
    /// Of the frame that was grabbed last.
    time: CaptureTime,
    /// Old frames are delivered too.
    every_frame: bool,
    newest: NewestFrame,
    /// Frames left out because they were old.
    stale: u64,
}

impl Driver {
    /// The driver of the camera that was opened since `before`.
    pub(super) fn new(before: &OpenFiles, every_frame: bool) -> Driver {
        let stamps = Stamps::default();
        Driver {
            camera: before.opened_since(),
            stamps,
            clock: DriverClock::new(stamps),
            is_fault_reported: false,
            time: CaptureTime::now(),
            every_frame,
            newest: NewestFrame::default(),
            stale: 0,
        }
    }

    /// The camera delivers now: its buffers tell what their time stamps are.
    pub(super) fn delivers(&mut self) {
        if let Some(camera) = &self.camera {
            self.stamps = camera.stamps();
            self.clock = DriverClock::new(self.stamps);
        }
        let edge = self.stamps.edge.map(|edge| edge.to_string());
        tracing::debug!(clock = ?self.stamps.clock, edge, "time stamps of the driver");
    }

    /// Sets controls, and says where the driver chose another value.
    pub(super) fn set(&self, index: u32, settings: &[CameraSetting]) -> Result<(), OpenError> {
        if settings.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(&str, &str)> = settings.iter().map(camera_setting::pair).collect();
        let set = match &self.camera {
            Some(camera) => camera.set(&pairs),
            None => return Err(OpenError::NoControls { index }),
        };
        let set = set.map_err(|reason| OpenError::Control { index, reason })?;
        for control in set {
            let (name, wanted) = (&control.name, control.wanted);
            match control.found {
                Some(found) if found != wanted => {
                    tracing::warn!(control = %name, wanted, found, "the driver chose another value");
                }
                found => tracing::info!(control = %name, value = found, "control set"),
            }
        }
        Ok(())
    }

    /// Moves on to the next frame, or to a new one where that is wanted.
    pub(super) fn grab(&mut self, reader: &mut CaptureReader) -> Result<Grab, ReadFault> {
        let has_frame = |camera: &Option<OpenCamera>| {
            let camera = camera.as_ref();
            camera.is_some_and(OpenCamera::has_frame)
        };
        loop {
            let waited = !has_frame(&self.camera);
            let Grab::Frame(grabbed) = reader.grab()? else {
                return Ok(Grab::End);
            };
            self.time = self.read_time(&reader.capture);
            let frame = TakenFrame {
                waited,
                has_next: has_frame(&self.camera),
                captured: (self.time.clock == CaptureClock::Driver).then_some(self.time.instant),
                taken: self.time.arrived,
            };
            if self.every_frame || !self.newest.is_stale(&frame) {
                return Ok(Grab::Frame(grabbed));
            }
            self.stale += 1;
            tracing::debug!(age = ?(frame.taken - self.time.instant), "an old frame is left out");
        }
    }

    /// Frames left out because they were old.
    pub(super) fn stale(&self) -> u64 {
        self.stale
    }

    /// When the frame that was grabbed last was captured.
    pub(super) fn time(&self) -> CaptureTime {
        self.time
    }

    fn read_time(&mut self, capture: &VideoCapture) -> CaptureTime {
        // Elsewhere the property is a position in a video.
        if !cfg!(target_os = "linux") {
            return CaptureTime::now();
        }
        let stamp = capture.get(CAP_PROP_POS_MSEC).unwrap_or_default();
        match self.clock.age(from_milliseconds(stamp), &readings()) {
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

    /// What is known of the time stamps.
    pub(super) fn timing(&self) -> Option<DriverTiming> {
        Some(DriverTiming {
            edge: self.stamps.edge,
            exposure: self.camera.as_ref()?.exposure(),
        })
    }
}

fn readings() -> ClockReadings {
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH);
    ClockReadings {
        monotonic: monotonic(),
        realtime: realtime.unwrap_or_default(),
    }
}

/// The clock of drivers' time stamps, which is that of `Instant` too.
#[cfg(target_os = "linux")]
fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn monotonic() -> Duration {
    Duration::ZERO
}
