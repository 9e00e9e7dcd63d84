//! Video files and network streams, decoded by FFmpeg's libraries.

mod concealment;
mod convert;
mod decode;
mod interrupt;
mod jfif;
mod numbers;
mod orient;
mod pipe;
mod planes;
mod raw;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffmpeg::{Dictionary, Error};

use super::reader::{FrameReader, Grab, GrabbedFrame, ReadFault};
use super::stop::StopSignal;
use super::{ContentShape, FrameContent, PixelForm};
use crate::frame_pixels::significant_bits;
pub(super) use convert::Converter;
use decode::{Decoded, EndReason, Threads, VideoTrack};
use interrupt::Interrupt;
use orient::Orientation;
use pipe::PipeInput;

/// What is opened, and how.
pub(super) struct VideoRequest<'a> {
    /// A path with FFmpeg's prefix `file:`, or an address.
    pub(super) url: &'a OsStr,
    /// A pipe, which is read in place of the address.
    pub(super) pipe: Option<File>,
    /// The demuxer's name, where it is not detected.
    pub(super) format: Option<&'static str>,
    /// Options of FFmpeg's demuxers and protocols.
    pub(super) options: Vec<(&'static str, String)>,
    /// How long the network may be silent; `None` for files.
    pub(super) timeout: Option<Duration>,
    pub(super) pixels: PixelForm,
    pub(super) stop: &'a Arc<StopSignal>,
}

/// Why there is no video.
#[derive(Debug)]
pub(super) enum VideoError {
    /// FFmpeg does not open it.
    Open(String),
    /// This FFmpeg was built without the address's protocol.
    NoProtocol,
    /// It has no video track; at most a picture as its cover.
    NoVideo,
    /// Not one frame can be decoded.
    NoFrame,
    /// This FFmpeg cannot decode it.
    NoDecoder(String),
    /// The first frame cannot be used.
    Frame(ReadFault),
}

/// What an open video is like.
pub(super) struct VideoInfo {
    /// Of the first frame.
    pub(super) shape: ContentShape,
    /// Bits of a sample, where they are more than 8.
    pub(super) significant_bits: Option<u8>,
    pub(super) fps: Option<f64>,
    pub(super) frames: FrameCount,
}

/// How many frames there are, as far as that can be known before they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct FrameCount {
    /// In the index of the container.
    pub(super) indexed: Option<u64>,
    /// In the header of the container, which may have been written before the recording.
    pub(super) announced: Option<u64>,
    /// By the duration of the track.
    pub(super) estimated: Option<u64>,
}

/// Reads the frames of one video.
pub(super) struct VideoReader {
    track: VideoTrack,
    converter: Converter,
    is_pipe: bool,
    /// The source has ended.
    is_at_end: bool,
    /// Of the container; frames may have one of their own.
    orientation: Orientation,
    /// What was read while opening.
    ahead: VecDeque<Grab>,
    /// The picture of the frame that ends `ahead`.
    first: Option<FrameContent>,
}

/// Opens a video and decodes its first frame, which alone shows its size.
pub(super) fn open(request: VideoRequest<'_>) -> Result<(VideoReader, VideoInfo), VideoError> {
    crate::native_logs::quiet_ffmpeg();
    // Frames are to leave as they arrive.
    let is_pipe = request.pipe.is_some();
    let is_live = request.timeout.is_some() || is_pipe;
    let pixels = request.pixels;
    let demuxer = open_demuxer(request).map_err(|error| match error {
        Error::ProtocolNotFound => VideoError::NoProtocol,
        other => VideoError::Open(other.to_string()),
    })?;
    let threads = match is_live {
        true => Threads::Slices,
        false => Threads::Frames,
    };
    let track = VideoTrack::open(demuxer, threads);
    let track = track.map_err(|error| VideoError::NoDecoder(error.to_string()))?;
    let mut track = track.ok_or(VideoError::NoVideo)?;
    let fps = track.frame_rate();
    let matrix = track
        .stream()
        .and_then(|stream| raw::stream_matrix(&stream));
    let mut reader = VideoReader {
        orientation: Orientation::of(matrix).map_err(VideoError::Frame)?,
        track,
        converter: Converter::new(pixels),
        is_pipe,
        is_at_end: false,
        ahead: VecDeque::new(),
        first: None,
    };
    let first = reader.read_ahead()?;
    let shape = first.shape();
    reader.first = Some(first);
    let info = VideoInfo {
        shape,
        significant_bits: significant_bits(reader.track.pixels()),
        fps,
        frames: reader.count(fps),
    };
    Ok((reader, info))
}

fn open_demuxer(request: VideoRequest<'_>) -> Result<raw::Demuxer, Error> {
    let invalid = Error::Other {
        errno: libc::EINVAL,
    };
    let url = raw::c_text(request.url.as_encoded_bytes()).ok_or(invalid)?;
    let format = request.format.and_then(|name| raw::c_text(name.as_bytes()));
    let interrupt = Arc::new(Interrupt::new(Arc::clone(request.stop), request.timeout));
    let pipe = request
        .pipe
        .map(|pipe| PipeInput::new(pipe, Arc::clone(&interrupt)))
        .transpose()?;
    let options: Dictionary = request.options.into_iter().collect();
    raw::Demuxer::open(&url, pipe, format.as_deref(), options, interrupt)
}

impl VideoReader {
    fn read_ahead(&mut self) -> Result<FrameContent, VideoError> {
        loop {
            match self.decode() {
                Ok(Grab::End) => return Err(VideoError::NoFrame),
                Err(fault) => return Err(VideoError::Frame(fault)),
                Ok(grab) => {
                    let is_frame = matches!(grab, Grab::Frame(_));
                    self.ahead.push_back(grab);
                    if is_frame {
                        return self.content().map_err(VideoError::Frame);
                    }
                }
            }
        }
    }

    fn decode(&mut self) -> Result<Grab, ReadFault> {
        match self.track.next() {
            Decoded::Frame(frame) => Ok(Grab::Frame(GrabbedFrame {
                absent: 0,
                is_concealed: frame.is_concealed,
                at: frame.at,
                arrived: Some(Instant::now()).filter(|_| self.is_pipe),
            })),
            Decoded::Lost(frames) => Ok(Grab::Lost(frames)),
            Decoded::End(EndReason::EndOfSource) => Ok(self.end()),
            Decoded::End(EndReason::Broken(reason)) => Err(ReadFault::Broken(reason)),
            Decoded::End(EndReason::Silent) => Err(ReadFault::Silent),
        }
    }

    fn end(&mut self) -> Grab {
        match std::mem::replace(&mut self.is_at_end, true) {
            true => Grab::End,
            false => match self.track.missing_at_end() {
                0 => Grab::End,
                missing => Grab::Lost(missing),
            },
        }
    }

    fn content(&mut self) -> Result<FrameContent, ReadFault> {
        let frame = self.track.pixels();
        self.converter.content(frame, self.orientation)
    }

    fn count(&self, fps: Option<f64>) -> FrameCount {
        let Some(stream) = self.track.stream() else {
            return FrameCount::default();
        };
        // The index of other containers has only the frames that can be jumped to.
        let has_all = ["mov,", "avi"]
            .iter()
            .any(|it| self.track.format().starts_with(it));
        let indexed = raw::indexed_frames(&stream);
        let by_duration = fps.and_then(|fps| {
            let frames = (self.track.seconds()? * fps).round();
            (1.0..1.0e12).contains(&frames).then_some(frames as u64)
        });
        FrameCount {
            indexed: Some(indexed).filter(|&frames| has_all && frames > 0),
            announced: u64::try_from(stream.frames())
                .ok()
                .filter(|&frames| frames > 0),
            estimated: by_duration,
        }
    }
}

impl FrameReader for VideoReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        if let Some(grab) = self.ahead.pop_front() {
            return Ok(grab);
        }
        self.first = None;
        self.decode()
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        match self.first.take() {
            Some(content) => Ok(content),
            None => self.content(),
        }
    }
}

#[cfg(test)]
mod tests;
