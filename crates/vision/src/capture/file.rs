//! Video files, image sequences and addresses, by OpenCV's FFmpeg backend.

use std::fs::{self, File};
use std::io;
use std::path::{Path, absolute};
use std::time::Duration;

use opencv::core::Vector;
use opencv::videoio::{
    CAP_FFMPEG, CAP_PROP_FPS, CAP_PROP_FRAME_COUNT, CAP_PROP_OPEN_TIMEOUT_MSEC,
    CAP_PROP_READ_TIMEOUT_MSEC, VideoCapture, VideoCaptureTraitConst,
};

use super::container::{self, ContainerLayout};
use super::reader::{
    CaptureReader, FrameReader, OpenedReader, ReadFault, SourceBehaviour, display_name,
    without_password,
};
use super::signature::{self, FileSignature};
use super::{FrameContent, OpenError, Source, SourceInfo, allowed, sequence, tiff};
use crate::Image;

/// How long an address may take to deliver its first bytes, and later the next ones.
const URL_TIMEOUT: Duration = Duration::from_secs(10);

/// How FFmpeg spells a file of this machine as an address.
const LOCAL: &str = "file://";

pub(super) fn open(path: &str) -> Result<OpenedReader, OpenError> {
    let name = display_name(&Source::File(path.to_owned()));
    if let Some(scheme) = allowed::scheme(path) {
        if !allowed::is_known(scheme) {
            let scheme = scheme.to_owned();
            return Err(OpenError::Scheme { scheme });
        }
        return open_url(path, name, URL_TIMEOUT);
    }
    let path = path.strip_prefix(LOCAL).unwrap_or(path);
    if path.contains('%') && !Path::new(path).exists() {
        return open_sequence(path, name);
    }
    check_file(path)?;
    if signature_of(path)? == FileSignature::Playlist {
        let path = path.to_owned();
        return Err(OpenError::Playlist { path });
    }
    if sequence::is_taken_for_pattern(path) {
        let path = path.to_owned();
        return Err(OpenError::PatternOfImage { path });
    }
    check_tiff(path)?;
    open_stored(path, name, || not_a_video(path))
}

/// Opens numbered images. There is no file whose own name this is.
fn open_sequence(path: &str, name: String) -> Result<OpenedReader, OpenError> {
    let (folder, file) = sequence::split(path);
    let owned = || path.to_owned();
    if sequence::has_pattern(folder) && !Path::new(folder).exists() {
        return Err(OpenError::PatternInFolder { path: owned() });
    }
    if !sequence::has_pattern(file) {
        return Err(OpenError::Missing { path: owned() });
    }
    if let Some(first) = sequence::first_file(path) {
        check_tiff(&first)?;
    }
    open_stored(path, name, || OpenError::NoSequence { pattern: owned() })
}

/// Refuses a TIFF file that FFmpeg would read wrongly.
pub(super) fn check_tiff(path: &str) -> Result<(), OpenError> {
    let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
    if !is_file {
        return Ok(());
    }
    let owned = || path.to_owned();
    let found = File::open(path).and_then(|mut file| tiff::problem(&mut file));
    match found {
        Ok(None) => Ok(()),
        Ok(Some(problem)) => Err(OpenError::Tiff {
            path: owned(),
            problem,
        }),
        Err(source) => Err(OpenError::Unreadable {
            path: owned(),
            source,
        }),
    }
}

/// Opens what another machine has sent.
pub(super) fn open_upload(path: &Path) -> Result<OpenedReader, OpenError> {
    let name = display_name(&Source::Upload(path.to_owned()));
    let path = &*path.to_string_lossy();
    let owned = || path.to_owned();
    if !allowed::is_for_uploads() {
        return Err(OpenError::Unlimited { path: owned() });
    }
    check_file(path)?;
    match signature_of(path)? {
        FileSignature::Video => open_stored(path, name, || not_a_video(path)),
        FileSignature::Playlist => Err(OpenError::Playlist { path: owned() }),
        FileSignature::Other => Err(OpenError::NoContainer { path: owned() }),
    }
}

/// Opens numbered images, all of which are there.
pub(super) fn open_numbered(pattern: &str, name: String) -> Result<OpenedReader, OpenError> {
    let no_frame = || OpenError::NoFrame { name: name.clone() };
    let capture = open_capture(pattern, None)
        .map_err(|error| opencv_failed(&name, error))?
        .ok_or_else(no_frame)?;
    let kind = SourceBehaviour::Stored {
        exact: true,
        cut_off: false,
    };
    finish(capture, name, kind)
}

fn open_stored(
    path: &str,
    name: String,
    failed: impl FnOnce() -> OpenError,
) -> Result<OpenedReader, OpenError> {
    // FFmpeg would take `day1:2.mp4` for an address with the scheme `day1`.
    let full = absolute(path).map_or_else(|_| path.to_owned(), |p| p.display().to_string());
    // The numbers of a sequence stand in the names of its files alone.
    let full = match Path::new(path).exists() {
        true => full,
        false => sequence::with_plain_folder(&full),
    };
    let capture = open_capture(&full, None)
        .map_err(|error| opencv_failed(&name, error))?
        .ok_or_else(failed)?;
    let shape = inspect(path, &name);
    let kind = SourceBehaviour::Stored {
        exact: shape.is_some_and(|shape| shape.counts_frames),
        cut_off: shape.is_some_and(|shape| shape.missing_bytes > 0),
    };
    finish(capture, name, kind)
}

fn not_a_video(path: &str) -> OpenError {
    let (path, bytes) = (path.to_owned(), fs::metadata(path).map_or(0, |m| m.len()));
    OpenError::NotAVideo { path, bytes }
}

/// The format of a file. A pipe cannot be read twice, so its bytes are left to FFmpeg.
fn signature_of(path: &str) -> Result<FileSignature, OpenError> {
    let look = || match fs::metadata(path)?.is_file() {
        true => signature::read_signature(&mut File::open(path)?),
        false => Ok(FileSignature::Other),
    };
    look().map_err(|source| OpenError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn open_url(url: &str, name: String, timeout: Duration) -> Result<OpenedReader, OpenError> {
    let capture = open_capture(url, Some(timeout))
        .map_err(|error| opencv_failed(&name, error))?
        .ok_or_else(|| OpenError::Url {
            url: without_password(url),
            timeout_s: timeout.as_secs(),
        })?;
    // A file at an address has a length; a camera at one has not.
    let is_file = property(&capture, CAP_PROP_FRAME_COUNT).is_some();
    let kind = if is_file {
        SourceBehaviour::Stored {
            exact: false,
            cut_off: false,
        }
    } else {
        SourceBehaviour::Stream
    };
    finish(capture, name, kind)
}

/// The errors that the file system reports; OpenCV only reports that the file did not open.
pub(super) fn check_file(path: &str) -> Result<(), OpenError> {
    let owned = || path.to_owned();
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
    File::open(path).map_err(unreadable)?;
    if metadata.is_file() && metadata.len() == 0 {
        return Err(OpenError::Empty { path: owned() });
    }
    Ok(())
}

fn open_capture(path: &str, timeout: Option<Duration>) -> opencv::Result<Option<VideoCapture>> {
    let mut params = Vector::<i32>::new();
    if let Some(timeout) = timeout {
        let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        for property in [CAP_PROP_OPEN_TIMEOUT_MSEC, CAP_PROP_READ_TIMEOUT_MSEC] {
            params.push(property);
            params.push(milliseconds);
        }
    }
    // With a given backend OpenCV does not try others, which log errors for what is no video.
    let capture = VideoCapture::from_file_with_params(path, CAP_FFMPEG, &params)?;
    Ok(capture.is_opened()?.then_some(capture))
}

fn inspect(path: &str, name: &str) -> Option<ContainerLayout> {
    let shape = container::inspect(&mut File::open(path).ok()?).ok()?;
    if shape.missing_bytes > 0 {
        tracing::warn!(source = %name, missing_bytes = shape.missing_bytes,
            "the file is shorter than its container announces: it is truncated");
    }
    Some(shape)
}

/// Reads the first frame, which alone shows the true size, and keeps it for delivery.
fn finish(
    capture: VideoCapture,
    name: String,
    kind: SourceBehaviour,
) -> Result<OpenedReader, OpenError> {
    let total_frames = property(&capture, CAP_PROP_FRAME_COUNT).map(|count| count as u64);
    let fps = property(&capture, CAP_PROP_FPS).filter(|fps| *fps <= 1000.0);
    let mut reader = FileReader {
        source: CaptureReader::new(capture),
        ahead: None,
    };
    let first = match reader.grab() {
        Ok(true) => reader.source.image(),
        Ok(false) => return Err(OpenError::NoFrame { name }),
        Err(fault) => Err(fault),
    };
    let first = match first {
        Ok(image) => image,
        Err(ReadFault::Undecodable | ReadFault::ImageFile(_)) => {
            return Err(OpenError::NoFrame { name });
        }
        Err(ReadFault::Image(source)) => return Err(OpenError::Image { name, source }),
        Err(ReadFault::OpenCv(reason)) => return Err(OpenError::OpenCv { name, reason }),
    };
    let info = SourceInfo {
        name,
        width: first.width,
        height: first.height,
        channels: first.channels,
        fps,
        total_frames,
        frames_to_send: None,
        is_live: kind.pushes(),
    };
    reader.ahead = Some(Ahead::Waiting(first));
    Ok(OpenedReader {
        reader: Box::new(reader),
        info,
        kind,
    })
}

/// A property that is known: OpenCV gives 0, negative or impossible numbers otherwise.
fn property(capture: &VideoCapture, property: i32) -> Option<f64> {
    let value = capture.get(property).ok()?;
    (value.is_finite() && value > 0.0 && value < 1.0e12).then_some(value)
}

fn opencv_failed(name: &str, error: opencv::Error) -> OpenError {
    OpenError::OpenCv {
        name: name.to_owned(),
        reason: error.message,
    }
}

struct FileReader {
    source: CaptureReader,
    /// The first frame, read while opening.
    ahead: Option<Ahead>,
}

enum Ahead {
    Waiting(Image),
    Grabbed(Image),
}

impl FrameReader for FileReader {
    fn grab(&mut self) -> Result<bool, ReadFault> {
        if let Some(Ahead::Waiting(image)) = self.ahead.take() {
            self.ahead = Some(Ahead::Grabbed(image));
            return Ok(true);
        }
        self.source.grab()
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        if let Some(Ahead::Grabbed(image)) = self.ahead.take() {
            return Ok(FrameContent::Pixels(image));
        }
        self.source.retrieve()
    }
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
            // Without the timeout asked for, OpenCV holds on to the connection for 30 s.
            let patience = Some(Duration::from_secs(20));
            connection.set_read_timeout(patience).unwrap();
            connection.read_to_end(&mut Vec::new())
        });
        let result = open_url(&url, "silent".to_owned(), Duration::from_millis(300));
        assert!(matches!(result, Err(OpenError::Url { .. })));
        assert!(server.join().unwrap().is_ok(), "the connection stayed open");
    }
}
