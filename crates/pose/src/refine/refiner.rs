//! Which confidence map, which cell and which pixels belong to each point.

use super::{
    PointLayout, Refine, RefineError,
    layout::MapArea,
    offset::{self, ConfidenceMap},
};
use crate::{
    graph::{CELLS, MAPS, PeakSearch},
    input::InputSize,
    metadata::Metadata,
    outputs::OutputTensors,
};

/// Moves points off the grid.
#[derive(Debug)]
pub(crate) struct Refiner {
    method: Refine,
    search: PeakSearch,
    points: PointLayout,
    area: MapArea,
    /// Known once a batch was checked.
    maps: FrameMaps,
    /// One frame's points.
    refined: Vec<f32>,
}

/// How a frame's maps and points go together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct FrameMaps {
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
        search: PeakSearch,
        metadata: &Metadata,
        input: InputSize,
    ) -> Result<Self, RefineError> {
        Ok(Self {
            method,
            search,
            points: PointLayout::of(metadata.kind),
            area: MapArea::new(metadata, input)?,
            maps: FrameMaps::default(),
            refined: Vec::new(),
        })
    }

    /// Checks that maps and cells are those of the points, for a batch whose other outputs were
    /// checked before; the first batch's cells too.
    pub(crate) fn check(&mut self, tensors: &OutputTensors) -> Result<(), RefineError> {
        let maps = self.shape(tensors)?;
        let first = self.maps == FrameMaps::default();
        self.maps = maps;
        if first && self.search == PeakSearch::Highest {
            for index in 0..tensors.frames() {
                self.check_cells(tensors, index)?;
            }
        }
        Ok(())
    }

    fn shape(&self, tensors: &OutputTensors) -> Result<FrameMaps, RefineError> {
        let points = tensors.elements(self.points.output)? / 2;
        let (cells, frames) = (tensors.elements(CELLS)?, tensors.frames());
        let shape = tensors.shape(MAPS)?;
        let maps = self.fitting(shape, frames, points / frames);
        let maps = maps.filter(|_| cells == points);
        maps.ok_or_else(|| RefineError::Maps {
            maps: shape.to_vec(),
            cells,
            points,
            frames,
        })
    }

    /// How maps of `shape` go together with `points` a frame, if they do.
    fn fitting(&self, shape: &[i64], frames: usize, points: usize) -> Option<FrameMaps> {
        let [before @ .., height, width] = shape else {
            return None;
        };
        let length = |&side: &i64| usize::try_from(side).ok().filter(|&side| side > 0);
        let (height, width) = (length(height)?, length(width)?);
        let expected = match self.area {
            MapArea::Input { maps, .. } => maps,
            MapArea::Crops { .. } => points,
        };
        let mut sides = before.iter();
        let count = sides.try_fold(1_usize, |count, side| count.checked_mul(length(side)?))?;
        let fits = expected > 0
            && Some(count) == expected.checked_mul(frames)
            && points > 0
            && points.is_multiple_of(expected);
        fits.then_some(FrameMaps {
            width,
            cells: height.checked_mul(width)?,
            points: points / expected,
            units: self.area.units([height, width])?,
        })
    }

    /// Checks that each cell is the highest of its map, as the points are defined.
    fn check_cells(&self, tensors: &OutputTensors, index: usize) -> Result<(), RefineError> {
        let cells = tensors.i64(CELLS, index)?;
        let maps = tensors.f32(MAPS, index)?;
        for (point, &cell) in cells.iter().enumerate() {
            let (map, at) = self.place(maps, point, cell)?;
            let top = map.values[at];
            if map.values.iter().any(|&value| value > top) {
                return Err(self.wrong(cell));
            }
        }
        Ok(())
    }

    /// The map of a point, and its cell in it.
    fn place<'m>(
        &self,
        maps: &'m [f32],
        point: usize,
        cell: i64,
    ) -> Result<(ConfidenceMap<'m>, usize), RefineError> {
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
        Ok((ConfidenceMap { values, width }, at))
    }

    fn wrong(&self, cell: i64) -> RefineError {
        let cells = self.maps.cells;
        RefineError::Cell { cell, cells }
    }

    /// The name of the refined output and its values for frame `index` of a checked batch.
    pub(crate) fn refine(
        &mut self,
        tensors: &OutputTensors,
        index: usize,
    ) -> Result<(&'static str, &[f32]), RefineError> {
        let PointLayout { output, filled, .. } = self.points;
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
    fn moved(
        &self,
        xy: [f32; 2],
        map: &ConfidenceMap<'_>,
        at: usize,
    ) -> Result<[f32; 2], RefineError> {
        let cell = [at % map.width, at / map.width];
        let units = self.maps.units;
        if let MapArea::Crops { .. } = self.area {
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
        if self.method == Refine::Parabola || self.search == PeakSearch::Highest {
            return cell;
        }
        // What scaling the points has lost is far less.
        const ROUNDING: f32 = 1e-2;
        [0, 1].map(|axis| {
            let before = between[axis] < -ROUNDING;
            cell[axis].saturating_sub(usize::from(before))
        })
    }

    fn offset(&self, map: &ConfidenceMap<'_>, cell: [usize; 2]) -> [f32; 2] {
        match self.method {
            Refine::Integral => offset::integral(map, cell),
            Refine::Parabola => offset::parabola(map, cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::ModelKind;

    fn refiner(kind: ModelKind, method: Refine, search: PeakSearch) -> Refiner {
        let metadata = Metadata {
            kind,
            name: String::new(),
            node_names: ["head", "tail"].map(str::to_owned).to_vec(),
            edges: Vec::new(),
            channels: 1,
            max_height: None,
            max_width: None,
            input_scale: 0.5,
            output_stride: Some(2),
            crop_size: Some([16, 24]),
            peak_threshold: None,
            class_names: None,
        };
        let input = InputSize {
            height: 32,
            width: 64,
            channels: 1,
        };
        Refiner::new(method, search, &metadata, input).expect("the metadata is complete")
    }

    fn highest(kind: ModelKind) -> Refiner {
        refiner(kind, Refine::Parabola, PeakSearch::Highest)
    }

    #[test]
    fn maps_belong_to_points_by_their_kind() {
        let fit = |kind, shape: &[i64], points| {
            let maps = highest(kind).fitting(shape, 3, points)?;
            Some((maps.cells, maps.points, maps.units))
        };
        // 32x64 pixels, halved, at a stride of 2.
        let single = ModelKind::SingleInstance;
        assert_eq!(fit(single, &[3, 2, 8, 16], 2), Some((128, 1, [4.0; 2])));
        assert_eq!(fit(single, &[6, 9, 15], 2), Some((135, 1, [4.0; 2])));
        // Only bottom-up graphs leave the scale in their points.
        let bottom_up = ModelKind::BottomUp;
        assert_eq!(fit(bottom_up, &[3, 2, 8, 16], 10), Some((128, 5, [2.0; 2])));
        let classes = ModelKind::MultiClassBottomUp;
        assert_eq!(fit(classes, &[3, 2, 8, 16], 10), Some((128, 5, [4.0; 2])));
        let centroid = ModelKind::Centroid;
        assert_eq!(fit(centroid, &[3, 1, 8, 16], 7), Some((128, 7, [4.0; 2])));
        // Five crops a frame of 16x24 pixels.
        for kind in [ModelKind::TopDown, ModelKind::MultiClassTopDown] {
            assert_eq!(fit(kind, &[15, 2, 8, 6], 10), Some((48, 1, [4.0, 2.0])));
            assert_eq!(fit(kind, &[15, 2, 17, 6], 10), None);
            assert_eq!(fit(kind, &[12, 2, 8, 6], 10), None);
        }
        for wrong in [
            &[][..],
            &[16],
            &[8, 16],
            &[3, 2, 0, 16],
            &[3, 2, -1, 16],
            &[3, 2, 10, 16],
            &[3, 2, 8, 18],
            &[2, 2, 8, 16],
            &[i64::MAX, i64::MAX, 8, 16],
            &[3, 2, i64::MAX, i64::MAX],
        ] {
            assert_eq!(fit(single, wrong, 2), None, "{wrong:?}");
        }
        assert_eq!(fit(bottom_up, &[3, 2, 8, 16], 9), None);
        assert_eq!(fit(single, &[3, 2, 8, 16], 0), None);
    }

    #[test]
    fn cells_are_in_their_maps() {
        let mut refiner = highest(ModelKind::Centroid);
        refiner.maps = refiner.fitting(&[1, 2, 8, 16], 2, 3).expect("maps");
        let maps: Vec<f32> = (0..128).map(|n| n as f32).collect();
        let (map, at) = refiner.place(&maps, 2, 127).expect("the last");
        assert_eq!((map.values[at], map.width), (127.0, 16));
        for (point, cell) in [(0, 128), (0, -1), (0, i64::MAX), (3, 0)] {
            let error = refiner.place(&maps, point, cell).expect_err("outside");
            assert_eq!(error, RefineError::Cell { cell, cells: 128 });
        }
    }

    /// [8, 16], lower with the distance from a row of equal cells.
    fn top(row: &[usize]) -> Vec<f32> {
        let distance = |at: usize, cell: usize| {
            let (dx, dy) = ((at % 16).abs_diff(cell % 16), (at / 16).abs_diff(cell / 16));
            (dx * dx + dy * dy) as f32
        };
        let value = |at: usize| {
            let distances = row.iter().map(|&cell| distance(at, cell));
            (-distances.fold(f32::MAX, f32::min) / 8.0).exp()
        };
        (0..128).map(value).collect()
    }

    #[test]
    fn a_top_of_equal_cells_is_refined_from_its_middle_as_sleap_nn_does() {
        // Two cells beside each other: sleap-nn's point is between them.
        let values = top(&[36, 37]);
        let map = ConfidenceMap {
            values: &values,
            width: 16,
        };
        let of = |method, search| {
            let mut refiner = refiner(ModelKind::Centroid, method, search);
            refiner.maps = refiner.fitting(&[1, 1, 8, 16], 1, 1).expect("maps");
            refiner
                .moved([4.5 * 4.0, 2.0 * 4.0], &map, 36)
                .expect("moved")
        };
        let close = |[x, y]: [f32; 2], expected: f32| {
            assert!(
                (x - expected).abs() < 1e-4 && (y - 8.0).abs() < 1e-4,
                "{x} {y}"
            );
        };
        close(of(Refine::Parabola, PeakSearch::Local), 18.0);
        // Around the left cell, whose patch has more of the top on its right.
        let [x, _] = offset::integral(&map, [4, 2]);
        assert!(x > 0.1);
        close(of(Refine::Integral, PeakSearch::Local), (4.0 + x) * 4.0);
        // A point to the left of its cell is refined from the cell to the left.
        let mut refiner = refiner(ModelKind::Centroid, Refine::Integral, PeakSearch::Local);
        refiner.maps = refiner.fitting(&[1, 1, 8, 16], 1, 1).expect("maps");
        let [x, _] = refiner.moved([3.67 * 4.0, 8.0], &map, 36).expect("moved");
        let [dx, _] = offset::integral(&map, [3, 2]);
        assert!((x - (3.0 + dx) * 4.0).abs() < 1e-4);
    }

    #[test]
    fn points_in_crops_move_from_where_they_are() {
        let mut refiner = highest(ModelKind::TopDown);
        refiner.maps = refiner.fitting(&[1, 2, 8, 6], 1, 2).expect("maps");
        let values = [0.1, 0.2, 0.4, 0.2, 0.1, 0.1].repeat(8);
        let map = ConfidenceMap {
            values: &values,
            width: 6,
        };
        let moved = refiner.moved([100.3, 200.7], &map, 6 * 3 + 2);
        // Along y all are equal.
        assert_eq!(moved, Ok([100.3, 200.7]));
    }

    #[test]
    fn points_that_are_not_at_their_cells_are_an_error() {
        let mut refiner = highest(ModelKind::SingleInstance);
        refiner.maps = refiner.fitting(&[1, 2, 8, 16], 1, 2).expect("maps");
        let values = top(&[36]);
        let map = ConfidenceMap {
            values: &values,
            width: 16,
        };
        assert_eq!(refiner.moved([16.0, 8.0], &map, 36), Ok([16.0, 8.0]));
        for point in [[16.0, 12.0], [12.0, 8.0], [1e9, 8.0]] {
            let error = refiner.moved(point, &map, 36).expect_err("elsewhere");
            let (cell, unit) = ([4, 2], 4.0);
            assert_eq!(error, RefineError::Grid { point, cell, unit });
        }
    }
}
