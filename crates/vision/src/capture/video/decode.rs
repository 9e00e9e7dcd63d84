//! Packets to frames, each with its number and its time.

use std::time::Duration;

use ffmpeg::codec::{context, decoder, threading};
use ffmpeg::format::stream::Disposition;
use ffmpeg::frame::Video;
use ffmpeg::media::Type;
use ffmpeg::{Error, Packet, Stream};

use super::concealment::Concealment;
use super::numbers::FrameNumbers;
use super::raw::{self, Demuxer};

/// The most threads that decode one file; each holds frames of its own.
const MAX_THREADS: usize = 4;

/// A demuxer that reports so many errors in a row has nothing left to give.
const MAX_READ_ERRORS: u32 = 64;

/// What it counts, in pixels, that a track is the default one of its container.
const DEFAULT_BONUS: u64 = 5_000_000;

/// Demuxers that take the length of a file from the time stamps at its end, not from a header.
const BY_CONTENT: [&str; 3] = ["mpeg", "mpegts", "ogg"];

/// Fewer missing frames than this may be the last packet's duration.
const MIN_MISSING: f64 = 3.0;

/// A gap of so many frames is that of a clock that was set.
const MAX_SKIPPED: f64 = 1.0e6;

/// FFmpeg's unit for the length of a whole file.
const MICROSECONDS: f64 = 1.0e6;

/// What comes next of a source.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A frame.
    Frame(DecodedFrame),
    /// So many frames directly after the last one could not be decoded.
    Lost(u64),
    /// Nothing more.
    End(EndReason),
}

/// A frame beside its pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodedFrame {
    /// Parts of it could not be decoded.
    pub(super) is_concealed: bool,
    /// When it is to be shown, since the first frame.
    pub(super) at: Option<Duration>,
}

/// Why there is nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The source has ended.
    EndOfSource,
    /// It cannot be read any further.
    Broken(String),
    /// The network has been silent for too long.
    Silent,
}

/// How the work of one decoder is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// By frames: fast, and each thread delays the stream by a frame.
    Frames,
    /// By parts of a frame, without any delay.
    Slices,
}

/// An open video track.
pub(super) struct VideoTrack {
    demuxer: Demuxer,
    stream: usize,
    decoder: decoder::Video,
    numbers: FrameNumbers,
    concealment: Concealment,
    /// The frame that comes after those that are lost.
    frame: Option<DecodedFrame>,
    pixels: Video,
    end: Option<EndReason>,
    seconds_per_tick: f64,
    /// Between two frames, for those without a time stamp; 0 where the rate is not known.
    interval: f64,
    /// The time stamp of the first frame, seconds.
    begin: Option<f64>,
    /// When the last frame is to be shown, seconds since the first.
    last: Option<f64>,
    /// All frames so far have followed each other at the track's rate.
    is_even: bool,
    /// Parts of the last frame could not be decoded.
    was_concealed: bool,
}

impl VideoTrack {
    /// Opens the video of `demuxer`; `None` where it has none, cover art not counted.
    ///
    /// # Errors
    /// This FFmpeg cannot decode it.
    pub(super) fn open(
        mut demuxer: Demuxer,
        threads: Threads,
    ) -> Result<Option<VideoTrack>, Error> {
        let Some(stream) = main_video(&demuxer) else {
            return Ok(None);
        };
        let (index, base) = (stream.index(), stream.time_base());
        let mut context = context::Context::from_parameters(stream.parameters())?;
        // As FFmpeg itself chooses: how a decoder fills in what is damaged depends on their number.
        let count = match std::thread::available_parallelism().map_or(1, usize::from) {
            1 => 1,
            cores => (cores + 1).min(MAX_THREADS),
        };
        context.set_threading(threading::Config {
            kind: match threads {
                Threads::Frames => threading::Type::Frame,
                Threads::Slices => threading::Type::Slice,
            },
            count,
            ..threading::Config::default()
        });
        raw::hear_decoders();
        let decoder = context.decoder().video()?;
        let fps = demuxer.frame_rate(index);
        Ok(Some(VideoTrack {
            demuxer,
            stream: index,
            decoder,
            numbers: FrameNumbers::default(),
            concealment: Concealment::default(),
            frame: None,
            pixels: Video::empty(),
            end: None,
            seconds_per_tick: f64::from(base),
            interval: if fps > 0.0 { 1.0 / fps } else { 0.0 },
            begin: None,
            last: None,
            is_even: true,
            was_concealed: false,
        }))
    }

    /// The track in its container.
    pub(super) fn stream(&self) -> Option<Stream<'_>> {
        self.demuxer.input.stream(self.stream)
    }

    /// The demuxer's name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub(super) fn format(&self) -> String {
        self.demuxer.input.format().name().to_owned()
    }

    /// The track's length by its container, seconds.
    pub(super) fn seconds(&self) -> Option<f64> {
        let own = self.stream().map(|stream| stream.duration());
        let own = own.filter(|&ticks| ticks > 0);
        let own = own.map(|ticks| ticks as f64 * self.seconds_per_tick);
        let whole = self.demuxer.input.duration();
        let whole = (whole > 0).then(|| whole as f64 / MICROSECONDS);
        own.or(whole).filter(|seconds| seconds.is_finite())
    }

    /// Frames per second, where that is known.
    pub(super) fn frame_rate(&mut self) -> Option<f64> {
        let rate = self.demuxer.frame_rate(self.stream);
        (rate.is_finite() && rate > 0.0 && rate <= 1000.0).then_some(rate)
    }

    /// The frame that came last.
    pub(super) fn pixels(&self) -> &Video {
        &self.pixels
    }

    /// Decodes up to the next frame.
    pub(super) fn next(&mut self) -> Decoded {
        if let Some(frame) = self.frame.take() {
            return Decoded::Frame(frame);
        }
        self.demuxer.interrupt().restart();
        loop {
            match self.decoder.receive_frame(&mut self.pixels) {
                Ok(()) => return self.received(),
                Err(Error::Eof) => return self.ended(),
                Err(Error::Other { errno }) if errno == libc::EAGAIN => {}
                Err(_) => {
                    self.numbers.failed();
                    continue;
                }
            }
            if self.end.is_some() {
                return self.ended();
            }
            self.feed();
        }
    }

    fn received(&mut self) -> Decoded {
        let is_marked = raw::is_concealed(&self.pixels);
        let is_concealed = self.concealment.shown(self.pixels.pts(), is_marked);
        let before = self.last;
        let at = self.time();
        let is_damaged = is_concealed || self.was_concealed || self.numbers.has_errors();
        let skipped = self.skipped(before, is_damaged);
        self.was_concealed = is_concealed;
        let frame = DecodedFrame { is_concealed, at };
        match self.numbers.shown(self.pixels.pts()).max(skipped) {
            0 => Decoded::Frame(frame),
            lost => {
                self.frame = Some(frame);
                Decoded::Lost(lost)
            }
        }
    }

    /// How many frames are missing before the last one by its time stamp. Where nothing is damaged, the recorder
    /// has left them out.
    fn skipped(&mut self, before: Option<f64>, is_damaged: bool) -> u64 {
        let (Some(before), Some(last)) = (before, self.last) else {
            return 0;
        };
        let steps = match self.interval > 0.0 {
            true => (last - before) / self.interval,
            false => 1.0,
        };
        match steps.round() {
            1.0 => 0,
            more if self.is_even && is_damaged && (2.0..MAX_SKIPPED).contains(&more) => {
                more as u64 - 1
            }
            _ => {
                self.is_even = false;
                0
            }
        }
    }

    /// How many frames are missing at the end, by the time that its last packet has in the file.
    pub(super) fn missing_at_end(&self) -> u64 {
        let format = self.format();
        let is_known = BY_CONTENT.contains(&&*format) && self.interval > 0.0 && self.is_even;
        let is_alone = self.demuxer.input.streams().len() == 1;
        let has_own = self.stream().is_some_and(|stream| stream.duration() > 0);
        // Sound may last longer than the video.
        let seconds = self.seconds().filter(|_| is_alone || has_own);
        let (Some(seconds), Some(last), true) = (seconds, self.last, is_known) else {
            return 0;
        };
        let left = seconds - last;
        let missing = (left / self.interval).round() - 1.0;
        match (MIN_MISSING..MAX_SKIPPED).contains(&missing) {
            true => missing as u64,
            false => 0,
        }
    }

    /// When the frame that came last is to be shown. Frames of some containers (AVI) have no time stamps of
    /// their own where the decoder reorders them.
    fn time(&mut self) -> Option<Duration> {
        let expected = self.last.map_or(0.0, |last| last + self.interval);
        let stamp = self
            .pixels
            .timestamp()
            .map(|tick| tick as f64 * self.seconds_per_tick);
        let at = stamp.map_or(expected, |stamp| {
            stamp - *self.begin.get_or_insert(stamp - expected)
        });
        self.last = Some(at);
        Duration::try_from_secs_f64(at).ok()
    }

    fn ended(&mut self) -> Decoded {
        match self.numbers.ended() {
            0 => Decoded::End(self.end.clone().unwrap_or(EndReason::EndOfSource)),
            lost => Decoded::Lost(lost),
        }
    }

    /// Gives the decoder the next packet, or tells it that there is none.
    fn feed(&mut self) {
        let packet = match self.read() {
            Ok(packet) => packet,
            Err(end) => {
                self.end = Some(end);
                // It fails only where it was told before.
                let _ = self.decoder.send_eof();
                return;
            }
        };
        let is_shown = !raw::is_discarded(&packet);
        self.numbers.sent(packet.pts().filter(|_| is_shown));
        let number = self.concealment.sent(packet.pts());
        raw::number_packet(&mut self.decoder, number);
        if self.decoder.send_packet(&packet).is_err() {
            self.numbers.failed();
        }
    }

    /// The track's next packet.
    fn read(&mut self) -> Result<Packet, EndReason> {
        let mut errors = 0;
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.demuxer.input) {
                Ok(()) if packet.stream() == self.stream && packet.size() > 0 => return Ok(packet),
                Ok(()) => {}
                Err(Error::Eof) => {
                    return Err(self
                        .demuxer
                        .fault()
                        .map_or(EndReason::EndOfSource, |error| {
                            EndReason::Broken(error.to_string())
                        }));
                }
                Err(_) if self.demuxer.interrupt().is_late() => return Err(EndReason::Silent),
                // Some demuxers find their way after damaged data.
                Err(Error::InvalidData) if errors < MAX_READ_ERRORS => errors += 1,
                Err(error) => return Err(EndReason::Broken(error.to_string())),
            }
        }
    }
}

/// The track that the `ffmpeg` program takes: the largest that is no cover art, where being the container's
/// default counts as much as so many pixels.
fn main_video(demuxer: &Demuxer) -> Option<Stream<'_>> {
    let is_video = |stream: &Stream| {
        stream.parameters().medium() == Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    let rank = |stream: &Stream| {
        let parameters = stream.parameters();
        let pixels = u64::from(parameters.width()) * u64::from(parameters.height());
        let is_default = stream.disposition().contains(Disposition::DEFAULT);
        let bonus = if is_default { DEFAULT_BONUS } else { 0 };
        // Of equal tracks the first.
        (pixels + bonus, std::cmp::Reverse(stream.index()))
    };
    demuxer.input.streams().filter(is_video).max_by_key(rank)
}
