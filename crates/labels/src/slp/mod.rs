//! SLEAP's labels (`.slp`, HDF5), as sleap-io 0.9.5 reads and writes them.
//!
//! | dataset | row |
//! |---|---|
//! | `/frames` | one a prediction, in the order in which they came; one without instances too, as `sleap-nn predict` keeps them |
//! | `/instances` | predicted instances, with score and track |
//! | `/pred_points` | their nodes, with score; a node that was not found is NaN and not visible |
//! | `/points` | empty: there are no labels by hand |
//! | `/tracks_json`, `/videos_json` | a JSON text a row; tracks appear as they come, and have at the end the names that they were given |
//! | `/frame_times` | **not SLEAP's own**: row `i` belongs to row `i` of `/frames`: `frame_id` (u64, the stream's), `captured_us` (u64, microseconds since 1970, 0 = unknown), `latency_us` (u64, capture to pose in hand), `clock` (u8, what `captured_us` was read from: 0 unknown, 1 the camera's driver, 2 the camera, 3 arrival at the client) |
//!
//! `/metadata` has skeleton and provenance. Rows are appended in an order in which each refers to
//! rows that exist already, `/frames` last, and the length of a dataset is changed after its rows,
//! so that the file is complete at any moment; `/frame_times` may be ahead of `/frames`. Chunks are
//! small, an eighth of a second: the last chunk of a dataset is written again by each append that
//! does not end on its border, and its old space stays unused.

mod begin;
mod metadata;
mod rows;
mod table;
mod tables;

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, Error, File, FileAccessProperties, MemoryStrategy, SyncPolicy};
use protocol::Prediction;

use crate::error::{CreateError, WriteError};
use crate::header::{LabelsHeader, unnamed};
use crate::new_file::{CreatedFile, create_whole};
use crate::record::{PredictionRecord, check_nodes};
use crate::sink::RecordWriter;
use rows::{FrameRow, FrameTimeRow, InstanceRow, PointRow, Row};
use table::{DatasetLayout, RowDataset};
use tables::RowDatasets;

/// Version of the layout, as SLEAP counts.
pub const FORMAT_ID: f64 = 1.4;

/// Bytes that the attribute with skeleton and provenance may have.
pub const METADATA_LIMIT: usize = 64_000;

/// Bytes that a track's entry may have: its name as a JSON string, and `[0,]` around it.
pub const TRACK_LIMIT: usize = 256;

/// An `.slp` file that grows.
pub struct SlpWriter {
    file: File,
    header: LabelsHeader,
    /// Nodes of each instance, once they are known.
    nodes: Option<usize>,
    tracks: HashMap<String, i32>,
    /// The names that tracks were given.
    names: HashMap<String, String>,
    /// Frames of the header's video, as far as records have named them.
    video_frames: u64,
    tables: RowDatasets<RowDataset>,
    /// Scratch space for a row.
    row: Vec<u8>,
}

impl SlpWriter {
    /// Begins a file. One that is there is an error unless `overwrite` is set.
    pub fn create(path: &Path, overwrite: bool, header: LabelsHeader) -> Result<Self, CreateError> {
        Self::begin(path, overwrite, header).map(|(slp, _)| slp)
    }

    /// Begins a file, and returns also the file that was created.
    pub(crate) fn begin(
        path: &Path,
        overwrite: bool,
        header: LabelsHeader,
    ) -> Result<(Self, CreatedFile), CreateError> {
        header.check(path)?;
        let (empty, layouts) = begin::begin(path, &header)?;
        let made = create_whole(path, &empty, overwrite)?;
        match Self::open(path, header, layouts) {
            Ok(slp) => Ok((slp, made)),
            Err(error) => {
                made.remove();
                Err(begin::refused(path, &error))
            }
        }
    }

    fn open(
        path: &Path,
        header: LabelsHeader,
        layouts: RowDatasets<DatasetLayout>,
    ) -> Result<Self, Error> {
        // An append has been passed to the system when it returns; only power loss can lose it.
        let access = FileAccessProperties::new()
            .with_sync_policy(SyncPolicy::OnClose)
            .with_memory_strategy(MemoryStrategy::Bounded);
        let file = File::open_rw_with_options(path, access)?;
        let open = |layout: DatasetLayout| RowDataset::open(&file, &layout);
        Ok(Self {
            tables: layouts.try_map(open)?,
            nodes: header
                .skeleton
                .as_ref()
                .map(|skeleton| skeleton.nodes.len()),
            tracks: HashMap::new(),
            names: HashMap::new(),
            video_frames: 0,
            row: Vec::new(),
            file,
            header,
        })
    }

    /// Names the nodes from the first instance, where the header has no skeleton.
    fn name_nodes(&mut self, frame_id: u64, nodes: usize) -> Result<(), WriteError> {
        let text = metadata::metadata(&self.header, &unnamed(nodes));
        if text.len() >= METADATA_LIMIT {
            return Err(WriteError::TooManyNodes { frame_id, nodes });
        }
        let replace = || {
            let group = self.file.group("metadata")?;
            group.set_attr("json", AttrValue::String(text))?;
            self.file.commit()
        };
        replace().map_err(|error| WriteError::Hdf5(error.to_string()))?;
        self.nodes = Some(nodes);
        Ok(())
    }

    /// Rows of `/tracks_json` for all instances; new names get one.
    fn tracks(&mut self, prediction: &Prediction) -> Vec<Option<i32>> {
        let names = prediction.tracks.iter();
        let row = |name: &Option<String>| name.as_ref().map(|name| self.track(name));
        names.map(row).collect()
    }

    fn track(&mut self, name: &str) -> i32 {
        if let Some(index) = self.tracks.get(name) {
            return *index;
        }
        // 2^31 names take half a terabyte: the file is full before.
        let index = i32::try_from(self.tracks.len()).unwrap_or(i32::MAX);
        let entry = metadata::track(name);
        self.tables.tracks_json.push_padded(entry.as_bytes());
        self.tracks.insert(name.to_owned(), index);
        index
    }

    /// Puts the number of the video's frames into its entry: a live source has none at the beginning, and
    /// readers that do not open the video show it.
    fn write_video_length(&mut self) -> Result<(), Error> {
        let videos = &mut self.tables.videos_json;
        let video = self.header.video.with_frames(self.video_frames);
        let source = self.header.source.as_ref();
        let entries = [Some(&video), source.filter(|_| videos.rows() > 1)];
        let rows = entries
            .into_iter()
            .flatten()
            .flat_map(|entry| table::padded(metadata::video(entry).as_bytes(), videos.row_bytes()));
        let rows = rows.collect();
        videos.replace(rows)?;
        self.file.commit()
    }

    /// Notes the names of the tracks in a record. A name that a track lost, or that another one has by
    /// now, is not its name any more.
    fn take_names(&mut self, record: &PredictionRecord) {
        for (index, track) in record.prediction.tracks.iter().enumerate() {
            let Some(track) = track else { continue };
            let name = record.derived.names.get(index).and_then(Option::as_ref);
            if self.names.get(track) == name {
                continue;
            }
            self.names.remove(track);
            if let Some(name) = name {
                self.names.retain(|_, given| given != name);
                self.names.insert(track.clone(), name.clone());
            }
        }
    }

    /// Puts the names that tracks were given in place of their own.
    fn write_track_names(&mut self) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        let table = &mut self.tables.tracks_json;
        let mut rows: Vec<(i32, &str)> = self
            .tracks
            .iter()
            .map(|(track, row)| (*row, self.names.get(track).unwrap_or(track).as_str()))
            .collect();
        rows.sort_unstable();
        let rows = rows.into_iter().flat_map(|(_, name)| {
            table::padded(metadata::track(name).as_bytes(), table.row_bytes())
        });
        let rows = rows.collect();
        table.replace(rows)?;
        self.file.commit()
    }

    /// Adds the source's own entry after the recording's, if it is not there yet.
    fn mention_source(&mut self) {
        if let Some(source) = &self.header.source
            && self.tables.videos_json.rows() == 1
        {
            let entry = metadata::video(source);
            self.tables.videos_json.push_padded(entry.as_bytes());
        }
    }

    fn push_instance(&mut self, prediction: &Prediction, index: usize, track: Option<i32>) {
        let confidence = prediction.confidence.get(index);
        let first_point = self.tables.pred_points.rows();
        for (node, xy) in prediction.instances[index].iter().enumerate() {
            let score = confidence.and_then(|row| row.get(node).copied().flatten());
            let point = PointRow {
                xy: xy.filter(|xy| xy.iter().all(|value| value.is_finite())),
                score: score.unwrap_or(f32::NAN),
            };
            push(&mut self.tables.pred_points, &mut self.row, &point);
        }
        let score = prediction.instance_scores.get(index).copied().flatten();
        let track_score = prediction.track_scores.get(index).copied().flatten();
        let instance = InstanceRow {
            instance_id: self.tables.instances.rows(),
            frame_id: self.tables.frames.rows(),
            track,
            score: score.unwrap_or(f32::NAN),
            tracking_score: track_score.unwrap_or(0.0),
            point_id_start: first_point,
            point_id_end: self.tables.pred_points.rows(),
        };
        push(&mut self.tables.instances, &mut self.row, &instance);
    }
}

impl RecordWriter for SlpWriter {
    fn write(&mut self, record: &PredictionRecord) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let frame_id = prediction.frame_id;
        // Everything that can be wrong with a record is found before its first row is written.
        let nodes = check_nodes(prediction, self.nodes)?;
        check_tracks(record)?;
        if let (None, Some(nodes)) = (self.nodes, nodes) {
            self.name_nodes(frame_id, nodes)?;
        }
        self.take_names(record);
        let tracks = self.tracks(prediction);
        let frame_reference = self.header.frame_reference(record);
        match frame_reference.video {
            0 => {
                let frames = frame_reference.frame_idx.saturating_add(1);
                self.video_frames = self.video_frames.max(frames);
            }
            _ => self.mention_source(),
        }
        let first_instance = self.tables.instances.rows();
        for index in 0..prediction.instances.len() {
            self.push_instance(prediction, index, tracks.get(index).copied().flatten());
        }
        let time = FrameTimeRow {
            frame_id,
            captured_us: record.captured_us.unwrap_or(0),
            latency_us: record.latency_us,
            clock: record.clock,
        };
        push(&mut self.tables.frame_times, &mut self.row, &time);
        let frame = FrameRow {
            frame_id: self.tables.frames.rows(),
            video: frame_reference.video,
            frame_idx: frame_reference.frame_idx,
            instance_id_start: first_instance,
            instance_id_end: self.tables.instances.rows(),
        };
        push(&mut self.tables.frames, &mut self.row, &frame);
        Ok(())
    }

    fn end(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        self.write_track_names()
            .map_err(|error| WriteError::Hdf5(error.to_string()))?;
        if self.header.video.frames.is_some() || self.video_frames == 0 {
            return Ok(());
        }
        self.write_video_length()
            .map_err(|error| WriteError::Hdf5(error.to_string()))
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.tables
            .in_order()
            .into_iter()
            .try_for_each(RowDataset::append)
    }

    fn waiting(&self) -> usize {
        self.tables.waiting()
    }

    fn is_even(&self) -> bool {
        self.tables.is_even()
    }
}

fn push(table: &mut RowDataset, scratch: &mut Vec<u8>, row: &impl Row) {
    scratch.clear();
    row.pack(scratch);
    table.push(scratch);
}

/// Checks that the file holds the names of all tracks.
fn check_tracks(record: &PredictionRecord) -> Result<(), WriteError> {
    let prediction = &record.prediction;
    let names = prediction
        .tracks
        .iter()
        .chain(&record.derived.names)
        .flatten();
    let mut bytes = names.map(|name| metadata::track(name).len());
    match bytes.find(|bytes| *bytes > TRACK_LIMIT) {
        None => Ok(()),
        Some(bytes) => Err(WriteError::TrackName {
            frame_id: prediction.frame_id,
            bytes,
            limit: TRACK_LIMIT,
        }),
    }
}
