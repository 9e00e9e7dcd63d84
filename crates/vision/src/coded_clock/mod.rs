//! A number as a picture that a camera reads at any size: the clock of a latency measurement.
//!
//! A black square on white holds 6 x 6 cells, black for 0 and white for 1. The corners are white except the lower
//! right one, which tells how the square is turned. The other 32 cells, row by row, are the number in Gray code (16) and its
//! check bits (16):
//!
//! ```text
//! # # # # # # # #
//! # W g g g g W #      W white corner, B black corner
//! # g g g g g g #      g Gray code, most significant first
//! # g g g g g g #      c check bits (CRC-16, polynomial 0x1021)
//! # c c c c c c #
//! # c c c c c c #
//! # W c c c c B #
//! # # # # # # # #
//! ```
//!
//! A frame whose exposure saw two pictures mixes them. Successive numbers differ in one bit of the Gray code and in
//! several check bits, so that such a frame has cells that are neither black nor white, or check bits that do not fit, and is
//! refused.

mod bits;
mod find;
mod outline;

use crate::{Image, ImageError};

use bits::{CELLS, cells_of, number_of};

/// Cells of a side with the black frame around them.
const SIDE: usize = CELLS + 2;

/// White around the square, in cells.
const MARGIN: usize = 1;

/// Why a picture shows no number.
#[derive(Debug, thiserror::Error)]
pub enum ClockReadError {
    /// There is no square that could be one.
    #[error("no square with cells is in the picture")]
    NotFound,
    /// Cells are neither black nor white: two numbers are mixed, or the picture is blurred.
    #[error("cells of the square are neither black nor white")]
    Unclear,
    /// The check bits do not fit the number.
    #[error("the check bits do not fit the number")]
    Damaged,
    /// OpenCV failed.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// A gray picture of a number, `side` pixels wide and high (at least 10).
pub fn draw(number: u16, side: u32) -> Image {
    let cells = cells_of(number);
    let whole = SIDE + 2 * MARGIN;
    let side = side.max(whole as u32) as usize;
    let shade = |row: usize, column: usize| {
        let at = |place: usize| (place * whole / side).checked_sub(MARGIN);
        let (Some(row), Some(column)) = (at(row), at(column)) else {
            return 255;
        };
        match (row, column) {
            (row, column) if row >= SIDE || column >= SIDE => 255,
            (1..=CELLS, 1..=CELLS) if cells[row - 1][column - 1] => 255,
            _ => 0,
        }
    };
    let pixels: Vec<u8> = (0..side * side)
        .map(|at| shade(at / side, at % side))
        .collect();
    Image {
        width: side as u32,
        height: side as u32,
        channels: 1,
        data: pixels.into(),
    }
}

/// The number that a picture shows somewhere.
///
/// # Errors
/// It shows none, or none that is certain.
pub fn read(image: &Image) -> Result<u16, ClockReadError> {
    let mut error = ClockReadError::NotFound;
    for levels in find::squares(image)? {
        match number_of(&levels) {
            Ok(number) => return Ok(number),
            Err(found @ (ClockReadError::Unclear | ClockReadError::Damaged)) => error = found,
            Err(_) => {}
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests;
