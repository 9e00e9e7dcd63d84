//! Video files of this machine.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use super::allowed::{self, Origin};
use super::container::{self, ContainerLayout};
use super::format::StreamFormat;
use super::reader::{OpenedReader, SourceBehaviour, display_name};
use super::signature::{self, FileSignature};
use super::stop::StopSignal;
use super::video::{self, VideoError, VideoRequest};
use super::video_source::{open_error, opened};
use super::{OpenError, Source, SourceOptions, network, pictures, pipe};

/// How a file of this machine is spelled as an address.
const LOCAL: &str = "file://";

/// Standard input as a file.
const INPUT_FILE: &str = "/dev/stdin";

pub(super) fn open(
    path: &str,
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let name = display_name(&Source::File(path.to_owned()));
    if let Some(scheme) = allowed::scheme(path) {
        if !allowed::is_known(scheme) {
            let scheme = scheme.to_owned();
            return Err(OpenError::Scheme { scheme });
        }
        return network::open(path, name, options, stop);
    }
    let path = path.strip_prefix(LOCAL).unwrap_or(path);
    if let Some(pipe) = pipe::open(path)? {
        if pipe.metadata().is_ok_and(|metadata| metadata.is_file()) {
            // A shell has put a file in its place (`< FILE`), in which the demuxer can jump.
            return open_stored(INPUT_FILE.as_ref(), name, Origin::User, options, stop);
        }
        return open_pipe(path, pipe, name, options, stop);
    }
    if path.contains('%') && !Path::new(path).exists() {
        return pictures::open_pattern(path, name, options);
    }
    check_file(path.as_ref())?;
    if signature_of(path.as_ref())? == FileSignature::Playlist {
        let path = path.to_owned();
        return Err(OpenError::Playlist { path });
    }
    if options.format.is_none() && pictures::is_tiff(path.as_ref()) {
        return pictures::open_pages(path.as_ref(), name, options);
    }
    open_stored(path.as_ref(), name, Origin::User, options, stop)
}

/// Opens the images of a list, each a frame.
pub(super) fn open_images(
    source: &Source,
    images: &[PathBuf],
    options: &SourceOptions,
) -> Result<OpenedReader, OpenError> {
    for image in images {
        check_file(image)?;
    }
    pictures::open_list(source, images, options)
}

/// Opens what another machine has sent.
pub(super) fn open_upload(path: &Path, stop: &Arc<StopSignal>) -> Result<OpenedReader, OpenError> {
    let name = display_name(&Source::Upload(path.to_owned()));
    let owned = || path.display().to_string();
    check_file(path)?;
    match signature_of(path)? {
        FileSignature::Video => {
            let options = SourceOptions::default();
            open_stored(path, name, Origin::Upload, &options, stop)
        }
        FileSignature::Playlist => Err(OpenError::Playlist { path: owned() }),
        FileSignature::Other => Err(OpenError::NoContainer { path: owned() }),
    }
}

fn open_stored(
    path: &Path,
    name: String,
    origin: Origin,
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let format = options.format.as_ref();
    // FFmpeg would take `day1:2.mp4` for an address with the scheme `day1`.
    let mut url = OsString::from("file:");
    url.push(absolute(path).unwrap_or_else(|_| path.to_owned()));
    let request = VideoRequest {
        url: &url,
        pipe: None,
        format: format.map(StreamFormat::demuxer),
        options: allowed::options(origin, format),
        timeout: None,
        pixels: options.pixels,
        stop,
    };
    let layout = inspect(path, &name);
    let cut_off = layout.missing_bytes > 0;
    let (reader, video) = video::open(request).map_err(|error| match error {
        VideoError::Open(_) => not_a_video(path),
        VideoError::NoVideo | VideoError::NoDecoder(_) if cut_off => not_a_video(path),
        VideoError::NoFrame if is_animated_webp(path) => OpenError::AnimatedWebP {
            path: path.display().to_string(),
        },
        other => open_error(other, name.clone()),
    })?;
    let indexed = video.frames.indexed.filter(|_| !layout.is_fragmented);
    let kind = SourceBehaviour::Stored {
        exact: indexed.is_some(),
        cut_off,
    };
    let total_frames = match cut_off {
        // The index may be cut off as well.
        true if layout.has_length => indexed
            .max(video.frames.announced)
            .max(video.frames.estimated),
        // What is known comes of the frames that are there.
        true => None,
        false => indexed.or(video.frames.estimated),
    };
    Ok(opened(reader, video, name, kind, total_frames))
}

/// Opens what another program writes. It waits for its reader, and the writer waits with it.
fn open_pipe(
    path: &str,
    pipe: File,
    name: String,
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let format = options.format.as_ref();
    let request = VideoRequest {
        url: OsStr::new(""),
        pipe: Some(pipe),
        format: format.map(StreamFormat::demuxer),
        options: allowed::options(Origin::User, format),
        timeout: None,
        pixels: options.pixels,
        stop,
    };
    let (reader, mut video) = video::open(request).map_err(|error| match error {
        VideoError::Open(reason) => OpenError::Pipe {
            path: path.to_owned(),
            reason,
        },
        other => open_error(other, name.clone()),
    })?;
    if matches!(format, Some(StreamFormat::Raw(_))) {
        // Bare frames have no rate.
        video.fps = None;
    }
    Ok(opened(reader, video, name, SourceBehaviour::Pipe, None))
}

fn not_a_video(path: &Path) -> OpenError {
    OpenError::NotAVideo {
        path: path.display().to_string(),
        bytes: fs::metadata(path).map_or(0, |m| m.len()),
    }
}

/// The format of a file. A pipe cannot be read twice, so its bytes are left to FFmpeg.
fn signature_of(path: &Path) -> Result<FileSignature, OpenError> {
    let look = || match fs::metadata(path)?.is_file() {
        true => signature::read_signature(&mut File::open(path)?),
        false => Ok(FileSignature::Other),
    };
    look().map_err(|source| OpenError::Unreadable {
        path: path.display().to_string(),
        source,
    })
}

/// The errors that the file system reports; FFmpeg only reports that the file did not open.
fn check_file(path: &Path) -> Result<(), OpenError> {
    let owned = || path.display().to_string();
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: owned() });
        }
        other => other,
    };
    let unreadable = |source| OpenError::Unreadable {
        path: owned(),
        source,
    };
    let metadata = metadata.map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(OpenError::Folder { path: owned() });
    }
    if metadata.is_file() {
        File::open(path).map_err(unreadable)?;
        if metadata.len() == 0 {
            return Err(OpenError::Empty { path: owned() });
        }
    }
    Ok(())
}

/// The layout of a file, and whether bytes are missing at its end.
fn inspect(path: &Path, name: &str) -> ContainerLayout {
    let layout = File::open(path).and_then(|mut file| container::inspect(&mut file));
    let layout = layout.unwrap_or_default();
    if layout.missing_bytes > 0 {
        tracing::warn!(source = %name, missing_bytes = layout.missing_bytes,
            "the file is shorter than its container announces: it is truncated");
    }
    layout
}

/// FFmpeg 5 to 7 read WebP pictures, but no animations.
fn is_animated_webp(path: &Path) -> bool {
    const ANIMATION: u8 = 0b10;
    let look = || {
        let mut file = File::open(path)?;
        io::Result::Ok((
            container::read_at(&mut file, 0)?,
            container::read_at(&mut file, 16)?,
        ))
    };
    look().is_ok_and(|(head, next)| head[8..] == *b"WEBPVP8X" && next[4] & ANIMATION != 0)
}
