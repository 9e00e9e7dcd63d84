//! Where the tiles of a window are. Pure.

/// Pixels between two tiles.
const GAP: u32 = 4;

/// A picture of several tiles is made no larger than this; the window may be.
const LARGEST: (u32, u32) = (1920, 1080);

/// Tiles side by side, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    tiles: usize,
    columns: u32,
    rows: u32,
    /// Width and height of all of it.
    pub(super) size: (u32, u32),
}

/// A rectangle of the grid's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Columns and rows of a number of tiles: as many columns as rows, or one more.
pub(super) fn shape(tiles: usize) -> (u32, u32) {
    let tiles = u32::try_from(tiles.max(1)).unwrap_or(u32::MAX);
    let mut columns = tiles.isqrt();
    if columns * columns < tiles {
        columns += 1;
    }
    (columns, tiles.div_ceil(columns))
}

impl Grid {
    /// Of so many tiles, in a picture of this size.
    pub(super) fn new(tiles: usize, size: (u32, u32)) -> Self {
        let (columns, rows) = shape(tiles);
        // Each tile has a pixel at least.
        let size = (
            size.0
                .clamp(columns * (GAP + 1), LARGEST.0.max(columns * (GAP + 1))),
            size.1
                .clamp(rows * (GAP + 1), LARGEST.1.max(rows * (GAP + 1))),
        );
        Self {
            tiles,
            columns,
            rows,
            size,
        }
    }

    /// Of so many tiles which show pictures of this size at most: as large as they are, where there is room.
    pub(super) fn of_pictures(tiles: usize, picture: (u32, u32)) -> Self {
        let (columns, rows) = shape(tiles);
        let whole = |count: u32, side: u32| f64::from(count) * f64::from(side.max(1));
        let (width, height) = (whole(columns, picture.0), whole(rows, picture.1));
        let scale = (f64::from(LARGEST.0) / width).min(f64::from(LARGEST.1) / height);
        let side = |side: f64| (side * scale.min(1.0)).round() as u32;
        Self::new(tiles, (side(width), side(height)))
    }

    /// Where a tile is.
    pub(super) fn cell(&self, index: usize) -> Cell {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let (x, width) = span(index % self.columns, self.columns, self.size.0);
        let (y, height) = span(index / self.columns, self.rows, self.size.1);
        Cell {
            x,
            y,
            width,
            height,
        }
    }

    /// The tile at this place of the picture, whose sides are from 0 to 1.
    pub(super) fn tile_at(&self, (x, y): (f64, f64)) -> Option<usize> {
        let is_inside = |part: f64| (0.0..1.0).contains(&part);
        if !is_inside(x) || !is_inside(y) {
            return None;
        }
        let place =
            |part: f64, count: u32| ((part * f64::from(count)) as usize).min(count as usize - 1);
        let index = place(y, self.rows) * self.columns as usize + place(x, self.columns);
        (index < self.tiles).then_some(index)
    }
}

/// Begin and length of one of several equal parts of a side, with a gap after each but the last.
fn span(index: u32, count: u32, side: u32) -> (u32, u32) {
    let begin =
        |index: u32| (u64::from(side) * u64::from(index.min(count)) / u64::from(count)) as u32;
    let gap = if index + 1 < count { GAP } else { 0 };
    let length = begin(index + 1).saturating_sub(begin(index) + gap);
    (begin(index), length.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_rows() {
        let shapes: Vec<_> = (1..=10).map(shape).collect();
        let expected = [
            (1, 1),
            (2, 1),
            (2, 2),
            (2, 2),
            (3, 2),
            (3, 2),
            (3, 3),
            (3, 3),
            (3, 3),
            (4, 3),
        ];
        assert_eq!(shapes, expected);
    }

    #[test]
    fn each_tile_is_found_where_it_is_drawn() {
        for tiles in 1..=40 {
            let grid = Grid::new(tiles, (641, 359));
            for index in 0..tiles {
                let cell = grid.cell(index);
                let middle = |begin: u32, length: u32, side: u32| {
                    (f64::from(begin) + f64::from(length) / 2.0) / f64::from(side)
                };
                let x = middle(cell.x, cell.width, grid.size.0);
                let y = middle(cell.y, cell.height, grid.size.1);
                assert_eq!(grid.tile_at((x, y)), Some(index), "{tiles} {cell:?}");
                assert!(cell.x + cell.width <= 641 && cell.y + cell.height <= 359);
            }
        }
        let grid = Grid::new(3, (200, 100));
        assert_eq!(grid.tile_at((0.75, 0.75)), None);
        assert_eq!(grid.tile_at((1.0, 0.5)), None);
        assert_eq!(grid.tile_at((-0.1, 0.5)), None);
        assert_eq!(grid.tile_at((f64::NAN, 0.5)), None);
    }

    #[test]
    fn the_picture_is_bounded_and_never_empty() {
        assert_eq!(Grid::of_pictures(2, (160, 120)).size, (320, 120));
        assert_eq!(Grid::of_pictures(4, (1920, 1080)).size, LARGEST);
        assert_eq!(Grid::of_pictures(2, (65_535, 65_535)).size, (1920, 960));
        assert_eq!(Grid::new(2, (4000, 3000)).size, LARGEST);
        let small = Grid::new(9, (1, 1));
        assert!((0..9).all(|index| small.cell(index).width >= 1 && small.cell(index).height >= 1));
    }
}
