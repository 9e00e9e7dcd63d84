//! Which output of a kind is refined, and how its points lie on the confidence maps.

use super::RefineError;
use crate::{input::InputSize, kind::ModelKind, metadata::Metadata};

/// The points of a kind of model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointLayout {
    /// The output with the points.
    pub(crate) output: &'static str,
    /// The output whose peaks the points depend on too.
    pub(crate) besides: Option<&'static str>,
    /// The output with a flag for each point, true where it was found. None where points that were
    /// not found are NaN.
    pub(super) filled: Option<&'static str>,
}

impl PointLayout {
    pub(crate) fn of(kind: ModelKind) -> Self {
        let points = |output, filled| Self {
            output,
            besides: None,
            filled,
        };
        match kind {
            ModelKind::SingleInstance => points("peaks", None),
            ModelKind::Centroid => points("centroids", Some("instance_valid")),
            ModelKind::TopDown | ModelKind::MultiClassTopDown => Self {
                besides: Some("centroids"),
                ..points("peaks", Some("instance_valid"))
            },
            ModelKind::BottomUp | ModelKind::MultiClassBottomUp => {
                points("peaks", Some("peak_mask"))
            }
        }
    }
}

/// What the maps show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MapArea {
    /// The model's whole input.
    Input {
        /// Maps a frame.
        maps: usize,
        /// The input's height and width as the network gets them, in pixels.
        sides: [f32; 2],
        /// The network's pixels a cell.
        stride: f32,
        /// The output's pixels a cell.
        unit: f32,
    },
    /// A crop for each instance, with a map for each of its points.
    Crops {
        /// Height and width of the crop, in pixels of the output.
        sides: [f32; 2],
    },
}

impl MapArea {
    /// # Errors
    /// The metadata lacks a number.
    pub(super) fn new(metadata: &Metadata, input: InputSize) -> Result<Self, RefineError> {
        let missing = |field| RefineError::Metadata { field };
        let maps = match metadata.kind {
            ModelKind::TopDown | ModelKind::MultiClassTopDown => {
                let sides = metadata.crop_size.ok_or_else(|| missing("crop_size"))?;
                return Ok(Self::Crops {
                    sides: sides.map(|side| side as f32),
                });
            }
            ModelKind::Centroid => 1,
            _ => metadata.node_names.len(),
        };
        let stride = metadata.output_stride.filter(|&stride| stride > 0);
        let stride = stride.ok_or_else(|| missing("output_stride"))? as f32;
        let scale = metadata.input_scale;
        Ok(Self::Input {
            maps,
            sides: [input.height, input.width].map(|side| side as f32 * scale),
            stride,
            // Only bottom-up graphs leave the scale in their points.
            unit: match metadata.kind {
                ModelKind::BottomUp => stride,
                _ => stride / scale,
            },
        })
    }

    /// Output pixels per cell along x and y, on maps of `height` and `width` cells; none if the
    /// maps are not of this area.
    pub(super) fn units(&self, [height, width]: [usize; 2]) -> Option<[f32; 2]> {
        let cells = [height as f32, width as f32];
        match *self {
            Self::Input {
                sides,
                stride,
                unit,
                ..
            } => {
                // Networks may round a side up or down, and so does the scaling.
                let fits = |axis: usize| (sides[axis] / stride - cells[axis]).abs() <= 1.0;
                (fits(0) && fits(1)).then_some([unit; 2])
            }
            Self::Crops { sides } => {
                // A scale may shrink the crops for the network; no network magnifies them.
                let fits = |axis: usize| cells[axis] >= 1.0 && sides[axis] >= cells[axis];
                (fits(0) && fits(1)).then_some([sides[1] / cells[1], sides[0] / cells[0]])
            }
        }
    }
}
