//! Which frames of several sources belong together, given the options and the sources. Pure.

use std::time::Duration;

use anyhow::{Result, bail};
use vision::capture::{Source, SourceInfo};

use crate::config::Config;
use crate::moments::{GroupingLimits, SlotLimits};
use crate::run::plan::interval;

/// The tolerance where no source has a rate: half the time between two frames, where there are 30 a second.
const DEFAULT_TOLERANCE: Duration = Duration::from_micros(16_667);

/// The least time that a frame waits for those of other cameras.
const LEAST_PATIENCE: Duration = Duration::from_millis(200);

/// Rates that differ by less are the same: containers round them.
const SAME_RATE: f64 = 0.01;

/// The limits for live sources. `tolerance`: what the options say.
pub(super) fn of(
    streams: &[(&Config, &SourceInfo)],
    tolerance: Option<Duration>,
) -> GroupingLimits {
    let intervals: Vec<_> = streams
        .iter()
        .map(|(config, info)| interval(config, info))
        .collect();
    let known = || intervals.iter().flatten().copied();
    let fastest = known().min();
    let half = fastest.map_or(DEFAULT_TOLERANCE, |interval| interval / 2);
    let tolerance = tolerance.unwrap_or(half);
    let slowest = known().max().unwrap_or_default();
    let is_sure = |(config, _): &(&Config, &SourceInfo)| !is_triggered(config);
    let are_all_known = intervals.iter().all(Option::is_some) && streams.iter().all(is_sure);
    GroupingLimits {
        tolerance,
        interval: fastest.filter(|_| are_all_known),
        patience: LEAST_PATIENCE.max(2 * slowest).max(2 * tolerance),
    }
}

/// The limits for frames that are left out together. A frame belongs to the nearest moment, which is never farther than half
/// the time between two frames.
pub(super) fn of_slot(limits: GroupingLimits) -> SlotLimits {
    let half = limits.interval.map(|interval| interval / 2);
    SlotLimits {
        tolerance: half.map_or(limits.tolerance, |half| half.min(limits.tolerance)),
        patience: limits.patience,
    }
}

/// Frames come when a trigger does, whatever rate the camera has.
fn is_triggered(config: &Config) -> bool {
    matches!(&config.capture.source, Source::GenICam(camera) if camera.trigger.is_some())
}

/// Checks that frames of the same number can belong together.
pub(super) fn check_recordings(streams: &[(&Config, &SourceInfo)]) -> Result<()> {
    let mut rates = streams
        .iter()
        .filter_map(|(_, info)| Some((info, info.fps?)));
    let Some((first, rate)) = rates.next() else {
        return Ok(());
    };
    let differs = |(_, other): &(_, f64)| (other / rate - 1.0).abs() > SAME_RATE;
    match rates.find(differs) {
        None => Ok(()),
        Some((other, fps)) => bail!(
            "{} has {rate:.2} frames a second and {} {fps:.2}: frames of recordings belong together by their numbers, so all \
             need the same rate. Stream these one after the other",
            first.name,
            other.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command_line::Args;
    use crate::config::RunConfig;

    fn config(line: &str) -> Config {
        let line = format!("sleap-stream {line}");
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let mut streams = RunConfig::try_from(args).unwrap().streams;
        streams.remove(0)
    }

    fn info(fps: Option<f64>) -> SourceInfo {
        SourceInfo {
            name: "a camera".into(),
            width: 8,
            height: 8,
            channels: 1,
            significant_bits: None,
            fps,
            total_frames: None,
            frames_to_send: None,
            is_live: true,
        }
    }

    #[test]
    fn the_tolerance_is_half_a_frame_of_the_fastest_camera() {
        let webcam = config("--webcam 0");
        let infos = [info(Some(100.0)), info(Some(25.0))];
        let streams = [(&webcam, &infos[0]), (&webcam, &infos[1])];
        let ms = Duration::from_millis;
        let limits = of(&streams, None);
        assert_eq!((limits.tolerance, limits.interval), (ms(5), Some(ms(10))));
        assert_eq!(limits.patience, ms(200));
        assert_eq!(of_slot(limits).tolerance, ms(5));
        let wide = of(&streams, Some(ms(150)));
        assert_eq!((wide.patience, of_slot(wide).tolerance), (ms(300), ms(5)));
        let slow = config("--webcam 0 --fps 2");
        let limits = of(&[(&slow, &infos[0]), (&slow, &infos[1])], None);
        assert_eq!((limits.tolerance, limits.patience), (ms(250), ms(1000)));
    }

    #[test]
    fn where_the_rate_is_not_sure_the_next_frame_is_waited_for() {
        let (webcam, fast) = (config("--webcam 0"), info(Some(100.0)));
        let unknown = info(None);
        let limits = of(&[(&webcam, &fast), (&webcam, &unknown)], None);
        assert_eq!(limits.interval, None);
        let nothing = of(&[(&webcam, &unknown), (&webcam, &unknown)], None);
        assert_eq!(nothing.tolerance, DEFAULT_TOLERANCE);
        let triggered = config("--camera genicam --trigger hardware:Line0");
        let limits = of(&[(&triggered, &fast), (&triggered, &fast)], None);
        assert_eq!(limits.interval, None);
    }

    #[test]
    fn recordings_need_one_rate() {
        let file = config("--stream a.mp4");
        let check = |one, other| {
            let infos = [info(one), info(other)];
            check_recordings(&[(&file, &infos[0]), (&file, &infos[1])])
        };
        check(Some(29.97), Some(30.0)).unwrap();
        check(None, Some(30.0)).unwrap();
        let error = check(Some(25.0), Some(30.0)).unwrap_err().to_string();
        assert!(
            error.contains("25.00") && error.contains("30.00"),
            "{error}"
        );
    }
}
