//! The formats of V4L2 that are read here, and where their pixels are. Pure.

use ffmpeg::ffi::AVPixelFormat;

use crate::aravis::format::BayerOrder;

/// A format's number by its four letters.
pub(super) const fn code(letters: [u8; 4]) -> u32 {
    u32::from_le_bytes(letters)
}

pub(super) const MJPG: u32 = code(*b"MJPG");
pub(super) const JPEG: u32 = code(*b"JPEG");

/// Stands for samples with their high byte first.
const BIG_ENDIAN: u32 = 1 << 31;

/// How the pixels of a format are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelKind {
    /// Each frame is a JPEG.
    Jpeg,
    /// One colour a pixel, which has to be computed from its neighbours.
    Bayer(BayerOrder),
    /// Pixels as FFmpeg has them, in one plane.
    Packed {
        format: AVPixelFormat,
        /// Bytes of a pixel.
        bytes: usize,
    },
    /// Two pixels have four bytes: two of luma, one of each difference.
    Pairs {
        format: AVPixelFormat,
        /// Which byte is the first luma, the blue difference, and the red difference. The second luma stands two
        /// bytes behind the first.
        places: [usize; 3],
    },
    /// A plane of luma, and one with both differences for two pixels beside each other.
    Interleaved {
        format: AVPixelFormat,
        /// Rows that share differences.
        down: usize,
        red_first: bool,
    },
    /// A plane of luma and one for each difference, for two pixels beside each other.
    Planes {
        /// Rows that share differences.
        down: usize,
        red_first: bool,
    },
}

/// Letters, and how such pixels are read; the usual ones first.
const FORMATS: [([u8; 4], PixelKind); 34] = {
    use AVPixelFormat as Av;
    use BayerOrder::{BlueGreen, GreenBlue, GreenRed, RedGreen};
    use PixelKind::{Bayer, Interleaved, Jpeg, Packed, Pairs, Planes};
    const fn packed(format: AVPixelFormat, bytes: usize) -> PixelKind {
        Packed { format, bytes }
    }
    const fn pairs(format: AVPixelFormat, places: [usize; 3]) -> PixelKind {
        Pairs { format, places }
    }
    const fn interleaved(format: AVPixelFormat, down: usize, red_first: bool) -> PixelKind {
        Interleaved {
            format,
            down,
            red_first,
        }
    }
    const fn planes(down: usize, red_first: bool) -> PixelKind {
        Planes { down, red_first }
    }
    [
        (*b"MJPG", Jpeg),
        (*b"JPEG", Jpeg),
        (*b"YUYV", pairs(Av::YUYV422, [0, 1, 3])),
        (*b"UYVY", pairs(Av::UYVY422, [1, 0, 2])),
        (*b"YVYU", pairs(Av::YVYU422, [0, 3, 1])),
        (*b"NV12", interleaved(Av::NV12, 2, false)),
        (*b"NV21", interleaved(Av::NV21, 2, true)),
        (*b"NV16", interleaved(Av::NV16, 1, false)),
        (*b"YU12", planes(2, false)),
        (*b"YV12", planes(2, true)),
        (*b"422P", planes(1, false)),
        (*b"GREY", packed(Av::GRAY8, 1)),
        (*b"Y10 ", packed(Av::GRAY10LE, 2)),
        (*b"Y12 ", packed(Av::GRAY12LE, 2)),
        (*b"Y14 ", packed(Av::GRAY14LE, 2)),
        (*b"Y16 ", packed(Av::GRAY16LE, 2)),
        (*b"RGB3", packed(Av::RGB24, 3)),
        (*b"BGR3", packed(Av::BGR24, 3)),
        (*b"BGR4", packed(Av::BGR0, 4)),
        (*b"XR24", packed(Av::BGR0, 4)),
        (*b"AR24", packed(Av::BGR0, 4)),
        (*b"RGB4", packed(Av::_0RGB, 4)),
        (*b"BX24", packed(Av::_0RGB, 4)),
        (*b"BA24", packed(Av::_0RGB, 4)),
        (*b"XB24", packed(Av::RGB0, 4)),
        (*b"AB24", packed(Av::RGB0, 4)),
        (*b"RX24", packed(Av::_0BGR, 4)),
        (*b"RA24", packed(Av::_0BGR, 4)),
        (*b"RGBP", packed(Av::RGB565LE, 2)),
        (*b"RGBR", packed(Av::RGB565BE, 2)),
        (*b"BA81", Bayer(BlueGreen)),
        (*b"GBRG", Bayer(GreenBlue)),
        (*b"GRBG", Bayer(GreenRed)),
        (*b"RGGB", Bayer(RedGreen)),
    ]
};

impl PixelKind {
    /// By a format's number; `None` for one that is not read here.
    pub(super) fn of(wanted: u32) -> Option<PixelKind> {
        if wanted == code(*b"Y16 ") | BIG_ENDIAN {
            let format = AVPixelFormat::GRAY16BE;
            return Some(PixelKind::Packed { format, bytes: 2 });
        }
        let found = FORMATS.iter().find(|(letters, _)| code(*letters) == wanted);
        found.map(|(_, kind)| *kind)
    }

    /// The planes of a frame of this size whose rows are `stride` bytes apart, one behind the other; `None` for
    /// JPEGs.
    pub(super) fn planes(self, (width, height): (u32, u32), stride: usize) -> Option<Vec<Plane>> {
        let (width, height) = (width as usize, height as usize);
        let half = width.div_ceil(2);
        // Bytes and rows of each plane, and what part of the stride it has.
        let planes: &[(usize, usize, usize)] = match self {
            PixelKind::Jpeg => return None,
            PixelKind::Bayer(_) => &[(width, height, 1)],
            PixelKind::Packed { bytes, .. } => &[(width * bytes, height, 1)],
            PixelKind::Pairs { .. } => &[(half * 4, height, 1)],
            PixelKind::Interleaved { down, .. } => {
                &[(width, height, 1), (half * 2, height.div_ceil(down), 1)]
            }
            PixelKind::Planes { down, .. } => {
                let chroma = (half, height.div_ceil(down), 2);
                &[(width, height, 1), chroma, chroma]
            }
        };
        let mut start = 0_usize;
        let plane = |&(row, rows, part): &(usize, usize, usize)| {
            let plane = Plane {
                start,
                stride: (stride / part).max(row),
                row,
                rows,
            };
            start = start.saturating_add(plane.stride.saturating_mul(rows));
            plane
        };
        Some(planes.iter().map(plane).collect())
    }
}

/// The letters of the formats that are read here.
pub(super) fn names() -> Vec<String> {
    let name = |(letters, _): &([u8; 4], _)| {
        let name = String::from_utf8_lossy(letters);
        name.trim_end().to_owned()
    };
    FORMATS.iter().map(name).collect()
}

/// Where a plane of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plane {
    /// Its first byte.
    pub(super) start: usize,
    /// Bytes from row to row.
    pub(super) stride: usize,
    /// Bytes of a row that are pixels.
    pub(super) row: usize,
    /// Rows.
    pub(super) rows: usize,
}

impl Plane {
    /// The first byte behind its last pixel.
    pub(super) fn end(&self) -> usize {
        let last = self.stride.saturating_mul(self.rows.saturating_sub(1));
        self.start.saturating_add(last).saturating_add(self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(letters: &[u8; 4]) -> PixelKind {
        PixelKind::of(code(*letters)).unwrap()
    }

    #[test]
    fn planes_follow_each_other() {
        let starts = |letters, size, stride| {
            let planes = of(letters).planes(size, stride).unwrap();
            let end = planes.last().unwrap().end();
            (planes.iter().map(|it| it.start).collect::<Vec<_>>(), end)
        };
        assert_eq!(starts(b"YUYV", (4, 2), 0), (vec![0], 16));
        assert_eq!(starts(b"YUYV", (4, 2), 12), (vec![0], 20));
        assert_eq!(starts(b"NV12", (4, 4), 8), (vec![0, 32], 44));
        assert_eq!(starts(b"NV12", (5, 3), 0), (vec![0, 15], 27));
        assert_eq!(starts(b"YU12", (4, 4), 8), (vec![0, 32, 40], 46));
        assert_eq!(starts(b"422P", (4, 4), 4), (vec![0, 16, 24], 32));
        assert_eq!(starts(b"Y10 ", (3, 2), 0), (vec![0], 12));
        assert_eq!(of(b"MJPG").planes((4, 4), 4), None);
    }

    #[test]
    fn absurd_sizes_end_beyond_all_memory() {
        let most = (u32::MAX, u32::MAX);
        for (letters, _) in FORMATS {
            let planes = of(&letters).planes(most, usize::MAX).unwrap_or_default();
            assert!(planes.iter().all(|plane| plane.end() > 1 << 60));
        }
    }

    #[test]
    fn each_format_has_one_meaning() {
        for (at, (letters, _)) in FORMATS.iter().enumerate() {
            let first = FORMATS.iter().position(|(other, _)| other == letters);
            assert_eq!(first, Some(at));
        }
        assert_eq!(PixelKind::of(code(*b"H264")), None);
        let big = PixelKind::of(code(*b"Y16 ") | BIG_ENDIAN).unwrap();
        assert_ne!(big, of(b"Y16 "));
        assert!(names().contains(&"Y16".to_owned()));
    }
}
