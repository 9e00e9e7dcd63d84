//! The table of moments: which frames of several cameras belong together, one moment a row.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::csv::{name, refused};
use crate::error::{CreateError, OutputError, WriteError};
use crate::lines::{LineTarget, LineWriter};
use crate::new_file::{CreatedFile, create};
use crate::thread::FLUSH_BY;

/// Rows that wait for a slow disk.
const ROW_QUEUE_LEN: usize = 4096;

/// A moment with its frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MomentRow {
    moment: u64,
    /// When the first and the last of its frames were captured, microseconds since 1970.
    captured_us: Option<(u64, u64)>,
    /// The frame of each camera: its number, and its index in the recording.
    frames: Vec<Option<(u64, Option<u64>)>>,
}

impl MomentRow {
    /// A moment without any frame of these cameras, so many.
    pub fn new(moment: u64, cameras: usize) -> Self {
        Self {
            moment,
            captured_us: None,
            frames: vec![None; cameras],
        }
    }

    /// Adds a camera's frame: its number, when it was captured, and its index in the recording.
    pub fn add(
        &mut self,
        camera: usize,
        frame_id: u64,
        captured_us: Option<u64>,
        recorded: Option<u64>,
    ) {
        if let Some(frame) = self.frames.get_mut(camera) {
            *frame = Some((frame_id, recorded));
        }
        if let Some(us) = captured_us {
            let (first, last) = self.captured_us.unwrap_or((us, us));
            self.captured_us = Some((first.min(us), last.max(us)));
        }
    }

    /// Whether it has a frame of each camera.
    pub fn is_whole(&self) -> bool {
        self.frames.iter().all(Option::is_some)
    }

    fn cells(&self, columns: &MomentColumns) -> Vec<String> {
        let text = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
        let mut cells = vec![self.moment.to_string()];
        cells.push(text(self.captured_us.map(|(first, _)| first)));
        cells.push(text(self.captured_us.map(|(first, last)| last - first)));
        cells.extend(self.frames.iter().map(|frame| text(frame.map(|it| it.0))));
        if columns.are_recorded {
            let recorded = |frame: &Option<(u64, Option<u64>)>| text(frame.and_then(|it| it.1));
            cells.extend(self.frames.iter().map(recorded));
        }
        cells
    }
}

/// The columns of a table of moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MomentColumns {
    /// The cameras' names.
    pub cameras: Vec<String>,
    /// There are recordings, whose pictures are counted in columns of their own.
    pub are_recorded: bool,
}

impl MomentColumns {
    fn names(&self) -> Vec<String> {
        let mut names = ["moment", "captured_us", "spread_us"]
            .map(str::to_owned)
            .to_vec();
        names.extend(self.cameras.iter().map(|camera| name(camera)));
        if self.are_recorded {
            names.extend(
                self.cameras
                    .iter()
                    .map(|camera| name(&format!("{camera}.video"))),
            );
        }
        names
    }
}

/// A CSV file of moments, with its own thread.
#[derive(Debug)]
pub struct MomentsOutput {
    name: String,
    made: CreatedFile,
    rows: Option<SyncSender<MomentRow>>,
    thread: Option<JoinHandle<Result<u64, WriteError>>>,
}

impl MomentsOutput {
    /// Creates the file with its columns. One that is there is an error unless `overwrite` is set.
    ///
    /// # Errors
    /// It cannot be created, or is there already.
    pub fn create(
        path: &Path,
        overwrite: bool,
        columns: MomentColumns,
    ) -> Result<Self, CreateError> {
        let (file, made) = create(path, overwrite)?;
        let (rows, queue) = sync_channel(ROW_QUEUE_LEN);
        let begun = MomentsWriter::begin(LineWriter::new(LineTarget::File(file)), columns);
        let started = begun.map_err(|error| error.to_string()).and_then(|writer| {
            let thread = std::thread::Builder::new().name("moments".into());
            let thread = thread.spawn(move || writer.run(&queue));
            thread.map_err(|error| error.to_string())
        });
        match started {
            Ok(thread) => Ok(Self {
                name: path.display().to_string(),
                made,
                rows: Some(rows),
                thread: Some(thread),
            }),
            Err(reason) => {
                made.remove();
                let path = path.to_owned();
                Err(CreateError::Refused { path, reason })
            }
        }
    }

    /// Takes a row, or returns it where a slow disk has no room for it now.
    ///
    /// # Errors
    /// The row itself.
    pub fn offer(&self, row: MomentRow) -> Result<(), MomentRow> {
        match self.rows.as_ref().map(|rows| rows.try_send(row)) {
            Some(Err(TrySendError::Full(row))) => Err(row),
            // The thread has ended; `finish` has the reason.
            Some(Ok(()) | Err(TrySendError::Disconnected(_))) | None => Ok(()),
        }
    }

    /// Takes a row, and waits for room.
    pub fn write(&self, row: MomentRow) {
        if let Some(rows) = &self.rows {
            // Where the thread has ended, `finish` has the reason.
            let _ = rows.send(row);
        }
    }

    /// Removes the file that was made for it.
    pub fn discard(mut self) {
        self.join();
        self.made.remove();
    }

    /// The file, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes everything. How many rows the file has; one without any is removed.
    ///
    /// # Errors
    /// It could not be written.
    pub fn finish(mut self) -> Result<u64, OutputError> {
        let name = std::mem::take(&mut self.name);
        match self.join() {
            Some(Ok(rows)) => {
                if rows == 0 {
                    self.made.remove_empty();
                }
                Ok(rows)
            }
            Some(Err(error)) => {
                let error = Arc::new(error);
                Err(OutputError::Failed { name, error })
            }
            None => Ok(0),
        }
    }

    fn join(&mut self) -> Option<Result<u64, WriteError>> {
        self.rows = None;
        let joined = self.thread.take()?.join();
        let lost = |_| Err(WriteError::Io(std::io::Error::other("its thread panicked")));
        Some(joined.unwrap_or_else(lost))
    }
}

struct MomentsWriter {
    csv: ::csv::Writer<LineWriter>,
    columns: MomentColumns,
    written: u64,
}

impl MomentsWriter {
    fn begin(lines: LineWriter, columns: MomentColumns) -> Result<Self, WriteError> {
        let mut builder = ::csv::WriterBuilder::new();
        let mut csv = builder.comment(Some(b';')).from_writer(lines);
        csv.write_record(columns.names()).map_err(refused)?;
        csv.flush()?;
        Ok(Self {
            csv,
            columns,
            written: 0,
        })
    }

    /// Writes rows until there are no more. How many.
    fn run(mut self, queue: &Receiver<MomentRow>) -> Result<u64, WriteError> {
        loop {
            match queue.recv_timeout(FLUSH_BY) {
                Ok(row) => {
                    self.row(&row)?;
                    while let Ok(row) = queue.try_recv() {
                        self.row(&row)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.csv.flush()?;
                    return Ok(self.written);
                }
            }
            self.csv.flush()?;
        }
    }

    fn row(&mut self, row: &MomentRow) -> Result<(), WriteError> {
        let cells = row.cells(&self.columns);
        self.csv.write_record(cells).map_err(refused)?;
        self.written += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(are_recorded: bool) -> MomentColumns {
        MomentColumns {
            cameras: vec!["back".to_owned(), "side".to_owned()],
            are_recorded,
        }
    }

    #[test]
    fn a_moment_is_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rig-moments.csv");
        let table = MomentsOutput::create(&path, false, columns(true)).unwrap();
        let mut row = MomentRow::new(4, 2);
        row.add(1, 7, Some(1_002_500), Some(6));
        assert!(!row.is_whole());
        row.add(0, 5, Some(1_000_000), None);
        assert!(row.is_whole());
        table.write(row);
        let mut alone = MomentRow::new(5, 2);
        alone.add(0, 6, None, None);
        table.offer(alone).unwrap();
        assert_eq!(table.finish().unwrap(), 2);
        let expected = "moment,captured_us,spread_us,back,side,back.video,side.video\n\
                        4,1000000,2500,5,7,,6\n5,,,6,,,\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        let error = MomentsOutput::create(&path, false, columns(true)).unwrap_err();
        assert!(matches!(error, CreateError::Exists(_)), "{error}");
    }

    #[test]
    fn a_table_without_rows_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let table = MomentsOutput::create(&path, false, columns(false)).unwrap();
        assert_eq!(table.finish().unwrap(), 0);
        assert!(!path.exists());
        let table = MomentsOutput::create(&path, false, columns(false)).unwrap();
        table.discard();
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let table = MomentsOutput::create(Path::new("/dev/full"), true, columns(false));
        let error = table.unwrap_err().to_string();
        assert!(error.contains("No space left"), "{error}");
    }
}
