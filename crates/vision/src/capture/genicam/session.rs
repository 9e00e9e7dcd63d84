//! A camera that is open and set.

use std::time::{Duration, Instant};

use super::clock::ClockReading;
use super::find::{FoundCamera, present};
use super::setting::apply;
use super::{CameraRegion, GenICamConfig};
use crate::aravis::format::PixelFormat;
use crate::aravis::{Buffer, CallErrorKind, Camera, Stream};
use crate::capture::CameraSetting;
use crate::capture::genicam_error::GenICamError;

/// How long the first frame is waited for, besides the time between two frames.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the camera's clock is read; the fastest answer counts.
const CLOCK_READINGS: u32 = 5;

/// Commands that keep the time of a camera's clock, with the feature that shows it, and the ticks of a second where
/// it is not in nanoseconds.
const LATCHES: [(&str, &str, Option<&str>); 2] = [
    ("TimestampLatch", "TimestampLatchValue", None),
    (
        "GevTimestampControlLatch",
        "GevTimestampValue",
        Some("GevTimestampTickFrequency"),
    ),
];

/// What a camera's frames look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameShape {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u8,
    pub(super) significant_bits: u8,
}

/// An open camera with its stream. Dropping it stops both.
pub(super) struct Session {
    pub(super) stream: Stream,
    pub(super) camera: Camera,
    pub(super) name: String,
    pub(super) shape: FrameShape,
    /// Frames per second, where the camera has them as a setting.
    pub(super) rate: Option<f64>,
    /// How long a frame is exposed, as far as that is known.
    pub(super) exposure: Duration,
    pub(super) reading: Option<ClockReading>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that is gone would be waited for.
        if !self.camera.is_lost()
            && let Err(error) = self.camera.stop()
        {
            tracing::debug!(camera = %self.name, %error, "the camera was not stopped");
        }
    }
}

impl Session {
    /// Opens and sets the camera. It does not send frames yet.
    pub(super) fn open(
        config: &GenICamConfig,
        found: &FoundCamera,
        fps: Option<f64>,
    ) -> Result<Session, GenICamError> {
        let camera = Camera::open(&found.id).map_err(|error| match error.kind {
            CallErrorKind::NotFound => GenICamError::NotFound {
                name: found.id.clone(),
                present: present(),
            },
            _ => GenICamError::of(&found.name, "be opened")(error),
        })?;
        let name = found.name.clone();
        if !camera.is_controlled() {
            return Err(GenICamError::Busy { camera: name });
        }
        let rate = set(&camera, &name, config, fps)?;
        let shape = shape(&camera, &name)?;
        if camera.is_gige() {
            let is_given = config
                .settings
                .iter()
                .any(|it| it.name == "GevSCPSPacketSize");
            let packet = match is_given {
                true => camera.packet_size(),
                false => camera.fit_packets(),
            };
            let packet = packet.map_err(GenICamError::of(&name, "agree on a size of packets"))?;
            tracing::info!(camera = %name, packet, "packets of the camera, bytes");
        }
        let stream = camera
            .stream(!config.every_frame)
            .map_err(GenICamError::of(&name, "stream"))?;
        let reading = read_clock(&camera);
        let exposure = exposure(&camera);
        tracing::debug!(camera = %name, ?shape, rate, ?reading, "camera open");
        Ok(Session {
            stream,
            camera,
            name,
            shape,
            rate,
            exposure,
            reading,
        })
    }

    /// Begins to send frames.
    pub(super) fn start(&self) -> Result<(), GenICamError> {
        let started = self.camera.start();
        started.map_err(GenICamError::of(&self.name, "start to send frames"))
    }

    /// Waits for the first frame of a camera that runs by itself.
    pub(super) fn first_frame(&self) -> Result<Buffer, GenICamError> {
        let rate = self.rate.filter(|rate| *rate > 0.0);
        let interval = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        let timeout =
            FIRST_FRAME_TIMEOUT + interval.unwrap_or_default().min(FIRST_FRAME_TIMEOUT * 4);
        if let Some(buffer) = self.stream.next(timeout) {
            return Ok(buffer);
        }
        let (camera, seconds) = (self.name.clone(), timeout.as_secs());
        Err(match self.stream.lost().incomplete {
            0 => GenICamError::Silent { camera, seconds },
            frames => GenICamError::Incomplete {
                camera,
                frames,
                seconds,
            },
        })
    }
}

/// Sets what the options ask for. Returns the frames per second, where the camera has them as a setting.
fn set(
    camera: &Camera,
    name: &str,
    config: &GenICamConfig,
    fps: Option<f64>,
) -> Result<Option<f64>, GenICamError> {
    let setting = |feature: &str, value: String| CameraSetting {
        name: feature.to_owned(),
        value,
    };
    if camera.has("AcquisitionMode") {
        apply(
            camera,
            name,
            &setting("AcquisitionMode", "Continuous".to_owned()),
        )?;
    }
    if let Err(error) = camera.clear_triggers() {
        // Most cameras without triggers say that they have none.
        tracing::debug!(camera = name, %error, "triggers were not switched off");
    }
    if let Some(binning) = config.binning {
        apply(
            camera,
            name,
            &setting("BinningHorizontal", binning.horizontal.to_string()),
        )?;
        apply(
            camera,
            name,
            &setting("BinningVertical", binning.vertical.to_string()),
        )?;
    }
    if let (Some(fps), None) = (fps, &config.trigger) {
        set_rate(camera, name, fps);
    }
    for setting in &config.settings {
        apply(camera, name, setting)?;
    }
    if let Some(region) = config.region {
        set_region(camera, name, region)?;
    }
    choose_format(camera, name)?;
    match &config.trigger {
        Some(trigger) => {
            let source = trigger.source();
            // The names of the lines are the camera's own.
            apply(camera, name, &setting("TriggerSource", source.to_owned()))?;
            let set = camera.set_trigger(source);
            set.map_err(GenICamError::of(name, format!("be triggered by {source}")))?;
            Ok(None)
        }
        None => Ok(camera.frame_rate().ok().flatten()),
    }
}

/// A camera that cannot have this rate keeps its own; frames are thinned then.
fn set_rate(camera: &Camera, name: &str, fps: f64) {
    let set = || {
        let (least, most) = camera.frame_rate_bounds()?;
        if fps > most || fps < least {
            tracing::warn!(
                camera = name,
                fps,
                least,
                most,
                "the camera's rates do not reach --fps"
            );
        }
        camera.set_frame_rate(fps)
    };
    if let Err(error) = set() {
        tracing::debug!(camera = name, %error, "the camera's rate was not set");
    }
}

fn set_region(camera: &Camera, name: &str, region: CameraRegion) -> Result<(), GenICamError> {
    let set = |feature: &str, value: i64| {
        let setting = CameraSetting {
            name: feature.to_owned(),
            value: value.to_string(),
        };
        apply(camera, name, &setting)
    };
    let sides = [
        (
            "OffsetX",
            "Width",
            region.width,
            region.offset.map(|it| it.0),
        ),
        (
            "OffsetY",
            "Height",
            region.height,
            region.offset.map(|it| it.1),
        ),
    ];
    for (offset, side, length, first) in sides {
        // A large offset would not leave room.
        let has_offset = camera.has(offset);
        if has_offset {
            set(offset, 0)?;
        }
        let before = camera.integer_bounds(side);
        set(side, length.into())?;
        let first = match (first, before) {
            (Some(first), _) => i64::from(first),
            (None, Ok((_, most))) => {
                let step = camera.integer_step(offset);
                (most - i64::from(length)).max(0) / 2 / step * step
            }
            (None, Err(_)) => 0,
        };
        if has_offset || first > 0 {
            set(offset, first)?;
        }
    }
    Ok(())
}

/// Keeps the camera's pixel format if it is read here; otherwise chooses one of its others.
fn choose_format(camera: &Camera, name: &str) -> Result<(), GenICamError> {
    let code = camera.pixel_format();
    let code = code.map_err(GenICamError::of(name, "tell its pixel format"))?;
    if PixelFormat::by_code(code).is_some() {
        return Ok(());
    }
    let entries = camera.entries("PixelFormat").unwrap_or_default();
    let mut formats: Vec<(&String, PixelFormat)> = entries
        .iter()
        .filter_map(|entry| Some((entry, PixelFormat::by_name(entry)?)))
        .collect();
    // Colours first, and the fewest bytes among them.
    formats.sort_by_key(|(_, format)| (3 - format.channels(), format.code >> 16 & 0xff));
    let Some((entry, _)) = formats.first() else {
        return Err(GenICamError::PixelFormat {
            camera: name.to_owned(),
            present: match entries.as_slice() {
                [] => format!("pixel format 0x{code:08x}"),
                entries => entries.join(", "),
            },
            known: PixelFormat::names().collect(),
        });
    };
    tracing::warn!(camera = name, chosen = %entry, "the camera's pixel format is not read here: another is set");
    let set = camera.set_text("PixelFormat", entry);
    set.map_err(GenICamError::of(name, format!("set PixelFormat={entry}")))
}

fn shape(camera: &Camera, name: &str) -> Result<FrameShape, GenICamError> {
    let failed = || GenICamError::of(name, "tell the size of its frames");
    let side = |feature: &str| {
        let side = camera.integer(feature).map_err(failed())?;
        Ok::<u32, GenICamError>(u32::try_from(side).unwrap_or_default())
    };
    let format = PixelFormat::by_code(camera.pixel_format().map_err(failed())?);
    Ok(FrameShape {
        width: side("Width")?,
        height: side("Height")?,
        channels: format.map_or(1, PixelFormat::channels),
        significant_bits: format.map_or(8, PixelFormat::significant_bits),
    })
}

fn exposure(camera: &Camera) -> Duration {
    let names = ["ExposureTime", "ExposureTimeAbs"];
    let microseconds = names.iter().find_map(|name| camera.float(name).ok());
    let seconds = microseconds.map(|it| it / 1e6);
    let exposure = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
    exposure.unwrap_or_default()
}

/// Reads the camera's clock, where it has one.
fn read_clock(camera: &Camera) -> Option<ClockReading> {
    let latch = LATCHES
        .iter()
        .find(|(command, value, _)| camera.has(command) && camera.has(value));
    let (command, value, frequency) = latch?;
    let frequency = match frequency {
        None => 1_000_000_000,
        Some(feature) => camera.integer(feature).ok().filter(|it| *it > 0)?,
    };
    let read = || {
        let before = Instant::now();
        camera.execute(command).ok()?;
        let took = before.elapsed();
        let ticks = camera.integer(value).ok().filter(|it| *it > 0)?;
        let device = i128::from(ticks) * 1_000_000_000 / i128::from(frequency);
        let reading = ClockReading {
            device: u64::try_from(device).ok()?,
            host: before + took / 2,
        };
        Some((took, reading))
    };
    let readings = (0..CLOCK_READINGS).map_while(|_| read());
    readings
        .min_by_key(|(took, _)| *took)
        .map(|(_, reading)| reading)
}
