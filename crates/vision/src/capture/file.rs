//! Video files of this machine, and addresses.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use super::allowed::{self, Origin};
use super::container;
use super::reader::{OpenedReader, ReadFault, SourceBehaviour, display_name, without_password};
use super::signature::{self, FileSignature};
use super::stop::StopSignal;
use super::video::{self, FrameCount, VideoError, VideoRequest};
use super::{OpenError, Source, SourceInfo, SourceOptions, pictures};

/// How long an address may take to deliver its first bytes, and later the next ones.
const URL_TIMEOUT: Duration = Duration::from_secs(10);

/// How a file of this machine is spelled as an address.
const LOCAL: &str = "file://";

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
        return open_url(path, name, URL_TIMEOUT, options, stop);
    }
    let path = path.strip_prefix(LOCAL).unwrap_or(path);
    if path.contains('%') && !Path::new(path).exists() {
        return pictures::open_pattern(path, name, options);
    }
    check_file(path.as_ref())?;
    if signature_of(path.as_ref())? == FileSignature::Playlist {
        let path = path.to_owned();
        return Err(OpenError::Playlist { path });
    }
    if pictures::is_tiff(path.as_ref()) {
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
    // FFmpeg would take `day1:2.mp4` for an address with the scheme `day1`.
    let mut url = OsString::from("file:");
    url.push(absolute(path).unwrap_or_else(|_| path.to_owned()));
    let request = VideoRequest {
        url: &url,
        options: allowed::options(origin),
        timeout: None,
        pixels: options.pixels,
        stop,
    };
    let (cut_off, in_parts) = inspect(path, &name);
    let (reader, video) = video::open(request).map_err(|error| match error {
        VideoError::Open(_) => not_a_video(path),
        VideoError::NoVideo | VideoError::NoDecoder(_) if cut_off => not_a_video(path),
        other => open_error(other, name.clone()),
    })?;
    let indexed = video.frames.indexed.filter(|_| !in_parts);
    let kind = SourceBehaviour::Stored {
        exact: indexed.is_some(),
        cut_off,
    };
    let total_frames = match cut_off {
        // The index may be cut off as well.
        true => indexed
            .max(video.frames.announced)
            .max(video.frames.estimated),
        false => indexed.or(video.frames.estimated),
    };
    Ok(opened(reader, video, name, kind, total_frames))
}

fn opened(
    reader: video::VideoReader,
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

fn open_error(error: VideoError, name: String) -> OpenError {
    match error {
        VideoError::NoVideo => OpenError::NoVideoTrack { name },
        VideoError::NoFrame | VideoError::Frame(ReadFault::Undecodable | ReadFault::Silent) => {
            OpenError::NoFrame { name }
        }
        VideoError::Frame(ReadFault::ImageFile { file, .. }) => OpenError::NoFrame { name: file },
        VideoError::NoDecoder(reason) => OpenError::NoDecoder { name, reason },
        VideoError::Frame(ReadFault::Image(source)) => OpenError::Image { name, source },
        VideoError::Frame(ReadFault::OpenCv(reason)) => OpenError::OpenCv { name, reason },
        VideoError::Open(reason)
        | VideoError::Frame(ReadFault::Ffmpeg(reason) | ReadFault::Broken(reason)) => {
            OpenError::Ffmpeg { name, reason }
        }
    }
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

fn open_url(
    url: &str,
    name: String,
    timeout: Duration,
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let request = VideoRequest {
        url: OsStr::new(url),
        options: allowed::options(Origin::Address(url)),
        timeout: Some(timeout),
        pixels: options.pixels,
        stop,
    };
    let (reader, video) = video::open(request).map_err(|error| match error {
        VideoError::Open(_) => OpenError::Url {
            url: without_password(url),
            timeout_s: timeout.as_secs(),
        },
        other => open_error(other, name.clone()),
    })?;
    // A file at an address has a length; a camera at one has not.
    let FrameCount {
        indexed, estimated, ..
    } = video.frames;
    let total_frames = indexed.or(estimated);
    let kind = match total_frames {
        Some(_) => SourceBehaviour::Stored {
            exact: false,
            cut_off: false,
        },
        None => SourceBehaviour::Stream,
    };
    Ok(opened(reader, video, name, kind, total_frames))
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

/// Whether bytes are missing at the end of a file, and whether it consists of parts with an index each.
fn inspect(path: &Path, name: &str) -> (bool, bool) {
    let layout = File::open(path).and_then(|mut file| container::inspect(&mut file));
    let Ok(layout) = layout else {
        return (false, false);
    };
    if layout.missing_bytes > 0 {
        tracing::warn!(source = %name, missing_bytes = layout.missing_bytes,
            "the file is shorter than its container announces: it is truncated");
    }
    (layout.missing_bytes > 0, layout.is_fragmented)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn an_address_that_takes_the_connection_and_stays_silent_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.mp4", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            // Without the timeout asked for, FFmpeg waits for as long as the connection is open.
            let patience = Some(Duration::from_secs(20));
            connection.set_read_timeout(patience).unwrap();
            connection.read_to_end(&mut Vec::new())
        });
        let result = open_url(
            &url,
            "silent".to_owned(),
            Duration::from_millis(300),
            &SourceOptions::default(),
            &Arc::default(),
        );
        assert!(matches!(result, Err(OpenError::Url { .. })));
        assert!(server.join().unwrap().is_ok(), "the connection stayed open");
    }
}
