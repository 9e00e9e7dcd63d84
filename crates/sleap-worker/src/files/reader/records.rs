//! The worker's end of the pipe.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BufMut;
use protocol::Limits;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::time::timeout;
use vision::capture::{CaptureClock, CapturedFrame, FrameContent};
use vision::{Image, ImageShapeError};

use super::VideoRefusal;
use super::wire::{FrameShape, HEADER, MAX_TEXT, OpenReply, RecordHeader, fits};

/// Why a reader's output is not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReaderWireError {
    #[error("the process that reads it ended early")]
    Ended,
    #[error("the process that reads it has come no further for {0} s")]
    Silent(u64),
    #[error("the output of the process that reads it cannot be read: {0}")]
    Io(io::Error),
    #[error("the output of the process that reads it is malformed")]
    Nonsense,
    #[error("a frame has {width}x{height} pixels and {bytes} bytes, more than are taken")]
    Size { width: u32, height: u32, bytes: u32 },
    #[error("frame {got} came where {expected} or a later one was expected")]
    Order { expected: u64, got: u64 },
    #[error("a frame makes no sense: {0}")]
    Shape(#[from] ImageShapeError),
}

/// What follows the first line.
#[derive(Debug)]
pub(super) enum ReaderEvent {
    Frame(CapturedFrame),
    /// The end, with the reason where it is not the video's.
    End(Result<(), VideoRefusal>),
}

/// Reads a reader's output; allocates no memory beyond the limits.
pub(super) struct RecordReader<R> {
    pipe: BufReader<R>,
    limits: Limits,
    /// Longest wait for each part.
    timeout_each: Duration,
    /// The next frame's id.
    next: u64,
}

impl<R: AsyncRead + Unpin> RecordReader<R> {
    pub(super) fn new(pipe: R, limits: Limits, timeout_each: Duration) -> Self {
        Self {
            pipe: BufReader::with_capacity(64 << 10, pipe),
            limits,
            timeout_each,
            next: 0,
        }
    }

    /// The first line.
    pub(super) async fn first(&mut self) -> Result<OpenReply, ReaderWireError> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            if line.len() > MAX_TEXT {
                return Err(ReaderWireError::Nonsense);
            }
            self.fill(&mut line, 1).await?;
        }
        serde_json::from_slice(&line).map_err(|_| ReaderWireError::Nonsense)
    }

    /// The next frame, or the end.
    pub(super) async fn next(&mut self) -> Result<ReaderEvent, ReaderWireError> {
        let mut header = Vec::with_capacity(HEADER);
        self.fill(&mut header, HEADER).await?;
        let header = header
            .as_slice()
            .try_into()
            .map_err(|_| ReaderWireError::Nonsense)?;
        match RecordHeader::from_bytes(header).ok_or(ReaderWireError::Nonsense)? {
            RecordHeader::Frame(shape) => self.frame(shape).await.map(ReaderEvent::Frame),
            RecordHeader::End(0) => Ok(ReaderEvent::End(Ok(()))),
            RecordHeader::End(bytes) if bytes as usize > MAX_TEXT => Err(ReaderWireError::Nonsense),
            RecordHeader::End(bytes) => {
                let mut reason = Vec::new();
                self.fill(&mut reason, bytes as usize).await?;
                let reason = String::from_utf8_lossy(&reason).into_owned();
                Ok(ReaderEvent::End(Err(VideoRefusal(reason))))
            }
        }
    }

    async fn frame(&mut self, shape: FrameShape) -> Result<CapturedFrame, ReaderWireError> {
        let FrameShape {
            channels,
            width,
            height,
            bytes,
            frame_id,
            captured_ns,
        } = shape;
        let expected = u64::from(width) * u64::from(height) * u64::from(channels);
        if !fits(&self.limits, width, height, channels) || u64::from(bytes) != expected {
            return Err(ReaderWireError::Size {
                width,
                height,
                bytes,
            });
        }
        // Frames that cannot be decoded leave gaps; none comes twice.
        if frame_id < self.next {
            return Err(ReaderWireError::Order {
                expected: self.next,
                got: frame_id,
            });
        }
        self.next = frame_id.saturating_add(1);
        let mut pixels = Vec::with_capacity(bytes as usize);
        self.fill(&mut pixels, bytes as usize).await?;
        let captured_at = UNIX_EPOCH + Duration::from_nanos(captured_ns);
        // A clock that was set meanwhile only changes the age.
        let age = SystemTime::now().duration_since(captured_at);
        let now = Instant::now();
        let captured = now.checked_sub(age.unwrap_or_default()).unwrap_or(now);
        Ok(CapturedFrame {
            frame_id,
            captured_at,
            captured,
            arrived: captured,
            clock: CaptureClock::Arrival,
            content: FrameContent::Pixels(Image::new(width, height, channels, pixels)?),
        })
    }

    /// Reads so many bytes more.
    async fn fill(&mut self, bytes: &mut Vec<u8>, more: usize) -> Result<(), ReaderWireError> {
        let end = bytes.len() + more;
        while bytes.len() < end {
            let rest = end - bytes.len();
            let mut room = (&mut *bytes).limit(rest);
            let read = timeout(self.timeout_each, self.pipe.read_buf(&mut room)).await;
            match read.map_err(|_| ReaderWireError::Silent(self.timeout_each.as_secs()))? {
                Ok(0) => return Err(ReaderWireError::Ended),
                Ok(_) => {}
                Err(error) => return Err(ReaderWireError::Io(error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::VideoInfo;
    use super::*;

    const SHAPE: FrameShape = FrameShape {
        channels: 3,
        width: 4,
        height: 2,
        bytes: 24,
        frame_id: 0,
        captured_ns: 1_700_000_000_000_001_000,
    };

    fn records(output: &[u8]) -> RecordReader<&[u8]> {
        RecordReader::new(output, Limits::default(), Duration::from_secs(60))
    }

    /// The event of this header with so many bytes after it.
    async fn next(header: [u8; HEADER], bytes: usize) -> Result<ReaderEvent, ReaderWireError> {
        let output = [&header[..], &vec![7; bytes]].concat();
        records(&output).next().await
    }

    #[tokio::test]
    async fn a_video_from_its_first_line_to_its_end() {
        let info = VideoInfo {
            width: 4,
            height: 2,
            channels: 3,
            fps: Some(30000.0 / 1001.0),
            total_frames: Some(2),
        };
        let mut output = serde_json::to_vec(&OpenReply::Video(info.clone())).unwrap();
        output.push(b'\n');
        for frame_id in 0..2 {
            output.extend(RecordHeader::Frame(FrameShape { frame_id, ..SHAPE }).to_bytes());
            output.extend([frame_id as u8; 24]);
        }
        output.extend(RecordHeader::End(4).to_bytes());
        output.extend(b"a\x1b[b");
        let mut records = records(&output);
        match records.first().await.unwrap() {
            OpenReply::Video(first) => assert_eq!(first, info),
            other => panic!("{other:?}"),
        }
        for frame_id in 0..2 {
            let ReaderEvent::Frame(frame) = records.next().await.unwrap() else {
                panic!("no frame {frame_id}");
            };
            let since = frame.captured_at.duration_since(UNIX_EPOCH).unwrap();
            assert_eq!(since.as_nanos(), u128::from(SHAPE.captured_ns));
            assert_eq!(frame.frame_id, frame_id);
            assert_eq!(frame.pixels().unwrap().data[..], [frame_id as u8; 24]);
        }
        let end = records.next().await.unwrap();
        assert!(matches!(&end, ReaderEvent::End(Err(reason)) if reason.0 == "a\u{1b}[b"));
        assert!(matches!(records.next().await, Err(ReaderWireError::Ended)));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_before_memory_is_taken_for_it() {
        let limits = Limits::default();
        let large = FrameShape {
            width: limits.max_width,
            height: limits.max_height,
            bytes: u32::MAX,
            ..SHAPE
        };
        let wide = FrameShape {
            width: limits.max_width + 1,
            height: 1,
            bytes: (limits.max_width + 1) * 3,
            ..SHAPE
        };
        let more = FrameShape { bytes: 25, ..SHAPE };
        let less = FrameShape { bytes: 0, ..SHAPE };
        for shape in [large, wide, more, less] {
            let refused = next(RecordHeader::Frame(shape).to_bytes(), 30).await;
            assert!(
                matches!(refused, Err(ReaderWireError::Size { .. })),
                "{refused:?}"
            );
        }
        let reason = RecordHeader::End(u32::MAX).to_bytes();
        assert!(matches!(
            next(reason, 30).await,
            Err(ReaderWireError::Nonsense)
        ));
        let endless = vec![b'x'; 2 * MAX_TEXT];
        let refused = records(&endless).first().await;
        assert!(
            matches!(refused, Err(ReaderWireError::Nonsense)),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused() {
        let refused = next([9; HEADER], 30).await;
        assert!(
            matches!(refused, Err(ReaderWireError::Nonsense)),
            "{refused:?}"
        );
        let mut sent = Vec::new();
        for frame_id in [0, 2, 1] {
            let shape = FrameShape { frame_id, ..SHAPE };
            sent.extend(RecordHeader::Frame(shape).to_bytes());
            sent.extend([0; 24]);
        }
        let mut in_order = records(&sent);
        for frame_id in [0, 2] {
            let event = in_order.next().await.unwrap();
            assert!(matches!(event, ReaderEvent::Frame(frame) if frame.frame_id == frame_id));
        }
        let refused = in_order.next().await;
        assert!(matches!(
            refused,
            Err(ReaderWireError::Order {
                expected: 3,
                got: 1
            })
        ));
        let two = FrameShape {
            channels: 2,
            bytes: 16,
            ..SHAPE
        };
        let refused = next(RecordHeader::Frame(two).to_bytes(), 16).await;
        assert!(
            matches!(refused, Err(ReaderWireError::Shape(_))),
            "{refused:?}"
        );
        let refused = records(b"{\"video\":{}}\n").first().await;
        assert!(
            matches!(refused, Err(ReaderWireError::Nonsense)),
            "{refused:?}"
        );
        let cut = next(RecordHeader::Frame(SHAPE).to_bytes(), 23).await;
        assert!(matches!(cut, Err(ReaderWireError::Ended)), "{cut:?}");
    }

    #[tokio::test]
    async fn a_reader_that_says_nothing_is_given_up() {
        let (_silent, pipe) = tokio::io::duplex(64);
        let timeout_each = Duration::from_millis(20);
        let mut records = RecordReader::new(pipe, Limits::default(), timeout_each);
        assert!(matches!(
            records.first().await,
            Err(ReaderWireError::Silent(_))
        ));
    }
}
