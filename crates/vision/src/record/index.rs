//! Which frame each picture of a video is.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::CaptureClock;

/// Rows older than this were passed to the operating system.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// `VIDEO.frames.csv`: one row a picture, `video_frame,frame_id,captured_us,clock`.
pub(super) struct FrameIndex {
    file: File,
    /// Whole rows that are not written yet.
    rows: String,
    flushed: Instant,
}

/// The index of a video.
pub(super) fn path(video: &Path) -> PathBuf {
    let mut name = video.as_os_str().to_owned();
    name.push(".frames.csv");
    name.into()
}

impl FrameIndex {
    /// Begins it in an empty file.
    pub(super) fn begin(file: File) -> io::Result<Self> {
        let mut index = Self {
            file,
            rows: "video_frame,frame_id,captured_us,clock\n".into(),
            flushed: Instant::now(),
        };
        index.flush()?;
        Ok(index)
    }

    pub(super) fn push(
        &mut self,
        picture: u64,
        frame_id: u64,
        at: SystemTime,
        clock: CaptureClock,
    ) -> io::Result<()> {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let row = format!("{picture},{frame_id},{},{clock}\n", at.as_micros());
        self.rows.push_str(&row);
        match self.flushed.elapsed() >= FLUSH_EVERY {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(self.rows.as_bytes())?;
        self.rows.clear();
        self.flushed = Instant::now();
        Ok(())
    }
}
