//! From a number to cells and back. Pure.

use super::{ClockReadError, SIDE};

/// Cells of a side.
pub(super) const CELLS: usize = 6;

/// Brightness of the cells of a square, those of its frame included, row by row.
pub(super) type Levels = [[f32; SIDE]; SIDE];

/// Least difference of black and white, gray levels.
const MIN_CONTRAST: f32 = 24.0;

/// Between black (0) and white (1) a cell is unclear from here on, up to as far from white.
const UNCLEAR: f32 = 0.35;

/// The corners in which the cells are fixed: upper left, upper right, lower right, lower left.
const CORNERS: [(usize, usize); 4] = [
    (0, 0),
    (0, CELLS - 1),
    (CELLS - 1, CELLS - 1),
    (CELLS - 1, 0),
];

fn is_corner(row: usize, column: usize) -> bool {
    CORNERS.contains(&(row, column))
}

/// Places of the bits, row by row.
fn places() -> impl Iterator<Item = (usize, usize)> {
    let all = (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| (row, column)));
    all.filter(|(row, column)| !is_corner(*row, *column))
}

/// Gray code and check bits.
fn word(number: u16) -> u32 {
    let gray = number ^ (number >> 1);
    u32::from(gray) << 16 | u32::from(check(number))
}

/// CRC-16 (CCITT) of the number's two bytes.
fn check(number: u16) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in number.to_be_bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = match crc & 0x8000 {
                0 => crc << 1,
                _ => crc << 1 ^ 0x1021,
            };
        }
    }
    crc
}

fn from_gray(mut gray: u16) -> u16 {
    for shift in [8, 4, 2, 1] {
        gray ^= gray >> shift;
    }
    gray
}

/// The cells of a number; true is white.
pub(super) fn cells_of(number: u16) -> [[bool; CELLS]; CELLS] {
    let word = word(number);
    let mut cells = [[false; CELLS]; CELLS];
    for (row, column) in &CORNERS {
        cells[*row][*column] = (*row, *column) != CORNERS[2];
    }
    for (bit, (row, column)) in places().enumerate() {
        cells[row][column] = word >> (31 - bit) & 1 == 1;
    }
    cells
}

/// The number whose cells have these levels.
pub(super) fn number_of(levels: &Levels) -> Result<u16, ClockReadError> {
    let (black, white) = reference(levels).ok_or(ClockReadError::NotFound)?;
    let share = |row: usize, column: usize| (levels[row + 1][column + 1] - black) / (white - black);
    // The black corner is the one that is the lower right where nothing is turned.
    let dark = |(row, column): &(usize, usize)| share(*row, *column) < 0.5;
    let mut black_corners = (0..4).filter(|corner| dark(&CORNERS[*corner]));
    let (Some(corner), None) = (black_corners.next(), black_corners.next()) else {
        return Err(ClockReadError::NotFound);
    };
    let turns = (corner + 2) % 4;
    let mut word = 0_u32;
    let mut is_clear = true;
    for (row, column) in places() {
        let (row, column) = turned(row, column, turns);
        let share = share(row, column);
        is_clear &= !(UNCLEAR..=1.0 - UNCLEAR).contains(&share);
        word = word << 1 | u32::from(share > 0.5);
    }
    if !is_clear {
        return Err(ClockReadError::Unclear);
    }
    let number = from_gray((word >> 16) as u16);
    match check(number) == word as u16 {
        true => Ok(number),
        false => Err(ClockReadError::Damaged),
    }
}

/// Where a cell is in a square that is turned clockwise by so many quarters.
fn turned(row: usize, column: usize, turns: usize) -> (usize, usize) {
    (0..turns).fold((row, column), |(row, column), _| (column, CELLS - 1 - row))
}

/// The levels of black and white: those of the frame and of the brightest corner. `None` where it is
/// no such square.
fn reference(levels: &Levels) -> Option<(f32, f32)> {
    let mut frame: Vec<f32> = Vec::new();
    for (row, line) in levels.iter().enumerate() {
        for (column, level) in line.iter().enumerate() {
            if [0, SIDE - 1].contains(&row) || [0, SIDE - 1].contains(&column) {
                frame.push(*level);
            }
        }
    }
    frame.sort_by(f32::total_cmp);
    let black = frame[frame.len() / 2];
    let mut corners = CORNERS.map(|(row, column)| levels[row + 1][column + 1]);
    corners.sort_by(f32::total_cmp);
    // Of three white corners the middle one.
    let white = corners[2];
    let darkest = frame.last().copied()?;
    let is_square = white - black >= MIN_CONTRAST && (darkest - black) / (white - black) < 0.5;
    is_square.then_some((black, white))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(number: u16, turns: usize) -> Levels {
        let cells = cells_of(number);
        let mut levels = [[20.0; SIDE]; SIDE];
        for (row, line) in cells.iter().enumerate() {
            for (column, is_white) in line.iter().enumerate() {
                let (to_row, to_column) = turned(row, column, turns);
                levels[to_row + 1][to_column + 1] = if *is_white { 220.0 } else { 20.0 };
            }
        }
        levels
    }

    fn mixed(one: &Levels, other: &Levels, share: f32) -> Levels {
        let mix = |row: usize, column: usize| {
            one[row][column] * share + other[row][column] * (1.0 - share)
        };
        std::array::from_fn(|row| std::array::from_fn(|column| mix(row, column)))
    }

    #[test]
    fn every_number_is_read_back_however_the_square_is_turned() {
        for number in 0..=u16::MAX {
            let turns = usize::from(number % 4);
            assert_eq!(number_of(&levels(number, turns)).unwrap(), number);
        }
    }

    #[test]
    fn neighbours_differ_in_one_bit_of_the_number_and_in_check_bits() {
        for number in 0..u16::MAX {
            let difference = word(number) ^ word(number + 1);
            assert_eq!((difference >> 16).count_ones(), 1, "{number}");
            assert!((difference as u16).count_ones() >= 3, "{number}");
        }
    }

    #[test]
    fn a_mixture_of_neighbours_is_refused_and_one_that_is_nearly_pure_is_not() {
        for number in (0..u16::MAX).step_by(17) {
            let (one, other) = (levels(number, 0), levels(number + 1, 0));
            for share in [0.4, 0.5, 0.6] {
                let read = number_of(&mixed(&one, &other, share));
                assert!(matches!(read, Err(ClockReadError::Unclear)), "{number}");
            }
            assert_eq!(number_of(&mixed(&one, &other, 0.9)).unwrap(), number);
        }
    }

    #[test]
    fn the_upper_half_of_one_and_the_lower_half_of_another_are_refused() {
        for number in (0..u16::MAX).step_by(7) {
            let (one, other) = (levels(number, 0), levels(number + 1, 0));
            for rows in 2..SIDE - 1 {
                let rolling: Levels =
                    std::array::from_fn(|row| if row < rows { one[row] } else { other[row] });
                match number_of(&rolling) {
                    Ok(read) => assert!([number, number + 1].contains(&read), "{number}"),
                    Err(error) => assert!(matches!(error, ClockReadError::Damaged)),
                }
            }
        }
    }

    #[test]
    fn what_is_no_square_of_cells_is_none() {
        assert!(number_of(&[[100.0; SIDE]; SIDE]).is_err());
        let mut broken = levels(7, 0);
        broken[0] = [220.0; SIDE];
        assert!(matches!(number_of(&broken), Err(ClockReadError::NotFound)));
    }
}
