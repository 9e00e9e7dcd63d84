//! From the options to what a run that streams is to do.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tracking::TrackerOptions;
use vision::capture::{self, FrameSelection, PixelForm, Source};

use crate::command_line::args::{Args, RecordArgs};
use crate::command_line::pixel_encoding::encoding;
use crate::command_line::sources::{live, sources};
use crate::config::{Config, PixelEncoding, is_path, is_pipe};
use crate::connect::ConnectConfig;

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: Args) -> Result<Self> {
        Self::of(args, None)
    }
}

impl Config {
    /// What the options mean for frames that a program hands in, which are called `name`.
    ///
    /// # Errors
    /// They contradict each other.
    pub(super) fn of_pushed(args: Args, name: String) -> Result<Self> {
        Self::of(args, Some(name))
    }

    fn of(args: Args, pushed: Option<String>) -> Result<Self> {
        check_names(&args)?;
        let report_mode = args.report_mode();
        let encoding = encoding(&args)?;
        let pixels = pixel_form(&args, encoding);
        let tracking = args.tracking.options()?;
        let connect = ConnectConfig::try_from(&args)?;
        let (ahead, smooth) = (args.closed_loop.ahead()?, args.closed_loop.smoothing()?);
        let rules = args.closed_loop.loaded(&args.output, args.overwrite)?;
        args.camera.check_rate(args.fps)?;
        let live = live(&args);
        let capture = capture::Config {
            source: match pushed {
                Some(name) => Source::Pushed(name),
                // One of several cameras gets its own in its place.
                None => sources(&args)?.swap_remove(0),
            },
            selection: FrameSelection {
                ranges: args.frames.map(|frames| frames.ranges).unwrap_or_default(),
                sample_rate: args.sample_rate.get(),
                max_frames: None,
            },
            fps: args.fps,
            real_time: args.live,
            options: args.reading.options(args.reconnect_timeout, pixels)?,
        };
        let config = Self {
            capture,
            max_frames: args.max_frames.map(NonZeroU64::get),
            resize: args.resize,
            encoding,
            live,
            max_latency: args.max_latency,
            batch_size: args.batch_size,
            outputs: args.output,
            snapshot: args.snapshot,
            record: args.recording.record,
            overwrite: args.overwrite,
            display: args.display,
            emit: args.emit.targets,
            tracking,
            ahead,
            smooth,
            rules,
            connect,
            lanes: args.lanes,
            metrics: args.metrics,
            report_mode,
            camera: None,
        };
        config.check_whole_video()?;
        Ok(config)
    }
}

impl Config {
    /// Checks that there is a whole video, and a file to write, where tracking looks through it.
    fn check_whole_video(&self) -> Result<()> {
        let needs = TrackerOptions::needs_whole_video;
        let options = match &self.tracking {
            Some(classic @ TrackerOptions::Classic(_)) if needs(classic) => {
                "--tracking-clean-instance-count and --post-connect-single-breaks".to_owned()
            }
            Some(boxes) if needs(boxes) => {
                let tracker = boxes.kind();
                format!("--max-tracks and --link-tracklets of --tracker {tracker}")
            }
            _ => return Ok(()),
        };
        if !self.has_end() {
            bail!(
                "{options} look through the whole video, and a live source has none: leave them out, or \
                 record it and stream the file"
            );
        }
        let is_file = |output: &PathBuf| output.as_os_str() != "-";
        if !self.outputs.iter().any(is_file) {
            bail!(
                "{options} change files of poses once the video has ended, and there is none: give \
                 --output FILE"
            );
        }
        Ok(())
    }
}

/// Checks the names of the files that are to be written.
fn check_names(args: &Args) -> Result<()> {
    for output in &args.output {
        if labels::LabelsFormat::of(output).is_none() {
            bail!("--output {}: {}", output.display(), labels::NAME_FORMS);
        }
    }
    let is_png = |path: &Path| {
        let end = path.extension();
        end.is_some_and(|end| end.eq_ignore_ascii_case("png"))
    };
    if let Some(snapshot) = args.snapshot.as_deref().filter(|path| !is_png(path)) {
        bail!(
            "--snapshot {}: the name must end in .png",
            snapshot.display()
        );
    }
    args.recording.check(args.stream_words().first().copied())
}

/// How frames are to come from the source: no more converted than what becomes of them needs.
fn pixel_form(args: &Args, encoding: PixelEncoding) -> PixelForm {
    let needs_pixels = args.resize.is_some()
        || args.max_latency.is_some()
        || args.display
        || args.snapshot.is_some()
        || args.recording.record.is_some();
    match encoding {
        PixelEncoding::Raw => PixelForm::Deep,
        PixelEncoding::Jpeg(_) if !needs_pixels => PixelForm::Planar,
        PixelEncoding::Jpeg(_) | PixelEncoding::Camera => PixelForm::Plain,
    }
}

impl RecordArgs {
    fn check(&self, file: Option<&str>) -> Result<()> {
        let Some(video) = &self.record else {
            return Ok(());
        };
        if let Some(file) = file.filter(|name| is_path(name) && !is_pipe(name)) {
            bail!("--record is for live sources: {file} is a file already");
        }
        if !vision::record::is_container(video) {
            bail!(
                "--record {}: {}",
                video.display(),
                vision::record::CONTAINERS
            );
        }
        if video.to_str().is_none() {
            bail!(
                "--record {}: labels refer to a recording by its name, which has to be UTF-8, as those of its folders: give another",
                video.display()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let config = |line: &str| Config::try_from(parse(line).unwrap());
        for (line, word) in [
            ("sleap-stream", "--webcam"),
            (
                "sleap-stream --stream a.mp4 --jpeg-quality camera",
                "--webcam",
            ),
            (
                "sleap-stream --webcam 0 --jpeg-quality camera --resize 8x8",
                "--webcam-size",
            ),
            (
                "sleap-stream --webcam 0 --jpeg-quality camera --max-latency 200",
                "a number",
            ),
            (
                "sleap-stream --webcam 0 --jpeg-quality camera --camera-format YUYV",
                "--camera-format",
            ),
            ("sleap-stream --stream a.mp4 --max-latency 200", "--live"),
            (
                "sleap-stream --webcam 0 --max-latency 200 --no-live",
                "--live",
            ),
        ] {
            let error = config(line).unwrap_err().to_string();
            assert!(error.contains(word), "{line}: {error}");
        }
        let config = |line: &str| config(line).unwrap();
        let live = config("sleap-stream --stream a.mp4 --max-latency 200 --live");
        assert_eq!(
            (live.encoding, live.live),
            (PixelEncoding::Jpeg(80), Some(true))
        );
        assert!(live.capture.real_time);
        let camera = config("sleap-stream --webcam 0 --jpeg-quality camera");
        assert_eq!(
            (camera.encoding, camera.live),
            (PixelEncoding::Camera, None)
        );
        let set = config(
            "sleap-stream --webcam 0 --camera-format yuyv --camera-set auto_exposure=1 --camera-set exposure=50",
        );
        let Source::Webcam(webcam) = set.capture.source else {
            panic!("it is a webcam");
        };
        let settings: Vec<String> = webcam.settings.iter().map(ToString::to_string).collect();
        assert_eq!(settings, ["auto_exposure=1", "exposure=50"]);
        assert_eq!(webcam.format.as_deref(), Some("YUYV"));
        assert_eq!(
            config("sleap-stream --webcam 0 --no-live").live,
            Some(false)
        );
    }

    #[test]
    fn outputs_are_checked_by_name() {
        let config = |line: &str| Config::try_from(parse(line).unwrap());
        assert!(config("sleap-stream --webcam 0 -o - -o a.jsonl --snapshot a.png").is_ok());
        assert!(config("sleap-stream --webcam 0 -o a.slp -o a.csv --record a.mkv").is_ok());
        assert!(config("sleap-stream --webcam 0 -o a.txt").is_err());
        assert!(config("sleap-stream --webcam 0 --record a.gif").is_err());
        let error = config("sleap-stream --stream a.mp4 --record a.avi").unwrap_err();
        assert!(error.to_string().contains("live sources"), "{error}");
        assert!(config("sleap-stream --stream - --record a.avi").is_ok());
        let error = config("sleap-stream a.png b.png --format mjpeg").unwrap_err();
        assert!(error.to_string().contains("one file or pipe"), "{error}");
        assert!(config("sleap-stream --webcam 0 --snapshot a.jpg").is_err());
    }

    #[test]
    fn a_look_through_the_whole_video_needs_one_and_a_file_to_write() {
        for (options, named) in [
            (
                "--tracker classic --tracking-clean-instance-count 2",
                "--tracking-clean-instance-count",
            ),
            ("--tracker sort --max-tracks 2", "--max-tracks"),
            ("--tracker ocsort --link-tracklets", "--link-tracklets"),
        ] {
            let config = |line: &str| {
                let line = format!("sleap-stream {line} -t {options}");
                Config::try_from(parse(&line).unwrap())
            };
            assert!(config("--stream a.mp4 -o a.slp").is_ok());
            for (line, word) in [
                ("--webcam 0 -o a.slp", "a live source has none"),
                ("--test-pattern -o a.slp", "a live source has none"),
                ("--stream rtsp://a/b -o a.slp", "a live source has none"),
                ("--stream a.mp4", "--output FILE"),
                ("--stream a.mp4 -o -", "--output FILE"),
            ] {
                let error = config(line).unwrap_err().to_string();
                assert!(
                    error.contains(word) && error.contains(named),
                    "{line}: {error}"
                );
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_recording_whose_name_labels_cannot_hold_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"v\xff.mkv");
        let line = ["sleap-stream", "--webcam", "0", "--record"];
        let line = line.iter().map(std::ffi::OsStr::new).chain([name]);
        let error = Config::try_from(Args::try_parse_from(line).unwrap()).unwrap_err();
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }
}
