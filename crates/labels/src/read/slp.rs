//! SLEAP's labels, as this crate and sleap-io lay them out.

use std::ops::Range;
use std::path::Path;

use atomic_file::open_regular;
use hdf5_pure::{AttrValue, Dataset, File};
use protocol::Prediction;
use serde_json::Value;

use super::{Problem, RecordedFrame};

/// Frames that are read at once, and instances of a frame and points of an instance at most.
const FRAMES_AT_ONCE: u64 = 256;
const MAX_INSTANCES: u64 = 10_000;
const MAX_POINTS: u64 = 10_000;
/// Tracks of a file at most.
const MAX_TRACKS: u64 = 100_000;

/// Bytes of a row.
const FRAME_BYTES: u64 = 36;
const INSTANCE_BYTES: u64 = 57;
const POINT_BYTES: u64 = 26;
const TIME_BYTES: u64 = 25;

pub(super) struct SlpReader {
    frames: Rows,
    instances: Rows,
    points: Rows,
    /// When frames were captured; other programs' files have none.
    times: Option<Rows>,
    tracks: Vec<String>,
    nodes: Vec<String>,
    /// Row of the next frame.
    next: u64,
    /// Rows of frames that were read, and the first of them.
    chunk: (u64, Vec<u8>),
}

/// A dataset of rows of a fixed size.
struct Rows {
    dataset: Dataset,
    name: &'static str,
    bytes: u64,
    count: u64,
}

impl Rows {
    fn open(file: &File, name: &'static str, bytes: u64) -> Result<Self, Problem> {
        let dataset = file.dataset(name)?;
        let count = dataset.shape()?.first().copied().unwrap_or_default();
        Ok(Self {
            dataset,
            name,
            bytes,
            count,
        })
    }

    /// Some rows.
    fn read(&self, rows: Range<u64>) -> Result<Vec<u8>, Problem> {
        let count = rows.end.saturating_sub(rows.start);
        if rows.end > self.count {
            return Err(Problem::Content(format!(
                "{} has {} rows, and others refer to row {}",
                self.name,
                self.count,
                rows.end - 1
            )));
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let raw = self.dataset.read_raw_rows(rows.start, count)?;
        match raw.len() as u64 == count * self.bytes {
            true => Ok(raw),
            false => Err(Problem::Content(format!(
                "{} has rows of {} bytes, where {} are known: save the file with sleap-io or SLEAP 1.4",
                self.name,
                raw.len() as u64 / count,
                self.bytes
            ))),
        }
    }
}

impl SlpReader {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        // The library's own error does not say that there is no such file, and it would wait for a pipe.
        drop(open_regular(path)?);
        let file = File::open_streaming(path)?;
        let tracks = file.dataset("tracks_json")?;
        let count = tracks.shape()?.first().copied().unwrap_or_default();
        let tracks = match count.min(MAX_TRACKS) {
            0 => Vec::new(),
            count => tracks.read_string_rows(0, count)?,
        };
        Ok(Self {
            frames: Rows::open(&file, "frames", FRAME_BYTES)?,
            instances: Rows::open(&file, "instances", INSTANCE_BYTES)?,
            points: Rows::open(&file, "pred_points", POINT_BYTES)?,
            times: Rows::open(&file, "frame_times", TIME_BYTES).ok(),
            tracks: tracks.iter().map(|text| track(text)).collect(),
            nodes: nodes(&file)?,
            next: 0,
            chunk: (0, Vec::new()),
        })
    }

    pub(super) fn nodes(&self) -> &[String] {
        &self.nodes
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<RecordedFrame>, Problem> {
        if self.next >= self.frames.count {
            return Ok(None);
        }
        let row = self.next;
        self.next += 1;
        let ends = self.chunk.0 + self.chunk.1.len() as u64 / FRAME_BYTES;
        if !(self.chunk.0..ends).contains(&row) {
            let end = (row + FRAMES_AT_ONCE).min(self.frames.count);
            self.chunk = (row, self.frames.read(row..end)?);
        }
        let at = ((row - self.chunk.0) * FRAME_BYTES) as usize;
        let frame = &self.chunk.1[at..at + FRAME_BYTES as usize];
        let (mut frame_id, range) = (u64_at(frame, 12), u64_at(frame, 20)..u64_at(frame, 28));
        let mut captured_us = None;
        if let Some(times) = self.times.as_ref().filter(|times| row < times.count) {
            let time = times.read(row..row + 1)?;
            frame_id = u64_at(&time, 0);
            captured_us = Some(u64_at(&time, 8)).filter(|us| *us > 0);
        }
        let mut prediction = Prediction {
            frame_id,
            ..Prediction::default()
        };
        self.instances_of(range, &mut prediction)?;
        Ok(Some(RecordedFrame {
            prediction,
            captured_us,
            ..RecordedFrame::default()
        }))
    }

    fn instances_of(&self, range: Range<u64>, prediction: &mut Prediction) -> Result<(), Problem> {
        limited(&range, MAX_INSTANCES, "instances")?;
        let rows = self.instances.read(range)?;
        for row in rows.chunks_exact(INSTANCE_BYTES as usize) {
            // Labels by hand have their points elsewhere, and are no predictions.
            if row[8] != 1 {
                continue;
            }
            let range = u64_at(row, 37)..u64_at(row, 45);
            limited(&range, MAX_POINTS, "points")?;
            let points = self.points.read(range)?;
            let points = points.chunks_exact(POINT_BYTES as usize);
            prediction.instances.push(points.map(point).collect());
            let track = i32::from_le_bytes([row[21], row[22], row[23], row[24]]);
            let track = usize::try_from(track).ok();
            let name = track.and_then(|track| self.tracks.get(track));
            prediction.tracks.push(name.cloned());
        }
        if prediction.tracks.iter().all(Option::is_none) {
            prediction.tracks.clear();
        }
        Ok(())
    }
}

fn limited(range: &Range<u64>, limit: u64, what: &str) -> Result<(), Problem> {
    match range.end.checked_sub(range.start) {
        Some(count) if count <= limit => Ok(()),
        _ => Err(Problem::Content(format!(
            "{what} from {} to {} belong together, which cannot be",
            range.start, range.end
        ))),
    }
}

/// x and y of a point that is visible.
fn point(row: &[u8]) -> Option<[f32; 2]> {
    let xy = [0, 8].map(|at| f64::from_bits(u64_at(row, at)) as f32);
    (row[16] != 0 && xy.iter().all(|value| value.is_finite())).then_some(xy)
}

fn u64_at(row: &[u8], at: usize) -> u64 {
    let bytes = row.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

/// The name in `[0,"name"]`.
fn track(text: &str) -> String {
    let text = text.trim_end_matches(['\0', ' ']);
    let value: Option<Value> = serde_json::from_str(text).ok();
    let name = value.as_ref().and_then(|value| value.get(1)?.as_str());
    name.unwrap_or(text).to_owned()
}

/// The names of the skeleton's nodes, in the order of points.
fn nodes(file: &File) -> Result<Vec<String>, Problem> {
    let attributes = file.group("metadata")?.attrs()?;
    let text = match attributes.get("json") {
        Some(AttrValue::String(text)) => text.as_str(),
        _ => return Err(Problem::Content("/metadata has no json".to_owned())),
    };
    let wrong = || Problem::Content("its skeleton cannot be read".to_owned());
    let metadata: Value = serde_json::from_str(text.trim_end_matches('\0')).map_err(|_| wrong())?;
    let name = |node: &Value| {
        let id = usize::try_from(node["id"].as_u64()?).ok()?;
        Some(metadata["nodes"].get(id)?["name"].as_str()?.to_owned())
    };
    let nodes = metadata["skeletons"][0]["nodes"].as_array();
    let nodes = nodes.ok_or_else(wrong)?;
    let names: Option<Vec<String>> = nodes.iter().map(name).collect();
    names.ok_or_else(wrong)
}
