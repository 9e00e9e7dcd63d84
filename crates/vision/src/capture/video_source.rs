//! An open video as a source, and why there is none.

use super::reader::{FrameReader, OpenedReader, ReadFault, SourceBehaviour};
use super::video::{self, VideoError};
use super::{OpenError, SourceInfo};

/// An open video as a source.
pub(super) fn opened(
    reader: impl FrameReader + 'static,
    video: video::VideoInfo,
    name: String,
    kind: SourceBehaviour,
    total_frames: Option<u64>,
) -> OpenedReader {
    let info = SourceInfo {
        name,
        width: video.shape.size.0,
        height: video.shape.size.1,
        channels: video.shape.channels,
        significant_bits: video.significant_bits,
        fps: video.fps,
        total_frames,
        frames_to_send: None,
        is_live: kind.pushes(),
    };
    OpenedReader {
        reader: Box::new(reader),
        info,
        kind,
    }
}

/// Why a video of this name was not opened.
pub(super) fn open_error(error: VideoError, name: String) -> OpenError {
    match error {
        VideoError::NoVideo => OpenError::NoVideoTrack { name },
        // Only addresses have another protocol than `file`.
        VideoError::NoProtocol => OpenError::NoProtocol { scheme: name },
        VideoError::NoFrame
        | VideoError::Frame(ReadFault::Undecodable | ReadFault::Silent | ReadFault::GenICam(_)) => {
            OpenError::NoFrame { name }
        }
        VideoError::Frame(ReadFault::ImageFile { file, .. }) => OpenError::NoFrame { name: file },
        VideoError::NoDecoder(reason) => OpenError::NoDecoder { name, reason },
        VideoError::Frame(ReadFault::Image(source)) => OpenError::Image { name, source },
        VideoError::Open(reason)
        | VideoError::Frame(ReadFault::Ffmpeg(reason) | ReadFault::Broken(reason)) => {
            OpenError::Ffmpeg { name, reason }
        }
    }
}
