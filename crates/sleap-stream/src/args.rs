use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::commands::Command;
use crate::help;
use crate::lanes::Lanes;
use crate::meeting::{self, Meeting, MeetingArgs};
use crate::send_file::SendArgs;
use crate::trust::TrustArgs;
use anyhow::{Result, bail};
use clap::{ArgGroup, Parser};
use cli::settings::{ChosenSettings, SettingsArgs, SettingsAware};
use cli::{EmitArgs, LinkArgs, LogArgs};
use link::PeerConfig;
use vision::capture::{self, FrameSelection, Source};
use vision::synthetic;

/// Streams a camera or a video to a sleap-worker over WebRTC and receives poses.
#[derive(Debug, Parser)]
#[command(version = cli::program_info::VERSION, args_conflicts_with_subcommands = true)]
#[command(after_help = help::EXAMPLES, after_long_help = help::LONG)]
#[command(group = ArgGroup::new("source").args(["stream", "webcam", "test_pattern", "send_file"]))]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Video file, URL or numbered images (frame_%04d.png) to stream: every frame once, in order.
    #[arg(long, value_name = "FILE", help_heading = "Source")]
    pub stream: Option<String>,

    /// Camera to stream, by number: the newest frame wins.
    #[arg(long, value_name = "N", help_heading = "Source")]
    pub webcam: Option<u32>,

    /// A synthetic moving animal instead of a camera, as WxH@FPS.
    #[arg(long, value_name = "WxH@FPS", num_args = 0..=1, default_missing_value = "", help_heading = "Source")]
    pub test_pattern: Option<synthetic::Config>,

    #[command(flatten)]
    pub sending: SendArgs,

    /// Size to ask the camera for (it may choose another).
    #[arg(long, value_name = "WxH", value_parser = size, requires = "webcam", help_heading = "Source")]
    pub webcam_size: Option<(u32, u32)>,

    /// Frames of the file to stream, counted from 0: 0-100,200-300.
    #[arg(
        long,
        value_name = "RANGES",
        conflicts_with = "webcam",
        help_heading = "Source"
    )]
    pub frames: Option<FrameSelection>,

    /// Stream every Nth frame only.
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Source")]
    pub sample_rate: NonZeroU32,

    /// Stop when that many frames were sent.
    #[arg(long, value_name = "N", help_heading = "Source")]
    pub max_frames: Option<NonZeroU64>,

    /// Frames per second at most (default: a file as fast as it goes, a camera's own rate).
    #[arg(long, value_name = "FPS", value_parser = frame_rate, help_heading = "Source")]
    pub fps: Option<f64>,

    /// Let the newest frame win, also of a file, which then runs at its own rate.
    #[arg(long, conflicts_with = "every_frame", help_heading = "Source")]
    pub live: bool,

    /// Send every frame that the source delivers, also of a camera, however old frames become.
    #[arg(long, alias = "no-live", help_heading = "Source")]
    pub every_frame: bool,

    /// Resize frames before sending; poses are given in pixels of the source all the same.
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Encoding")]
    pub resize: Option<(u32, u32)>,

    /// Send JPEG of this quality, 1-100; 80 is a good choice (default: raw pixels).
    ///
    /// `camera` sends a webcam's own JPEGs, neither decoded nor compressed again.
    #[arg(long, value_name = "QUALITY", value_parser = jpeg_quality, help_heading = "Encoding")]
    pub jpeg_quality: Option<JpegQuality>,

    /// Keep poses of a live stream younger than this by lowering JPEG quality, then size, then
    /// rate, as far as the link demands, and raising them again.
    #[arg(long, value_name = "MS", value_parser = milliseconds, help_heading = "Encoding")]
    pub max_latency: Option<Duration>,

    /// Send frames in batches of N, which the worker runs in one call of its model.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Encoding")]
    pub batch_size: u32,

    /// Write predictions to a file as they come; may be repeated.
    ///
    /// By the end of its name: .slp for SLEAP, .csv with sleap-io's columns, .jsonl with one JSON
    /// object a line. `-` is JSON lines on standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Vec<PathBuf>,

    #[command(flatten)]
    pub recording: RecordArgs,

    /// Write the last frame with its poses drawn on it to this PNG file.
    #[arg(long, value_name = "FILE.png", help_heading = "Output")]
    pub snapshot: Option<PathBuf>,

    /// Replace output files that exist.
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,

    /// Show the stream with its poses in a window; the window closes on `q`.
    #[arg(long, help_heading = "Output")]
    pub display: bool,

    #[command(flatten)]
    pub emit: EmitArgs,

    /// Address of the signaling server where the worker is met.
    #[arg(long, value_name = "URL", default_value = cli::DEFAULT_SIGNAL, value_parser = cli::websocket_url, help_heading = "Connection")]
    pub signal: String,

    /// The worker to meet there, by its id, in a room also by its name (default: the first that is
    /// registered, in a room the only one).
    #[arg(long, value_name = "ID", help_heading = "Connection")]
    pub worker_id: Option<String>,

    /// Seconds to wait for the worker's word that it is ready.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Connection")]
    pub ack_timeout: Duration,

    /// Wait for a worker that is not there yet, or that serves another client.
    #[arg(long, help_heading = "Connection")]
    pub wait: bool,

    /// Seconds to look for the worker when the connection is lost, or to wait for one that answers
    /// nothing; 0 gives up at once.
    ///
    /// A file goes on where it was: each frame gets its prediction once. A live source goes on with
    /// its newest frame. A worker has ten seconds at least for each answer.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_or_none, help_heading = "Connection")]
    pub reconnect_timeout: Duration,

    /// Associations with the worker that share the frames, 1 to 16, or auto: with several a lost
    /// packet slows down one of them only.
    ///
    /// Auto takes 8 where the way to the worker and back takes 5 ms or more, else 1.
    #[arg(
        long,
        value_name = "N|auto",
        default_value = "1",
        help_heading = "Connection"
    )]
    pub lanes: Lanes,

    #[command(flatten)]
    pub meeting: MeetingArgs,

    #[command(flatten)]
    pub trust: TrustArgs,

    #[command(flatten)]
    pub link: LinkArgs,

    #[command(flatten)]
    pub settings: SettingsArgs,

    /// No progress and no summary.
    #[arg(short, long, help_heading = "Messages")]
    pub quiet: bool,

    /// Progress, events and the summary as JSON, one object a line.
    ///
    /// On standard output; where that is taken by `--output -`, on standard error, and the log is
    /// JSON there too.
    #[arg(long, conflicts_with = "quiet", help_heading = "Messages")]
    pub json: bool,

    /// Log more (-v: decisions, -vv: everything).
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Messages")]
    pub verbose: u8,

    #[command(flatten, next_help_heading = "Messages")]
    pub log: LogArgs,
}

/// Keeping the frames that are sent.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Keep the frames that are sent, of a live source, in a video: .avi, .mkv or .mp4.
    ///
    /// An .slp file that is written beside it refers to this video.
    #[arg(long, value_name = "VIDEO", help_heading = "Output")]
    pub record: Option<PathBuf>,
}

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JpegQuality {
    /// By the camera.
    Camera,
    /// Here, 1 to 100.
    Here(u8),
}

/// What becomes of pixels before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Raw,
    Jpeg(u8),
    /// They come as a camera's JPEGs.
    Camera,
}

/// JPEG quality where nothing is said, but raw pixels would not do.
const DEFAULT_QUALITY: u8 = 80;

/// What a run is to do.
#[derive(Debug)]
pub struct Config {
    pub(crate) capture: capture::Config,
    /// Counted where frames are sent: what a live source drops before does not count.
    pub(crate) max_frames: Option<u64>,
    pub(crate) resize: Option<(u32, u32)>,
    pub(crate) encoding: Encoding,
    /// The newest frame wins, or every frame counts; `None`: as suits the source.
    pub(crate) live: Option<bool>,
    pub(crate) max_latency: Option<Duration>,
    pub(crate) batch_size: u32,
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) overwrite: bool,
    pub(crate) display: bool,
    pub(crate) emit: Vec<emit::Target>,
    pub(crate) meeting: Arc<Meeting>,
    pub(crate) ack_timeout: Duration,
    pub(crate) wait: bool,
    pub(crate) reconnect_timeout: Duration,
    pub(crate) lanes: Lanes,
    pub(crate) peer: PeerConfig,
    pub(crate) messages: Messages,
}

/// What is told while a stream runs and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    None,
    ForPeople,
    /// Objects on standard output.
    Json,
    /// Objects on standard error: standard output is taken.
    JsonAside,
}

impl Config {
    /// Limits what FFmpeg may open for the source. To be called before any thread exists: it sets an
    /// environment variable.
    pub fn restrict_source(&self) {
        capture::restrict(&self.capture.source);
    }
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: Args) -> Result<Self> {
        for output in &args.output {
            if labels::LabelsFormat::of(output).is_none() {
                bail!("--output {}: {}", output.display(), labels::NAME_FORMS);
            }
        }
        if let Some(snapshot) = &args.snapshot
            && snapshot
                .extension()
                .is_none_or(|ext| !ext.eq_ignore_ascii_case("png"))
        {
            bail!(
                "--snapshot {}: the name must end in .png",
                snapshot.display()
            );
        }
        args.recording.check(args.stream.as_deref())?;
        let messages = args.messages();
        let encoding = encoding(&args)?;
        let (meeting, peer) = meeting::resolve(&args)?;
        let live = match (args.live, args.every_frame) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let source = match (args.stream, args.webcam, args.test_pattern) {
            (Some(file), ..) => Source::File(file),
            (None, Some(index), _) => Source::Webcam {
                index,
                size: args.webcam_size,
                jpeg: encoding == Encoding::Camera,
            },
            (None, None, Some(pattern)) => Source::TestPattern(pattern),
            (None, None, None) => {
                bail!("give --stream FILE, --webcam N, --test-pattern or --send-file FILE")
            }
        };
        let selection = FrameSelection {
            ranges: args.frames.map(|frames| frames.ranges).unwrap_or_default(),
            sample_rate: args.sample_rate.get(),
            max_frames: None,
        };
        Ok(Self {
            capture: capture::Config {
                source,
                selection,
                fps: args.fps,
                real_time: args.live,
            },
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
            meeting,
            ack_timeout: args.ack_timeout,
            wait: args.wait,
            reconnect_timeout: args.reconnect_timeout,
            lanes: args.lanes,
            peer,
            messages,
        })
    }
}

impl Args {
    /// How messages are told.
    pub(crate) fn messages(&self) -> Messages {
        let output_is_taken = self.output.iter().any(|output| output.as_os_str() == "-");
        match (self.quiet, self.json) {
            (true, _) => Messages::None,
            (_, false) => Messages::ForPeople,
            (_, true) if output_is_taken => Messages::JsonAside,
            (_, true) => Messages::Json,
        }
    }

    /// Sends the log to standard error, save for reports, between whose lines it would stand.
    pub fn init_logging(&self) {
        let format = match self.messages() {
            Messages::JsonAside => cli::LogFormat::Json,
            _ => cli::LogFormat::Text,
        };
        if self.command.is_none() || self.verbose > 0 {
            self.log.init(self.verbose, format);
        }
    }
}

impl SettingsAware for Args {
    fn apply_settings(&mut self, settings: &ChosenSettings) {
        let trust = match &mut self.command {
            Some(Command::Doctor(doctor)) => &mut doctor.trust,
            _ => &mut self.trust,
        };
        trust.secret.origins = settings.origins();
    }
}

impl RecordArgs {
    fn check(&self, file: Option<&str>) -> Result<()> {
        let Some(video) = &self.record else {
            return Ok(());
        };
        if let Some(file) = file.filter(|name| is_path(name)) {
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
                "--record {}: OpenCV, which writes it, takes names and folders in UTF-8 only: give another",
                video.display()
            );
        }
        Ok(())
    }
}

impl Config {
    /// The source is a synthetic one.
    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self.capture.source, Source::TestPattern(_))
    }

    /// Poses are for `--emit` alone, and nothing else of the stream is kept or shown.
    pub(crate) fn only_emits(&self) -> bool {
        let keeps = !self.outputs.is_empty() || self.snapshot.is_some() || self.record.is_some();
        !self.emit.is_empty() && !keeps && !self.display
    }

    /// As STREAM_START says it.
    pub(crate) fn jpeg_quality(&self) -> Option<u8> {
        match self.encoding {
            Encoding::Raw => None,
            Encoding::Jpeg(quality) => Some(quality),
            // Nobody knows; nothing is lost on the way.
            Encoding::Camera => Some(100),
        }
    }
}

/// Whether a source's name is a file's, and no address.
pub(crate) fn is_path(name: &str) -> bool {
    !name.contains("://")
}

/// What the options say of the encoding, together.
fn encoding(args: &Args) -> Result<Encoding> {
    if args.max_latency.is_some() {
        let is_file = args.stream.as_ref().is_some_and(|name| is_path(name));
        if args.every_frame || (is_file && !args.live) {
            bail!("--max-latency is for live streams; add --live to let the newest frame win");
        }
        if args.jpeg_quality == Some(JpegQuality::Camera) {
            bail!(
                "--max-latency cannot make a camera's own JPEGs smaller: give --jpeg-quality a number"
            );
        }
    }
    match args.jpeg_quality {
        Some(JpegQuality::Camera) if args.webcam.is_none() => {
            bail!("--jpeg-quality camera is for --webcam: other sources make no JPEGs")
        }
        Some(JpegQuality::Camera) if args.resize.is_some() => {
            bail!(
                "--jpeg-quality camera sends what the camera makes: --webcam-size changes its size, --resize cannot"
            )
        }
        Some(JpegQuality::Camera) => Ok(Encoding::Camera),
        Some(JpegQuality::Here(quality)) => Ok(Encoding::Jpeg(quality)),
        None if args.max_latency.is_some() => {
            tracing::info!(
                quality = DEFAULT_QUALITY,
                "--max-latency sends JPEG instead of raw pixels"
            );
            Ok(Encoding::Jpeg(DEFAULT_QUALITY))
        }
        None => Ok(Encoding::Raw),
    }
}

fn jpeg_quality(text: &str) -> Result<JpegQuality, String> {
    match text.parse::<u8>() {
        Ok(quality @ 1..=100) => Ok(JpegQuality::Here(quality)),
        _ if text == "camera" => Ok(JpegQuality::Camera),
        _ => Err(format!(
            "'{text}' is not a JPEG quality: give 1 to 100, or `camera`"
        )),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (1.0..=3_600_000.0).contains(&value) => {
            Ok(Duration::from_secs_f64(value / 1e3))
        }
        _ => Err(format!(
            "'{text}' is not a number of milliseconds from 1 up"
        )),
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let parse = |side: &str| {
        side.parse::<u32>()
            .ok()
            .filter(|side| (1..=16_384).contains(side))
    };
    text.split_once(['x', 'X'])
        .and_then(|(width, height)| Some((parse(width)?, parse(height)?)))
        .ok_or_else(|| format!("'{text}' is not a size: give WIDTHxHEIGHT, each from 1 to 16384"))
}

fn frame_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100_000.0 => Ok(rate),
        _ => Err(format!(
            "'{text}' is not a frame rate: give a number above 0"
        )),
    }
}

/// As `seconds`, and 0.
fn seconds_or_none(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Duration::ZERO),
        _ => seconds(text).map_err(|_| format!("'{text}' is not a number of seconds from 0 up")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 86_400.0 => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("'{text}' is not a number of seconds above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_promised_calls_parse() {
        let webcam = parse("sleap-stream --webcam 0 --jpeg-quality 80").unwrap();
        let quality = Some(JpegQuality::Here(80));
        assert_eq!((webcam.webcam, webcam.jpeg_quality), (Some(0), quality));
        let video = parse("sleap-stream --stream video.mp4 --fps 30").unwrap();
        assert_eq!(
            (video.stream.as_deref(), video.fps),
            (Some("video.mp4"), Some(30.0))
        );
        assert!(
            parse("sleap-stream --test-pattern")
                .unwrap()
                .test_pattern
                .is_some()
        );
    }

    #[test]
    fn impossible_values_are_usage_errors() {
        for line in [
            "sleap-stream --webcam 0 --stream a.mp4",
            "sleap-stream --webcam 0 --jpeg-quality 0",
            "sleap-stream --webcam 0 --jpeg-quality 101",
            "sleap-stream --stream a.mp4 --frames 10-5",
            "sleap-stream --stream a.mp4 --fps 0",
            "sleap-stream --stream a.mp4 --fps nan",
            "sleap-stream --stream a.mp4 --resize 0x5",
            "sleap-stream --stream a.mp4 --sample-rate 0",
            "sleap-stream --stream a.mp4 --batch-size 0",
            "sleap-stream --stream a.mp4 --signal http://x",
            "sleap-stream --webcam 0 --frames 0-5",
            "sleap-stream --webcam 0 --live --every-frame",
            "sleap-stream --webcam 0 --jpeg-quality cam",
            "sleap-stream --webcam 0 --max-latency 0",
            "sleap-stream --webcam 0 --lanes 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
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
        assert_eq!((live.encoding, live.live), (Encoding::Jpeg(80), Some(true)));
        assert!(live.capture.real_time);
        let camera = config("sleap-stream --webcam 0 --jpeg-quality camera");
        assert_eq!((camera.encoding, camera.live), (Encoding::Camera, None));
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
        assert!(config("sleap-stream --webcam 0 --snapshot a.jpg").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_opencv_cannot_take_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"v\xff.mkv");
        let line = ["sleap-stream", "--webcam", "0", "--record"];
        let line = line.iter().map(std::ffi::OsStr::new).chain([name]);
        let error = Config::try_from(Args::try_parse_from(line).unwrap()).unwrap_err();
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }
}
