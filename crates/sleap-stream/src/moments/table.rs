//! The table of moments: which frames of the cameras have poses, moment by moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use labels::{MomentRow, MomentsOutput, OutputError};

use super::stamp::MomentNumber;

/// Moments that a row stays behind the results of the slowest camera: frames that come late join it.
const LAG: u64 = 32;

/// Rows that wait for a camera at most; with more the oldest are written as they are.
const MAX_ROWS: usize = 65_536;

/// How many moments there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MomentCounts {
    /// Those of which a frame has poses.
    pub(crate) all: u64,
    /// Those of which each camera has a frame with poses.
    pub(crate) complete: u64,
}

/// The table of moments of a run, which its cameras share.
#[derive(Debug)]
pub(crate) struct MomentTable(Mutex<TableState>);

#[derive(Debug)]
struct TableState {
    rows: BTreeMap<MomentNumber, MomentRow>,
    cameras: Vec<TableCamera>,
    counts: MomentCounts,
    /// The file; `None` where none is written.
    output: Option<MomentsOutput>,
    /// Rows that a slow disk has left no room for.
    lost: usize,
}

/// What a table has come to.
#[derive(Debug)]
pub(crate) struct FinishedTable {
    pub(crate) counts: MomentCounts,
    /// The file that was written, and how many rows it has.
    pub(crate) file: Option<(String, u64)>,
    /// What went wrong with it.
    pub(crate) wrong: Option<OutputError>,
}

/// How far a camera is.
#[derive(Debug, Clone, Copy, Default)]
struct TableCamera {
    furthest: Option<MomentNumber>,
    has_ended: bool,
}

/// A frame with poses, as the table has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TableFrame {
    /// Its number.
    pub(crate) frame_id: u64,
    /// When it was captured, microseconds since 1970; `None` where that is not known.
    pub(crate) captured_us: Option<u64>,
    /// Its index in the recording, where there is one that has it.
    pub(crate) recorded: Option<u64>,
}

impl MomentTable {
    /// For so many cameras, written to a file if there is one.
    pub(crate) fn new(cameras: usize, output: Option<MomentsOutput>) -> Self {
        Self(Mutex::new(TableState {
            rows: BTreeMap::new(),
            cameras: vec![TableCamera::default(); cameras],
            counts: MomentCounts::default(),
            output,
            lost: 0,
        }))
    }

    /// The poses of a camera's frame are here.
    pub(crate) fn delivered(&self, camera: usize, moment: MomentNumber, frame: TableFrame) {
        let mut state = self.lock();
        let cameras = state.cameras.len();
        let row = state.rows.entry(moment);
        let row = row.or_insert_with(|| MomentRow::new(moment, cameras));
        row.add(camera, frame.frame_id, frame.captured_us, frame.recorded);
        let furthest = &mut state.cameras[camera].furthest;
        *furthest = (*furthest).max(Some(moment));
        state.write();
    }

    /// A camera delivers no more.
    pub(crate) fn ended(&self, camera: usize) {
        let mut state = self.lock();
        state.cameras[camera].has_ended = true;
        state.write();
    }

    /// Writes all rows.
    pub(crate) fn finish(&self) -> FinishedTable {
        let mut state = self.lock();
        while state.write_first(true) {}
        let (counts, lost) = (state.counts, state.lost);
        let Some(output) = state.output.take() else {
            let (file, wrong) = (None, None);
            return FinishedTable {
                counts,
                file,
                wrong,
            };
        };
        let name = output.name().to_owned();
        let (file, wrong) = match output.finish() {
            Ok(0) => (None, None),
            Ok(rows) => (Some((name.clone(), rows)), None),
            Err(error) => (None, Some(error)),
        };
        let records = lost;
        let stuck = (lost > 0).then_some(OutputError::Stuck { name, records });
        FinishedTable {
            counts,
            file,
            wrong: wrong.or(stuck),
        }
    }

    // No method panics between two changes: behind a poisoned lock the state is consistent.
    fn lock(&self) -> MutexGuard<'_, TableState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TableState {
    /// Writes the rows that no camera adds to any more.
    fn write(&mut self) {
        let running = self.cameras.iter().filter(|camera| !camera.has_ended);
        // A camera that has delivered nothing may still do.
        let slowest = running
            .map(|camera| camera.furthest.unwrap_or_default())
            .min();
        let is_complete = |moment: MomentNumber| slowest.is_none_or(|it| it > moment + LAG);
        while let Some((moment, _)) = self.rows.first_key_value() {
            let is_written = is_complete(*moment) || self.rows.len() > MAX_ROWS;
            if !is_written || !self.write_first(false) {
                return;
            }
        }
    }

    /// Writes the first row. False where there is none, or the file takes none now. `waits`: until it does.
    fn write_first(&mut self, waits: bool) -> bool {
        let Some((moment, row)) = self.rows.pop_first() else {
            return false;
        };
        let is_whole = row.is_whole();
        let refused = match &self.output {
            Some(output) if waits => {
                output.write(row);
                None
            }
            Some(output) => output.offer(row).err(),
            None => None,
        };
        match refused {
            Some(row) if self.rows.len() < MAX_ROWS => {
                self.rows.insert(moment, row);
                return false;
            }
            Some(_) => self.lost += 1,
            None => {}
        }
        self.counts.all += 1;
        self.counts.complete += u64::from(is_whole);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame_id: u64) -> TableFrame {
        TableFrame {
            frame_id,
            ..TableFrame::default()
        }
    }

    #[test]
    fn moments_are_counted_once_whichever_camera_is_ahead() {
        let table = MomentTable::new(2, None);
        (0..1000).for_each(|moment| table.delivered(0, moment, frame(moment)));
        assert_eq!(table.lock().counts, MomentCounts::default());
        let there = (0..1000).filter(|moment| moment % 4 != 0);
        there.for_each(|moment| table.delivered(1, moment, frame(moment + 9)));
        let written = table.lock().counts.all;
        assert_eq!(written, 999 - LAG);
        let finished = table.finish();
        let (all, complete) = (1000, 750);
        assert_eq!(finished.counts, MomentCounts { all, complete });
        assert!(finished.file.is_none() && finished.wrong.is_none());
    }

    #[test]
    fn a_camera_that_has_ended_is_not_waited_for_and_rows_are_bounded() {
        let table = MomentTable::new(2, None);
        table.delivered(1, 0, frame(0));
        let moments = MAX_ROWS as u64 + 500;
        (0..moments).for_each(|moment| table.delivered(0, moment, frame(moment)));
        assert_eq!(table.lock().rows.len(), MAX_ROWS);
        table.ended(1);
        assert_eq!(table.lock().rows.len(), 1 + LAG as usize);
        let counts = table.finish().counts;
        assert_eq!(
            counts,
            MomentCounts {
                all: moments,
                complete: 1
            }
        );
    }
}
