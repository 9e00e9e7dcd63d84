//! SLEAP's labels (`.slp`, HDF5), as sleap-io 0.9.5 reads and writes them.
//!
//! | dataset | row |
//! |---|---|
//! | `/frames` | one a prediction, in the order in which they came; one without instances too, as `sleap-nn predict` keeps them |
//! | `/instances` | predicted instances, with score and track |
//! | `/pred_points` | their nodes, with score; a node that was not found is NaN and not visible |
//! | `/points` | empty: nobody has labelled anything |
//! | `/tracks_json`, `/videos_json` | a JSON text a row; tracks appear as they come |
//! | `/frame_times` | **not SLEAP's own**: row `i` belongs to row `i` of `/frames`: `frame_id` (u64, the stream's), `captured_us` (u64, microseconds since 1970, 0 = unknown), `latency_us` (u64, capture to pose in hand) |
//!
//! `/metadata` has skeleton and provenance. Rows are appended in an order in which each refers to
//! what is there already, `/frames` last, and the length of a dataset changes last of all, so that
//! the file is whole at any moment; `/frame_times` may be ahead of `/frames`. Chunks are
//! small, an eighth of a second: the one at the end of a dataset is written anew with each append that does not end
//! on its border, and its old place stays empty.

mod begin;
mod metadata;
mod rows;
mod table;

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, File, FileAccessProperties, MemoryStrategy, SyncPolicy};
use protocol::Prediction;

use crate::create::create_whole;
use crate::header::{Header, unnamed};
use crate::{CreateError, Record, Sink, WriteError};
use rows::{FrameRow, FrameTimeRow, InstanceRow, PointRow, Row};
use table::{Layout, Table};

/// Version of the layout, as SLEAP counts.
pub const FORMAT_ID: f64 = 1.4;

/// Bytes that the attribute with skeleton and provenance may have.
pub const METADATA_LIMIT: usize = 64_000;

/// Bytes that a track's entry may have: its name as a JSON string, and `[0,]` around it.
pub const TRACK_LIMIT: usize = 256;

/// An `.slp` file that grows.
pub struct Slp {
    file: File,
    header: Header,
    /// Nodes of each instance, once they are known.
    nodes: Option<usize>,
    tracks: HashMap<String, i32>,
    tables: Tables<Table>,
    /// A row on its way.
    row: Vec<u8>,
}

/// The datasets that grow.
struct Tables<T> {
    videos_json: T,
    tracks_json: T,
    pred_points: T,
    instances: T,
    frame_times: T,
    frames: T,
}

impl<T> Tables<T> {
    /// In the order in which they are written: each refers to what stands before it.
    fn in_order(&mut self) -> [&mut T; 6] {
        [
            &mut self.videos_json,
            &mut self.tracks_json,
            &mut self.pred_points,
            &mut self.instances,
            &mut self.frame_times,
            &mut self.frames,
        ]
    }

    fn try_map<U, E>(self, mut map: impl FnMut(T) -> Result<U, E>) -> Result<Tables<U>, E> {
        Ok(Tables {
            videos_json: map(self.videos_json)?,
            tracks_json: map(self.tracks_json)?,
            pred_points: map(self.pred_points)?,
            instances: map(self.instances)?,
            frame_times: map(self.frame_times)?,
            frames: map(self.frames)?,
        })
    }
}

impl Slp {
    /// Begins a file. One that is there is an error unless `overwrite` is set.
    pub fn create(path: &Path, overwrite: bool, header: Header) -> Result<Self, CreateError> {
        header.check(path)?;
        let (empty, layouts) = begin::begin(path, &header)?;
        create_whole(path, &empty, overwrite)?;
        let refused = |error: hdf5_pure::Error| begin::refused(path, &error);
        // Every append is with the system when it returns; only power loss is not provided for.
        let access = FileAccessProperties::new()
            .with_sync_policy(SyncPolicy::OnClose)
            .with_memory_strategy(MemoryStrategy::Bounded);
        let file = File::open_rw_with_options(path, access).map_err(refused)?;
        let open = |layout: Layout| Table::open(&file, &layout);
        Ok(Self {
            tables: layouts.try_map(open).map_err(refused)?,
            nodes: header
                .skeleton
                .as_ref()
                .map(|skeleton| skeleton.nodes.len()),
            tracks: HashMap::new(),
            row: Vec::new(),
            file,
            header,
        })
    }

    /// Checks that all instances have the skeleton's nodes. The first instance says how many there
    /// are where nobody else does.
    fn check_nodes(&mut self, prediction: &Prediction) -> Result<(), WriteError> {
        for points in &prediction.instances {
            let expected = match self.nodes {
                Some(nodes) => nodes,
                None => self.name_nodes(points.len())?,
            };
            if points.len() != expected {
                return Err(WriteError::Nodes {
                    frame_id: prediction.frame_id,
                    found: points.len(),
                    expected,
                });
            }
        }
        Ok(())
    }

    fn name_nodes(&mut self, nodes: usize) -> Result<usize, WriteError> {
        let text = metadata::metadata(&self.header, &unnamed(nodes));
        if text.len() >= METADATA_LIMIT {
            return Err(WriteError::Hdf5(format!(
                "an instance of {nodes} nodes is too large"
            )));
        }
        let replace = || {
            let group = self.file.group("metadata")?;
            group.set_attr("json", AttrValue::String(text))?;
            self.file.commit()
        };
        replace().map_err(|error| WriteError::Hdf5(error.to_string()))?;
        self.nodes = Some(nodes);
        Ok(nodes)
    }

    /// Rows of `/tracks_json` for all instances; new names get one.
    fn tracks(&mut self, prediction: &Prediction) -> Result<Vec<Option<i32>>, WriteError> {
        let known = prediction.tracks.iter().map(|name| match name {
            Some(name) => track(
                &mut self.tracks,
                &mut self.tables.tracks_json,
                name,
                prediction.frame_id,
            )
            .map(Some),
            None => Ok(None),
        });
        known.collect()
    }

    /// Makes sure that the source's own entry stands behind the recording's.
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
        let instance = InstanceRow {
            instance_id: self.tables.instances.rows(),
            frame_id: self.tables.frames.rows(),
            track,
            score: score.unwrap_or(f32::NAN),
            point_id_start: first_point,
            point_id_end: self.tables.pred_points.rows(),
        };
        push(&mut self.tables.instances, &mut self.row, &instance);
    }
}

impl Sink for Slp {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let frame_id = prediction.frame_id;
        let shape = |error: protocol::ShapeError| WriteError::Shape {
            frame_id,
            reason: error.to_string(),
        };
        prediction.check().map_err(shape)?;
        self.check_nodes(prediction)?;
        let tracks = self.tracks(prediction)?;
        let place = self.header.place(record);
        if place.video == 1 {
            self.mention_source();
        }
        let first_instance = self.tables.instances.rows();
        for index in 0..prediction.instances.len() {
            self.push_instance(prediction, index, tracks.get(index).copied().flatten());
        }
        let time = FrameTimeRow {
            frame_id,
            captured_us: record.captured_us.unwrap_or(0),
            latency_us: record.latency_us,
        };
        push(&mut self.tables.frame_times, &mut self.row, &time);
        let frame = FrameRow {
            frame_id: self.tables.frames.rows(),
            video: place.video,
            frame_idx: place.frame_idx,
            instance_id_start: first_instance,
            instance_id_end: self.tables.instances.rows(),
        };
        push(&mut self.tables.frames, &mut self.row, &frame);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.tables
            .in_order()
            .into_iter()
            .try_for_each(Table::append)
    }

    fn waiting(&self) -> usize {
        let Tables {
            pred_points,
            instances,
            frame_times,
            frames,
            ..
        } = &self.tables;
        [pred_points, instances, frame_times, frames]
            .into_iter()
            .map(Table::waiting)
            .sum()
    }

    fn is_even(&self) -> bool {
        let Tables {
            pred_points,
            instances,
            frame_times,
            frames,
            ..
        } = &self.tables;
        [pred_points, instances, frame_times, frames]
            .into_iter()
            .all(Table::is_even)
    }
}

fn push(table: &mut Table, scratch: &mut Vec<u8>, row: &impl Row) {
    scratch.clear();
    row.pack(scratch);
    table.push(scratch);
}

/// Row of `/tracks_json` for a name; a new one is appended.
fn track(
    known: &mut HashMap<String, i32>,
    table: &mut Table,
    name: &str,
    frame_id: u64,
) -> Result<i32, WriteError> {
    if let Some(index) = known.get(name) {
        return Ok(*index);
    }
    let entry = metadata::track(name);
    let index = match i32::try_from(known.len()) {
        Ok(index) if entry.len() <= TRACK_LIMIT => index,
        _ => {
            return Err(WriteError::TrackName {
                frame_id,
                bytes: entry.len(),
                limit: TRACK_LIMIT,
            });
        }
    };
    table.push_padded(entry.as_bytes());
    known.insert(name.to_owned(), index);
    Ok(index)
}
