//! Colours that stay apart from each other and visible on light and dark fur.

/// BGR, ordered so that the first few differ most.
pub const COLORS: [[u8; 3]; 12] = [
    [255, 176, 0],
    [0, 130, 255],
    [110, 230, 50],
    [220, 70, 240],
    [0, 230, 255],
    [60, 60, 255],
    [230, 230, 40],
    [180, 140, 255],
    [40, 160, 120],
    [255, 80, 110],
    [140, 210, 255],
    [190, 255, 180],
];

/// Of an animal without a track where others have one.
pub const UNTRACKED: [u8; 3] = [200, 200, 200];

/// The colour of item `index`; they repeat after twelve.
pub(super) fn color(index: usize) -> [u8; 3] {
    COLORS[index % COLORS.len()]
}

/// Between the colour and black, for the outline under it.
pub(super) fn shade([blue, green, red]: [u8; 3]) -> [u8; 3] {
    [blue / 5, green / 5, red / 5]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_far_apart() {
        for (index, first) in COLORS.iter().enumerate() {
            for second in &COLORS[..index] {
                let apart = |i: usize| first[i].abs_diff(second[i]);
                let distance: u32 = (0..3).map(|i| u32::from(apart(i))).sum();
                assert!(distance > 85, "{first:?} and {second:?}: {distance}");
            }
        }
        assert_eq!(color(12), color(0));
    }
}
