//! Frames of a GenICam camera, which is opened again when it was lost.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::clock::DeviceClock;
use super::find::{FoundCamera, is_there};
use super::pixels::{FrameFault, content};
use super::session::Session;
use super::{CameraTrigger, GenICamConfig};
use crate::aravis::{Buffer, Lost};
use crate::capture::genicam_error::GenICamError;
use crate::capture::pace::{FramePacer, interval};
use crate::capture::reader::{FrameReader, Grab, GrabbedFrame, ReadFault};
use crate::capture::stop::StopSignal;
use crate::capture::time::CaptureTime;
use crate::capture::{CaptureClock, Config, FrameContent, PixelForm};

/// How often a wait looks whether the capture was stopped.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A camera that runs by itself and is silent for so long, and for some of its own intervals, is asked whether it is
/// still there.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a frame may take after its trigger, besides its exposure.
const TRIGGERED_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two attempts to open a camera that was lost.
const REOPEN_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct GenICamReader {
    pub(super) config: GenICamConfig,
    pub(super) found: FoundCamera,
    pub(super) fps: Option<f64>,
    /// Frames of more than 8 bits come as they are.
    is_deep: bool,
    pub(super) stop: Arc<StopSignal>,
    /// `None` while the camera is lost.
    session: Option<Session>,
    is_started: bool,
    /// The frame grabbed last.
    current: Option<Buffer>,
    /// Frames that are missing directly before it.
    absent: u64,
    clock: DeviceClock,
    pacer: Option<FramePacer>,
    /// When the last frame came, or was triggered.
    since: Instant,
    /// A trigger was given whose frame has not come.
    is_triggered: bool,
    /// Triggers since the last frame that no frame has followed.
    unanswered: u64,
    /// Frames that arrived in part, when the last trigger was given.
    incomplete: u64,
    /// What earlier sessions lost, and triggers that the camera has not counted.
    lost: Lost,
    has_warned: bool,
}

impl GenICamReader {
    pub(super) fn new(
        (camera, config): (&GenICamConfig, &Config),
        found: FoundCamera,
        stop: Arc<StopSignal>,
        session: Session,
    ) -> GenICamReader {
        let is_paced = camera.trigger == Some(CameraTrigger::Software);
        let pacer = interval(config.fps)
            .filter(|_| is_paced)
            .map(FramePacer::new);
        GenICamReader {
            clock: DeviceClock::new(session.reading),
            is_started: camera.trigger.is_none(),
            config: camera.clone(),
            found,
            fps: config.fps,
            is_deep: config.options.pixels == PixelForm::Deep,
            stop,
            session: Some(session),
            current: None,
            absent: 0,
            pacer,
            since: Instant::now(),
            is_triggered: false,
            unanswered: 0,
            incomplete: 0,
            lost: Lost::default(),
            has_warned: false,
        }
    }

    fn give_back(&mut self) {
        if let (Some(buffer), Some(session)) = (self.current.take(), &self.session) {
            session.stream.give_back(buffer);
        }
    }

    /// Waits for a frame; false when the capture was stopped, or the camera does not come back.
    fn wait(&mut self) -> Result<bool, GenICamError> {
        loop {
            if self.stop.is_set() {
                return Ok(false);
            }
            let Some(session) = &self.session else {
                match self.reopen()? {
                    true => continue,
                    false => return Ok(false),
                }
            };
            if !self.is_started {
                session.start()?;
                self.is_started = true;
            }
            if !self.trigger()? {
                continue;
            }
            let Some(session) = &self.session else {
                continue;
            };
            if let Some(buffer) = session.stream.next(LOOK_INTERVAL) {
                self.lost.frames += self.unanswered.saturating_sub(buffer.missed());
                self.absent = buffer.missed().max(self.unanswered);
                self.unanswered = 0;
                self.current = Some(buffer);
                self.since = Instant::now();
                self.is_triggered = false;
                self.warn_of_losses();
                return Ok(true);
            }
            self.warn_of_losses();
            if self.is_gone() {
                self.lose();
            }
        }
    }

    /// Triggers a frame where this program does that; false where nothing can be waited for.
    fn trigger(&mut self) -> Result<bool, GenICamError> {
        if self.config.trigger != Some(CameraTrigger::Software) || self.is_triggered {
            return Ok(true);
        }
        let due = self.pacer.as_mut().map(|pacer| pacer.next(Instant::now()));
        if due.is_some_and(|due| self.stop.wait_until(due)) {
            return Ok(false);
        }
        let Some(session) = &self.session else {
            return Ok(false);
        };
        self.since = Instant::now();
        self.incomplete = session.stream.lost().incomplete;
        match session.camera.trigger() {
            Ok(()) => {
                self.is_triggered = true;
                Ok(true)
            }
            Err(error) if session.camera.answers() => {
                Err(GenICamError::of(&session.name, "be triggered")(error))
            }
            Err(_) => {
                self.lose();
                Ok(false)
            }
        }
    }

    /// Whether the camera is lost. A trigger whose frame does not come is counted.
    fn is_gone(&mut self) -> bool {
        let Some(session) = &self.session else {
            return true;
        };
        if session.camera.is_lost() {
            return true;
        }
        let silent = self.since.elapsed();
        match &self.config.trigger {
            Some(CameraTrigger::Hardware(_)) => false,
            Some(CameraTrigger::Software) => {
                let is_damaged = session.stream.lost().incomplete > self.incomplete;
                let is_late = silent >= TRIGGERED_TIMEOUT + session.exposure;
                if is_damaged || is_late {
                    tracing::warn!(camera = %session.name, is_damaged, "no whole frame came for a trigger");
                    self.unanswered += 1;
                    self.is_triggered = false;
                }
                is_late && !session.camera.answers()
            }
            None => {
                let intervals = session
                    .rate
                    .filter(|rate| *rate > 0.0)
                    .map(|rate| 5.0 / rate);
                let own = intervals.and_then(|it| Duration::try_from_secs_f64(it).ok());
                let is_silent = silent >= SILENCE_TIMEOUT.max(own.unwrap_or_default());
                is_silent && !session.camera.answers()
            }
        }
    }

    /// Lets go of the camera, keeping what it lost.
    fn lose(&mut self) {
        self.current = None;
        self.is_triggered = false;
        if let Some(session) = self.session.take() {
            let lost = session.stream.lost();
            self.lost.frames += lost.frames + self.unanswered.saturating_sub(lost.pending);
            self.unanswered = 0;
            self.lost.incomplete += lost.incomplete;
            tracing::warn!(camera = %session.name, "the camera is lost");
        }
    }

    /// Opens the camera again, until that is possible; false when stopped, or after the time that the options give.
    fn reopen(&mut self) -> Result<bool, GenICamError> {
        let deadline = Instant::now() + self.config.reconnect_timeout;
        loop {
            let next = (Instant::now() + REOPEN_INTERVAL).min(deadline);
            if Instant::now() >= deadline || self.stop.wait_until(next) {
                return Ok(false);
            }
            // One that is not there would be waited for.
            if !is_there(&self.found) {
                continue;
            }
            let opened = Session::open(&self.config, &self.found, self.fps);
            let session = opened.and_then(|session| session.start().map(|()| session));
            match session {
                Ok(session) => {
                    tracing::info!(camera = %session.name, "the camera is back");
                    self.clock = DeviceClock::new(session.reading);
                    self.since = Instant::now();
                    self.session = Some(session);
                    return Ok(true);
                }
                Err(error) => tracing::debug!(%error, "the camera is not back"),
            }
        }
    }

    fn warn_of_losses(&mut self) {
        let lost = self.lost();
        if lost.frames > 0 && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                camera = %self.found.name, frames = lost.frames, incomplete = lost.incomplete,
                "frames of the camera are lost on their way (logged once)"
            );
        }
    }

    fn lost(&self) -> Lost {
        let now = self.session.as_ref().map(|session| session.stream.lost());
        let now = now.unwrap_or_default();
        let unanswered = self.unanswered.saturating_sub(now.pending);
        Lost {
            frames: self.lost.frames + now.frames + unanswered,
            incomplete: self.lost.incomplete + now.incomplete,
            pending: now.pending,
        }
    }
}

impl FrameReader for GenICamReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        self.give_back();
        let came = self.wait();
        if !came.map_err(|error| ReadFault::GenICam(Box::new(error)))? {
            return Ok(Grab::End);
        }
        // Each trigger has a number: those whose frames are lost keep theirs.
        let absent = match self.config.trigger {
            Some(_) => self.absent,
            None => 0,
        };
        Ok(Grab::Frame(GrabbedFrame {
            absent,
            ..GrabbedFrame::default()
        }))
    }

    fn capture_time(&mut self) -> CaptureTime {
        let Some(buffer) = &self.current else {
            return CaptureTime::now();
        };
        let arrived = buffer.arrived();
        let device = buffer.device_time();
        let age = device.map(|device| self.clock.age(device, arrived));
        let instant = arrived
            .checked_sub(age.unwrap_or_default())
            .unwrap_or(arrived);
        let date = SystemTime::now();
        CaptureTime {
            date: date.checked_sub(instant.elapsed()).unwrap_or(date),
            instant,
            arrived,
            clock: age.map_or(CaptureClock::Arrival, |_| CaptureClock::Device),
        }
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        let frame = self.current.as_ref().and_then(Buffer::image);
        let frame = frame.ok_or(ReadFault::Undecodable)?;
        match content(&frame, self.is_deep) {
            Ok(content) => Ok(content),
            Err(FrameFault::Image(fault)) => Err(ReadFault::Image(fault)),
            Err(fault) => {
                tracing::debug!(camera = %self.found.name, %fault, "a frame cannot be shown");
                Err(ReadFault::Undecodable)
            }
        }
    }

    fn waits_for_triggers(&self) -> bool {
        self.config.trigger.is_some()
    }

    fn lost(&self) -> u64 {
        GenICamReader::lost(self).frames
    }
}
