//! The new file: complete, without rows.

use std::path::Path;

use hdf5_pure::{AttrValue, CharacterSet, Datatype, Error, FileBuilder, StringPadding};

use super::rows::{FrameRow, FrameTimeRow, InstanceRow, PointRow, Row};
use super::table::{DatasetLayout, padded};
use super::tables::RowDatasets;
use super::{FORMAT_ID, METADATA_LIMIT, TRACK_LIMIT, metadata};
use crate::error::CreateError;
use crate::header::{LabelsHeader, unnamed};

/// Parts of a second that a chunk of rows spans. Larger chunks waste more at their end when they
/// are written in part, smaller ones need more of an index.
const CHUNKS_PER_SECOND: f64 = 8.0;

/// Rows of a chunk at most, however fast frames come.
const LARGEST_CHUNK: f64 = 64.0;

/// Points of an instance where their number is not known yet.
const DEFAULT_NODES: usize = 8;

/// Tracks of a chunk.
const TRACKS: usize = 16;

/// The bytes of a file without rows, and what its datasets are like.
pub(super) fn begin(
    path: &Path,
    header: &LabelsHeader,
) -> Result<(Vec<u8>, RowDatasets<DatasetLayout>), CreateError> {
    let skeleton = header.skeleton.clone().unwrap_or_else(|| unnamed(0));
    let text = metadata::metadata(header, &skeleton);
    if text.len() >= METADATA_LIMIT {
        return Err(CreateError::MetadataTooLong {
            path: path.to_owned(),
            bytes: text.len(),
            limit: METADATA_LIMIT,
        });
    }
    let build = || {
        let mut layouts = layouts(header)?;
        let mut file = FileBuilder::new();
        let mut group = file.create_group("metadata");
        group.set_attr("format_id", AttrValue::F64(FORMAT_ID));
        group.set_attr("json", AttrValue::String(text));
        file.add_group(group.finish());
        for layout in layouts.in_order() {
            layout.build(&mut file);
        }
        let points = PointRow::labelled()?.build()?;
        DatasetLayout::new("points", points, 1).build(&mut file);
        Ok((file.finish()?, layouts))
    };
    build().map_err(|error: Error| refused(path, &error))
}

fn layouts(header: &LabelsHeader) -> Result<RowDatasets<DatasetLayout>, Error> {
    let rows = (header.rate() / CHUNKS_PER_SECOND)
        .round()
        .clamp(1.0, LARGEST_CHUNK) as usize;
    let nodes = match &header.skeleton {
        Some(skeleton) => skeleton.nodes.len().max(1),
        None => DEFAULT_NODES,
    };
    let video = metadata::video(&header.video);
    let source = header
        .source
        .as_ref()
        .map(metadata::video)
        .unwrap_or_default();
    // A length that is not known yet is written at the end, in its place.
    let longest = metadata::video(&header.video.with_frames(u64::MAX)).len();
    let longest = longest.max(source.len());
    let mut videos_json = DatasetLayout::new("videos_json", text(longest), 1);
    videos_json.first = padded(video.as_bytes(), longest);
    Ok(RowDatasets {
        videos_json,
        tracks_json: DatasetLayout::new("tracks_json", text(TRACK_LIMIT), TRACKS),
        pred_points: DatasetLayout::new("pred_points", PointRow::datatype()?, rows * nodes),
        instances: DatasetLayout::new("instances", InstanceRow::datatype()?, rows),
        frame_times: DatasetLayout::new("frame_times", FrameTimeRow::datatype()?, rows),
        frames: DatasetLayout::new("frames", FrameRow::datatype()?, rows),
    })
}

/// Texts of up to so many bytes. Their length is fixed: a dataset of texts of variable length cannot
/// grow in place.
fn text(bytes: usize) -> Datatype {
    Datatype::String {
        size: bytes as u32,
        padding: StringPadding::NullPad,
        charset: CharacterSet::Utf8,
    }
}

pub(super) fn refused(path: &Path, error: &Error) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
