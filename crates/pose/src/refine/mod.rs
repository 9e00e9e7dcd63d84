//! Points between the cells of the confidence maps.
//!
//! A graph gives each peak at a cell of its confidence map, so that points lie on a grid of 2 to 8
//! pixels. [`Refiner`] moves them to the maximum that it estimates from the values around that cell.
//! The maps and the cells are outputs that [`crate::graph`] adds; which points were found, their
//! confidence and the scores stay as the graph gave them.

mod layout;
mod method;
mod offset;
mod refiner;

pub(crate) use layout::PointLayout;
pub use method::{Refine, RefineParseError};
pub(crate) use refiner::Refiner;

use crate::outputs::TensorError;

/// Why points cannot be refined.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RefineError {
    /// A number that refinement needs.
    #[error(
        "this export cannot be refined: its metadata has no {field}; export the model again with \
         sleap-nn 0.3 or newer, or run it without refinement"
    )]
    Metadata {
        /// The field.
        field: &'static str,
    },
    /// The confidence maps are not those of the points.
    #[error(
        "this export cannot be refined: confidence maps of the shape {maps:?} with {cells} peaks \
         for {points} points in {frames} frames do not fit what the metadata says; run it without \
         refinement"
    )]
    Maps {
        /// The shape of the maps.
        maps: Vec<i64>,
        /// The number of cells.
        cells: usize,
        /// The number of points.
        points: usize,
        /// The number of frames.
        frames: usize,
    },
    /// A cell is not in its map, or not its highest.
    #[error(
        "this export cannot be refined: cell {cell} is not the highest of its confidence map of \
         {cells} cells; run it without refinement"
    )]
    Cell {
        /// The cell that the graph gives.
        cell: i64,
        /// The cells of a map.
        cells: usize,
    },
    /// A point lies elsewhere than its cell.
    #[error(
        "this export cannot be refined: the point {point:?} does not lie at the cell {cell:?} of \
         its confidence map, where cells are {unit} pixels apart as the metadata says; run it \
         without refinement"
    )]
    Grid {
        /// x, y in pixels.
        point: [f32; 2],
        /// x, y in cells.
        cell: [usize; 2],
        /// Pixels per cell.
        unit: f32,
    },
    /// An output that refinement reads cannot be used.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}
