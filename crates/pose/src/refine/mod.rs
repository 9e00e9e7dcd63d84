//! Points between the cells of the confidence maps.
//!
//! A graph gives each peak at a cell of its confidence map, so that points lie on a grid of 2 to 8
//! pixels. [`Refiner`] moves them to where the peak's values around that cell say its top is. The
//! maps and the cells are outputs that [`crate::graph`] adds; which points there are, their
//! confidence and the scores stay as the graph gave them.

mod layout;
mod offset;

use std::{fmt, str::FromStr};

use crate::{
    graph::{CELLS, MAPS, Search},
    info::InputSize,
    metadata::Metadata,
    session::{SessionError, Tensors},
};

use layout::Area;
pub(crate) use layout::Points;
use offset::Map;

/// How points are moved between the cells of the confidence maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refine {
    /// The centre of mass of the 5x5 cells around the peak: what sleap-nn calls "integral".
    Integral,
    /// The top of a parabola through the logarithms of the peak and its neighbours along each
    /// axis: exact for Gaussian peaks.
    #[default]
    Parabola,
}

/// The name of no refinement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no refinement: use parabola or integral")]
pub struct RefineParseError(String);

impl FromStr for Refine {
    type Err = RefineParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "integral" => Ok(Self::Integral),
            "parabola" => Ok(Self::Parabola),
            _ => Err(RefineParseError(text.to_owned())),
        }
    }
}

impl fmt::Display for Refine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integral => "integral",
            Self::Parabola => "parabola",
        })
    }
}

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
        /// The cell that the graph says.
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
}

/// Moves points off the grid.
#[derive(Debug)]
pub(crate) struct Refiner {
    method: Refine,
    search: Search,
    points: Points,
    area: Area,
    /// Known once a batch was checked.
    maps: Maps,
    /// One frame's points.
    refined: Vec<f32>,
}

/// How a frame's maps and points go together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Maps {
    width: usize,
    /// Of one map.
    cells: usize,
    /// Points of one map.
    points: usize,
    /// Pixels per cell along x and y.
    units: [f32; 2],
}

impl Refiner {
    /// For a model whose peaks are found by `search`.
    pub(crate) fn new(
        method: Refine,
        search: Search,
        metadata: &Metadata,
        input: InputSize,
    ) -> Result<Self, RefineError> {
        Ok(Self {
            method,
            search,
            points: Points::of(metadata.kind),
            area: Area::new(metadata, input)?,
            maps: Maps::default(),
            refined: Vec::new(),
        })
    }

    /// Checks that maps and cells are those of the points, for a batch whose other outputs were
    /// checked before; the first batch's cells too.
    pub(crate) fn check(&mut self, tensors: &Tensors) -> Result<(), SessionError> {
        let maps = self.shape(tensors)?;
        let first = self.maps == Maps::default();
        self.maps = maps;
        if first && self.search == Search::Highest {
            for index in 0..tensors.frames() {
                self.check_cells(tensors, index)?;
            }
        }
        Ok(())
    }

    fn shape(&self, tensors: &Tensors) -> Result<Maps, SessionError> {
        let points = tensors.elements(self.points.output)? / 2;
        let (cells, frames) = (tensors.elements(CELLS)?, tensors.frames());
        let shape = tensors.shape(MAPS)?;
        let maps = self.fitting(shape, frames, points / frames);
        let maps = maps.filter(|_| cells == points);
        Ok(maps.ok_or_else(|| RefineError::Maps {
            maps: shape.to_vec(),
            cells,
            points,
            frames,
        })?)
    }

    /// How maps of `shape` go together with `points` a frame, if they do.
    fn fitting(&self, shape: &[i64], frames: usize, points: usize) -> Option<Maps> {
        let [before @ .., height, width] = shape else {
            return None;
        };
        let length = |&side: &i64| usize::try_from(side).ok().filter(|&side| side > 0);
        let (height, width) = (length(height)?, length(width)?);
        let expected = match self.area {
            Area::Input { maps, .. } => maps,
            Area::Crops { .. } => points,
        };
        let mut sides = before.iter();
        let count = sides.try_fold(1_usize, |count, side| count.checked_mul(length(side)?))?;
        let fits = expected > 0
            && Some(count) == expected.checked_mul(frames)
            && points > 0
            && points % expected == 0;
        fits.then_some(Maps {
            width,
            cells: height.checked_mul(width)?,
            points: points / expected,
            units: self.area.units([height, width])?,
        })
    }

    /// That each cell is the highest of its map: what the points are said to be.
    fn check_cells(&self, tensors: &Tensors, index: usize) -> Result<(), SessionError> {
        let cells = tensors.i64(CELLS, index)?;
        let maps = tensors.f32(MAPS, index)?;
        for (point, &cell) in cells.iter().enumerate() {
            let (map, at) = self.place(maps, point, cell)?;
            let top = map.values[at];
            if map.values.iter().any(|&value| value > top) {
                return Err(self.wrong(cell).into());
            }
        }
        Ok(())
    }

    /// The map of a point, and its cell there.
    fn place<'m>(
        &self,
        maps: &'m [f32],
        point: usize,
        cell: i64,
    ) -> Result<(Map<'m>, usize), RefineError> {
        let start = point / self.maps.points * self.maps.cells;
        let values = maps
            .get(start..)
            .and_then(|maps| maps.get(..self.maps.cells));
        let at = usize::try_from(cell)
            .ok()
            .filter(|&at| at < self.maps.cells);
        let (Some(values), Some(at)) = (values, at) else {
            return Err(self.wrong(cell));
        };
        let width = self.maps.width;
        Ok((Map { values, width }, at))
    }

    fn wrong(&self, cell: i64) -> RefineError {
        let cells = self.maps.cells;
        RefineError::Cell { cell, cells }
    }

    /// The name of the refined output and its values for frame `index` of a checked batch.
    pub(crate) fn refine(
        &mut self,
        tensors: &Tensors,
        index: usize,
    ) -> Result<(&'static str, &[f32]), SessionError> {
        let Points { output, filled, .. } = self.points;
        let mut refined = std::mem::take(&mut self.refined);
        refined.clear();
        refined.extend_from_slice(tensors.f32(output, index)?);
        let cells = tensors.i64(CELLS, index)?;
        let maps = tensors.f32(MAPS, index)?;
        let filled = filled.map(|name| tensors.bool(name, index)).transpose()?;
        let share = filled.map_or(1, |filled| (cells.len() / filled.len().max(1)).max(1));
        for (point, (xy, &cell)) in refined.as_chunks_mut().0.iter_mut().zip(cells).enumerate() {
            let there = filled.is_none_or(|filled| filled.get(point / share) == Some(&true));
            if there && xy.iter().all(|n| n.is_finite()) {
                let (map, at) = self.place(maps, point, cell)?;
                *xy = self.moved(*xy, &map, at)?;
            }
        }
        self.refined = refined;
        Ok((output, &self.refined))
    }

    /// The refined place of a point that the graph puts at `xy`.
    fn moved(&self, xy: [f32; 2], map: &Map<'_>, at: usize) -> Result<[f32; 2], RefineError> {
        let cell = [at % map.width, at / map.width];
        let units = self.maps.units;
        if let Area::Crops { .. } = self.area {
            // Where the crop lies does not matter: the graph has put the cell in its place.
            let offset = self.offset(map, cell);
            return Ok([0, 1].map(|axis| xy[axis] + offset[axis] * units[axis]));
        }
        // A top of several equal cells has its point between them, and so have graphs that refine
        // their points themselves.
        let between = [0, 1].map(|axis| xy[axis] / units[axis] - cell[axis] as f32);
        if between.iter().any(|offset| offset.abs() > 0.75) {
            return Err(RefineError::Grid {
                point: xy,
                cell,
                unit: units[0],
            });
        }
        let cell = self.anchor(cell, between);
        let offset = self.offset(map, cell);
        Ok([0, 1].map(|axis| (cell[axis] as f32 + offset[axis]) * units[axis]))
    }

    /// The cell around which to look. As sleap-nn does it, the integral is taken around the cell
    /// to the upper left of a top of several equal cells.
    fn anchor(&self, cell: [usize; 2], between: [f32; 2]) -> [usize; 2] {
        if self.method == Refine::Parabola || self.search == Search::Highest {
            return cell;
        }
        // What scaling the points has lost is far less.
        const ROUNDING: f32 = 1e-2;
        [0, 1].map(|axis| {
            let before = between[axis] < -ROUNDING;
            cell[axis].saturating_sub(usize::from(before))
        })
    }

    fn offset(&self, map: &Map<'_>, cell: [usize; 2]) -> [f32; 2] {
        match self.method {
            Refine::Integral => offset::integral(map, cell),
            Refine::Parabola => offset::parabola(map, cell),
        }
    }
}
