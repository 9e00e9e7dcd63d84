//! Addresses, which are opened again when their sender or the network was gone.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::allowed::{self, Origin};
use super::reader::{
    FrameReader, Grab, OpenedReader, ReadFault, SourceBehaviour, without_password,
};
use super::stop::StopSignal;
use super::video::{self, FrameCount, VideoError, VideoReader, VideoRequest};
use super::video_source::{open_error, opened};
use super::{FrameContent, OpenError, PixelForm, SourceOptions};

/// How long an address may take to deliver its first bytes, and later the next ones.
const URL_TIMEOUT: Duration = Duration::from_secs(10);

/// Between the first two attempts; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Between two attempts at most.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// Opens an address.
pub(super) fn open(
    url: &str,
    name: String,
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let request = NetworkRequest {
        silence: URL_TIMEOUT,
        reconnect: options.reconnect_timeout,
        pixels: options.pixels,
    };
    open_url(url, name, request, stop)
}

fn open_url(
    url: &str,
    name: String,
    request: NetworkRequest,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let first = request_url(url, request.silence, request.pixels, stop);
    let (reader, video) = first.map_err(|error| match error {
        VideoError::Open(_) => OpenError::Url {
            url: without_password(url),
            timeout_s: request.silence.as_secs(),
        },
        VideoError::NoProtocol => OpenError::NoProtocol {
            scheme: allowed::scheme(url).unwrap_or(url).to_owned(),
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
            // Fewer frames than its index has: its server has not sent all of it.
            cut_off: indexed.is_some(),
        },
        None => SourceBehaviour::Stream,
    };
    let (url, again) = (url.to_owned(), Arc::clone(stop));
    let reader = NetworkReader {
        reader,
        reopen: Box::new(move |left| {
            let opened = request_url(&url, request.silence.min(left), request.pixels, &again);
            opened.map(|(reader, _)| reader)
        }),
        name: name.clone(),
        timeout: request.reconnect,
        stop: Arc::clone(stop),
        position: total_frames.map(|_| 0),
    };
    Ok(opened(reader, video, name, kind, total_frames))
}

/// How an address is opened, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
struct NetworkRequest {
    /// For its next bytes.
    silence: Duration,
    /// For its return, once it was there.
    reconnect: Duration,
    /// How frames are delivered.
    pixels: PixelForm,
}

fn request_url(
    url: &str,
    timeout: Duration,
    pixels: PixelForm,
    stop: &Arc<StopSignal>,
) -> Result<(VideoReader, video::VideoInfo), VideoError> {
    video::open(VideoRequest {
        url: OsStr::new(url),
        pipe: None,
        format: None,
        options: allowed::options(Origin::Address(url), None),
        timeout: Some(timeout),
        pixels,
        stop,
    })
}

/// Opens the stream again, within this time.
type Reopen = Box<dyn Fn(Duration) -> Result<VideoReader, VideoError>>;

/// The end of a stream is a lost connection until the opposite is known: servers end both alike. A file that
/// breaks off goes on where it was.
struct NetworkReader {
    reader: VideoReader,
    reopen: Reopen,
    name: String,
    /// How long a lost sender is looked for; zero: its end is the end.
    timeout: Duration,
    stop: Arc<StopSignal>,
    /// Numbers of frames that are read, of a file.
    position: Option<u64>,
}

impl NetworkReader {
    fn reconnect(&mut self) -> Result<Grab, ReadFault> {
        tracing::warn!(source = %self.name, timeout_s = self.timeout.as_secs_f64(),
            "the connection to the source was lost: looking for it");
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadFault::Silent);
            }
            match (self.reopen)(left) {
                Ok(reader) => {
                    self.reader = reader;
                    let next = self.resume();
                    if !self.is_lost(&next) {
                        tracing::info!(source = %self.name, "the source is there again");
                        return next;
                    }
                }
                Err(error) => tracing::debug!(?error, source = %self.name, "not there yet"),
            }
            if self.stop.wait_until((Instant::now() + pause).min(deadline)) {
                return Ok(Grab::End);
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// The next frame after those of a file that were read before.
    fn resume(&mut self) -> Result<Grab, ReadFault> {
        let position = self.position.unwrap_or(0);
        let mut passed = 0;
        while passed < position {
            match numbers(&self.reader.grab()?) {
                0 => return Ok(Grab::End),
                more => passed += more,
            }
        }
        self.reader.grab()
    }

    fn is_lost(&self, grab: &Result<Grab, ReadFault>) -> bool {
        match grab {
            Ok(Grab::End) => self.position.is_none(),
            Err(ReadFault::Broken(_) | ReadFault::Silent) => true,
            _ => false,
        }
    }
}

/// How many numbers of frames it takes.
fn numbers(grab: &Grab) -> u64 {
    match grab {
        Grab::Frame(frame) => frame.absent + 1,
        Grab::Lost(frames) => *frames,
        Grab::End => 0,
    }
}

impl FrameReader for NetworkReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        let mut grab = self.reader.grab();
        if self.is_lost(&grab) && !self.timeout.is_zero() && !self.stop.is_set() {
            grab = self.reconnect();
        }
        if let (Some(position), Ok(grab)) = (&mut self.position, &grab) {
            *position += numbers(grab);
        }
        grab
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        self.reader.retrieve()
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
