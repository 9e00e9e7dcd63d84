//! What a measurement has found, for people and for programs.

use std::time::Duration;

use anyhow::{Result, bail};
use cli::terminal;
use serde_json::{Value, json};
use vision::capture::DriverTiming;

use super::meter::Milliseconds;
use super::watcher::Measured;

/// Fewer readings than these say nothing.
const MIN_READ: usize = 20;

/// At least this share of the frames is to be read.
const MIN_SHARE: f64 = 0.25;

/// What a measurement has found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpticalReport {
    camera: String,
    fps: Option<f64>,
    frames: u64,
    read: usize,
    /// Time from picture to picture, milliseconds.
    picture_ms: f64,
    total: Spread,
    /// To the driver's time stamp, and from there: where the driver gives one.
    parts: Option<(Spread, Spread)>,
    timing: DriverTiming,
    /// How far the moment of each number may be off beside, milliseconds.
    step_ms: f64,
    /// To the result of the frame, and the part of that from the frame on: where a worker gave any.
    pose: Option<(Spread, Spread)>,
}

/// The middle and the tail of a distribution, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    p95: f64,
}

impl Spread {
    fn of(values: &Milliseconds) -> Option<Spread> {
        Some(Spread {
            median: values.at(0.5)?,
            p95: values.at(0.95)?,
        })
    }

    fn line(self, name: &str) -> String {
        format!("{name:<22} {:>8.1} ms {:>8.1} ms", self.median, self.p95)
    }

    fn to_json(self) -> Value {
        json!({"median": self.median, "p95": self.p95})
    }
}

impl OpticalReport {
    /// # Errors
    /// The clock could be read in too few frames.
    pub(super) fn new(measured: &Measured, step: Duration) -> Result<OpticalReport> {
        let meter = &measured.meter;
        let (frames, read) = (meter.frames(), meter.total.count());
        let Some((info, timing)) = measured.source.as_ref().filter(|_| frames > 0) else {
            bail!("the measurement ended before a frame came");
        };
        let spread = Spread::of(&meter.total);
        let is_enough = read >= MIN_READ && read as f64 >= frames as f64 * MIN_SHARE;
        let (Some(total), true) = (spread, is_enough) else {
            bail!(
                "the clock could be read in {read} of {frames} frames, which is too few: in {} the camera does not see the \
                 whole square, in {} the square is blurred, or two of its pictures are mixed. Point the camera at the \
                 window so that the square takes a third of the frame's height or more, focus it, and shorten the exposure \
                 (--camera-set); a camera at a screen of 60 Hz reads best with less than 16 ms",
                meter.not_found,
                meter.unclear
            );
        };
        let all_stamped = meter.light.count() == read;
        let parts = Spread::of(&meter.light).zip(Spread::of(&meter.driver));
        Ok(OpticalReport {
            camera: info.name.clone(),
            fps: info.fps,
            frames,
            read,
            picture_ms: meter.pictures.at(0.5).unwrap_or_default(),
            total,
            parts: parts.filter(|_| all_stamped),
            timing: *timing,
            step_ms: step.as_secs_f64() * 1e3,
            pose: Spread::of(&meter.pose).zip(Spread::of(&meter.result)),
        })
    }

    /// Prints it to standard output.
    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        if as_json {
            return terminal::pass(format!("{}\n", self.to_json()).as_bytes());
        }
        terminal::print(self.lines())
    }

    /// Half the time that a picture was on the screen, and how far that moment may be off.
    fn uncertainty_ms(&self) -> f64 {
        self.picture_ms / 2.0 + self.step_ms
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{:<22} {:>11} {:>11}", "", "median", "p95")];
        lines.push(self.total.line("light to frame"));
        if let Some((light, driver)) = self.parts {
            lines.push(light.line("  screen, exposure"));
            lines.push(driver.line("  driver"));
        }
        if let Some((pose, result)) = self.pose {
            lines.push(pose.line("light to pose"));
            lines.push(result.line("  from frame to pose"));
        }
        lines.push(format!(
            "each is certain to {:.1} ms: a picture is on the screen for {:.1} ms",
            self.uncertainty_ms(),
            self.picture_ms
        ));
        let rate = self.fps.map(|fps| format!(", {fps:.1} frames/s"));
        lines.push(format!(
            "{}{}: read in {} of {} frames",
            self.camera,
            rate.unwrap_or_default(),
            self.read,
            self.frames
        ));
        lines.push(match (self.parts, self.timing.edge) {
            (None, _) => {
                "the driver gives no time stamps: its part cannot be told apart".to_owned()
            }
            (Some(_), None) => "the driver does not say what its time stamps mark".to_owned(),
            (Some(_), Some(edge)) => format!("the driver's time stamps mark the {edge}"),
        });
        if let Some(exposure) = self.timing.exposure {
            let ms = exposure.as_secs_f64() * 1e3;
            lines.push(format!("exposure {ms:.1} ms, as the camera reports it"));
        }
        lines
    }

    fn to_json(&self) -> Value {
        let parts = self.parts;
        json!({
            "camera": self.camera,
            "fps": self.fps,
            "frames": self.frames,
            "read": self.read,
            "picture_ms": self.picture_ms,
            "uncertainty_ms": self.uncertainty_ms(),
            "light_to_frame_ms": self.total.to_json(),
            "screen_exposure_ms": parts.map(|(light, _)| light.to_json()),
            "driver_ms": parts.map(|(_, driver)| driver.to_json()),
            "light_to_pose_ms": self.pose.map(|(pose, _)| pose.to_json()),
            "frame_to_pose_ms": self.pose.map(|(_, result)| result.to_json()),
            "stamped": self.timing.edge.map(|edge| edge.to_string()),
            "exposure_ms": self.timing.exposure.map(|it| it.as_secs_f64() * 1e3),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use vision::cameras::StampEdge;
    use vision::capture::CaptureClock;
    use vision::coded_clock::ClockReadError;

    use vision::capture::SourceInfo;

    use super::super::meter::{OpticalMeter, SeenFrame};
    use super::super::shown::Shown;
    use super::*;

    fn info() -> SourceInfo {
        SourceInfo {
            name: "webcam 0".into(),
            width: 640,
            height: 480,
            channels: 3,
            significant_bits: None,
            fps: Some(30.0),
            total_frames: None,
            frames_to_send: None,
            is_live: true,
        }
    }

    fn report(meter: OpticalMeter, timing: DriverTiming) -> Result<OpticalReport> {
        let mut measured = Measured::default();
        (measured.meter, measured.source) = (meter, Some((info(), timing)));
        OpticalReport::new(&measured, Duration::ZERO)
    }

    fn meter(read: u32, clock: CaptureClock) -> OpticalMeter {
        let mut meter = OpticalMeter::default();
        let ms = Duration::from_millis;
        for _ in 0..read {
            let from = Instant::now();
            meter.frame(&SeenFrame {
                shown: Shown {
                    from,
                    until: from + ms(16),
                },
                captured: from + ms(28),
                arrived: from + ms(58),
                clock,
            });
        }
        meter
    }

    #[test]
    fn the_parts_and_how_certain_they_are_are_told() {
        let timing = DriverTiming {
            edge: Some(StampEdge::Start),
            exposure: Some(Duration::from_millis(5)),
        };
        let report = report(meter(50, CaptureClock::Driver), timing).unwrap();
        let expected = "                            median         p95
light to frame             50.0 ms     50.0 ms
  screen, exposure         20.0 ms     20.0 ms
  driver                   30.0 ms     30.0 ms
each is certain to 8.0 ms: a picture is on the screen for 16.0 ms
webcam 0, 30.0 frames/s: read in 50 of 50 frames
the driver's time stamps mark the start of exposure
exposure 5.0 ms, as the camera reports it";
        assert_eq!(report.lines().join("\n"), expected);
        let object = report.to_json();
        assert_eq!(object["driver_ms"]["median"], 30.0);
        assert_eq!(object["uncertainty_ms"], 8.0);
        assert_eq!(object["stamped"], "start of exposure");
    }

    #[test]
    fn the_time_to_the_pose_is_told_where_a_worker_gave_any() {
        let mut meter = meter(50, CaptureClock::Arrival);
        let from = Instant::now();
        let ms = Duration::from_millis;
        let seen = SeenFrame {
            shown: Shown {
                from,
                until: from + ms(16),
            },
            captured: from + ms(58),
            arrived: from + ms(58),
            clock: CaptureClock::Arrival,
        };
        meter.result(&seen, from + ms(70));
        let report = report(meter, DriverTiming::default()).unwrap();
        let lines = report.lines().join("\n");
        let expected = "light to pose              62.0 ms     62.0 ms\n  from frame to pose       12.0 ms     12.0 ms";
        assert!(lines.contains(expected), "{lines}");
        assert_eq!(report.to_json()["light_to_pose_ms"]["p95"], 62.0);
    }

    #[test]
    fn without_time_stamps_only_the_sum_is_told() {
        let meter = meter(50, CaptureClock::Arrival);
        let report = report(meter, DriverTiming::default()).unwrap();
        let lines = report.lines().join("\n");
        assert!(
            lines.contains("no time stamps") && !lines.contains("  driver"),
            "{lines}"
        );
        assert!(report.to_json()["driver_ms"].is_null());
    }

    #[test]
    fn a_clock_that_is_read_in_too_few_frames_is_an_error_that_says_why() {
        let few = meter(19, CaptureClock::Driver);
        assert!(report(few, DriverTiming::default()).is_err());
        let mut rare = meter(30, CaptureClock::Driver);
        (0..100).for_each(|_| rare.unread(&ClockReadError::NotFound));
        rare.unread(&ClockReadError::Unclear);
        let error = report(rare, DriverTiming::default()).unwrap_err();
        let words = error.to_string();
        for part in [
            "30 of 131 frames",
            "in 100 the camera does not see",
            "in 1 the square is blurred",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }
}
