//! TIFF files that FFmpeg does not read, or reads wrongly: it takes 16-bit floats and signed numbers for
//! unsigned ones, and of several pages it reads the first alone.

use std::fmt;
use std::io::{self, Read, Seek};

use super::container::read_at;

/// Entries of a page's directory that are read; a file has a few dozen.
const MAX_ENTRIES: u16 = 1024;

const NEW_SUBFILE_TYPE: u16 = 254;
const BITS_PER_SAMPLE: u16 = 258;
const SAMPLE_FORMAT: u16 = 339;

/// Bits of `NewSubfileType`: the page is a preview of another one, or its mask.
const PREVIEW_OR_MASK: u32 = 0b101;

/// Why a TIFF file cannot be a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TiffProblem {
    /// Its samples are not unsigned integers of 16 bits or fewer.
    Samples {
        /// What they are.
        kind: SampleKind,
        /// Bits of one.
        bits: u16,
    },
    /// It has several pages.
    Pages,
    /// It has the form for more than 4 GB.
    BigTiff,
}

/// The kind of number that a sample of a TIFF file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Unsigned integers.
    Unsigned,
    /// Signed integers.
    Signed,
    /// Floats.
    Float,
    /// Complex numbers.
    Complex,
}

impl fmt::Display for TiffProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Samples { kind, bits } => {
                let kind = match kind {
                    SampleKind::Unsigned => "unsigned integers",
                    SampleKind::Signed => "signed integers",
                    SampleKind::Float => "floats",
                    SampleKind::Complex => "complex numbers",
                };
                write!(
                    f,
                    "is a TIFF whose pixels are {bits}-bit {kind}, and unsigned integers of 8 or 16 bits \
                     are read: which values are black and white cannot be known. Save it as 8-bit (in \
                     Fiji: Image, Type, 8-bit)"
                )
            }
            Self::Pages => f.write_str(
                "is a TIFF with several pages, of which only the first would be read. Save each page \
                 as a file of its own and give their pattern, such as img_%04d.png (in Fiji: Save As, \
                 Image Sequence)",
            ),
            Self::BigTiff => f.write_str(
                "is a BigTIFF, which is not read. Save each page as a file of its own and give their \
                 pattern, such as img_%04d.png (in Fiji: Save As, Image Sequence)",
            ),
        }
    }
}

/// What is wrong with a file, where it is a TIFF. A damaged one is left to FFmpeg.
///
/// # Errors
/// Those of reading it.
pub(super) fn problem(file: &mut (impl Read + Seek)) -> io::Result<Option<TiffProblem>> {
    let (is_big_endian, version) = match read_at(file, 0)? {
        [b'I', b'I', version, 0, ..] => (false, version),
        [b'M', b'M', 0, version, ..] => (true, version),
        _ => return Ok(None),
    };
    match version {
        42 => {}
        43 => return Ok(Some(TiffProblem::BigTiff)),
        _ => return Ok(None),
    }
    let mut reader = TiffReader {
        file,
        is_big_endian,
    };
    let first = reader.u32_at(4)?;
    let first = reader.page_at(first)?;
    let (bits, format) = (first.bits.unwrap_or(1), first.sample_format.unwrap_or(1));
    let kind = match format {
        2 => SampleKind::Signed,
        3 => SampleKind::Float,
        5 | 6 => SampleKind::Complex,
        _ => SampleKind::Unsigned,
    };
    if kind != SampleKind::Unsigned || bits > 16 {
        return Ok(Some(TiffProblem::Samples { kind, bits }));
    }
    let next = match first.next {
        0 => return Ok(None),
        next => reader.page_at(next)?,
    };
    let is_page = next.has_entries && next.subfile_type.unwrap_or(0) & PREVIEW_OR_MASK == 0;
    Ok(is_page.then_some(TiffProblem::Pages))
}

/// What is read of a page's directory.
#[derive(Default)]
struct TiffPage {
    has_entries: bool,
    subfile_type: Option<u32>,
    bits: Option<u16>,
    sample_format: Option<u16>,
    /// Where the next page's directory is; 0: nowhere.
    next: u32,
}

struct TiffReader<'f, F> {
    file: &'f mut F,
    is_big_endian: bool,
}

impl<F: Read + Seek> TiffReader<'_, F> {
    fn page_at(&mut self, offset: u32) -> io::Result<TiffPage> {
        let offset = u64::from(offset);
        let entries = self.u16_at(offset)?;
        let mut page = TiffPage {
            has_entries: entries > 0,
            ..TiffPage::default()
        };
        if entries > MAX_ENTRIES {
            return Ok(page);
        }
        for index in 0..u64::from(entries) {
            let at = offset + 2 + 12 * index;
            match self.u16_at(at)? {
                NEW_SUBFILE_TYPE => page.subfile_type = Some(self.u32_at(at + 8)?),
                BITS_PER_SAMPLE => page.bits = Some(self.first_short(at)?),
                SAMPLE_FORMAT => page.sample_format = Some(self.first_short(at)?),
                _ => {}
            }
        }
        page.next = self.u32_at(offset + 2 + 12 * u64::from(entries))?;
        Ok(page)
    }

    /// The first of an entry's numbers of 16 bits. More than two are elsewhere in the file.
    fn first_short(&mut self, entry: u64) -> io::Result<u16> {
        let at = match self.u32_at(entry + 4)? {
            0..=2 => entry + 8,
            _ => u64::from(self.u32_at(entry + 8)?),
        };
        self.u16_at(at)
    }

    fn u16_at(&mut self, at: u64) -> io::Result<u16> {
        let [a, b, ..] = read_at(self.file, at)?;
        Ok(match self.is_big_endian {
            true => u16::from_be_bytes([a, b]),
            false => u16::from_le_bytes([a, b]),
        })
    }

    fn u32_at(&mut self, at: u64) -> io::Result<u32> {
        let [a, b, c, d, ..] = read_at(self.file, at)?;
        Ok(match self.is_big_endian {
            true => u32::from_be_bytes([a, b, c, d]),
            false => u32::from_le_bytes([a, b, c, d]),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file of pages with these entries: tag, count, value.
    fn file(is_big_endian: bool, pages: &[&[(u16, u32, u32)]]) -> Vec<u8> {
        let short = |value: u16| match is_big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        };
        let long = |value: u32| match is_big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        };
        let mut bytes = match is_big_endian {
            true => b"MM\0*".to_vec(),
            false => b"II*\0".to_vec(),
        };
        bytes.extend(long(8));
        for (index, entries) in pages.iter().enumerate() {
            bytes.extend(short(entries.len() as u16));
            for &(tag, count, value) in *entries {
                bytes.extend(short(tag));
                let is_long = tag == NEW_SUBFILE_TYPE;
                bytes.extend(short(if is_long { 4 } else { 3 }));
                bytes.extend(long(count));
                match is_long || count > 2 {
                    true => bytes.extend(long(value)),
                    false => bytes.extend([short(value as u16), [0; 2]].concat()),
                }
            }
            let end = bytes.len() as u32 + 4;
            let is_last = index + 1 == pages.len();
            bytes.extend(long(if is_last { 0 } else { end }));
        }
        bytes
    }

    fn found(bytes: &[u8]) -> Option<TiffProblem> {
        problem(&mut Cursor::new(bytes)).unwrap()
    }

    fn samples(kind: SampleKind, bits: u16) -> Option<TiffProblem> {
        Some(TiffProblem::Samples { kind, bits })
    }

    #[test]
    fn only_short_unsigned_samples_are_read() {
        let gray = |bits, format| [(BITS_PER_SAMPLE, 1, bits), (SAMPLE_FORMAT, 1, format)];
        for is_big_endian in [false, true] {
            let found = |entries: &[_]| found(&file(is_big_endian, &[entries]));
            for bits in [1, 8, 16] {
                assert_eq!(found(&gray(bits, 1)), None);
                assert_eq!(found(&[(BITS_PER_SAMPLE, 1, bits)]), None);
            }
            assert_eq!(found(&gray(32, 1)), samples(SampleKind::Unsigned, 32));
            assert_eq!(found(&gray(16, 2)), samples(SampleKind::Signed, 16));
            assert_eq!(found(&gray(16, 3)), samples(SampleKind::Float, 16));
            assert_eq!(found(&gray(64, 3)), samples(SampleKind::Float, 64));
            assert_eq!(found(&gray(64, 6)), samples(SampleKind::Complex, 64));
        }
    }

    #[test]
    fn three_channels_have_their_numbers_elsewhere() {
        let at = 8 + 2 + 12 * 2 + 4;
        let mut rgb = file(
            false,
            &[&[(BITS_PER_SAMPLE, 3, at), (SAMPLE_FORMAT, 3, at + 6)]],
        );
        rgb.extend([32, 0, 32, 0, 32, 0, 3, 0, 3, 0, 3, 0]);
        assert_eq!(found(&rgb), samples(SampleKind::Float, 32));
    }

    #[test]
    fn several_pages_are_refused_but_not_a_preview() {
        let page: &[_] = &[(BITS_PER_SAMPLE, 1, 8)];
        assert_eq!(found(&file(false, &[page])), None);
        assert_eq!(found(&file(true, &[page, page])), Some(TiffProblem::Pages));
        let preview: &[_] = &[(NEW_SUBFILE_TYPE, 1, 1)];
        assert_eq!(found(&file(false, &[page, preview])), None);
        assert_eq!(found(b"II+\0\x08\0\0\0"), Some(TiffProblem::BigTiff));
        assert_eq!(found(b"II*\0"), None);
        assert_eq!(found(b""), None);
    }

    #[test]
    fn damage_is_no_panic() {
        let page: &[_] = &[(BITS_PER_SAMPLE, 3, 40), (SAMPLE_FORMAT, 1, 1)];
        let good = file(false, &[page, page]);
        for end in 0..good.len() {
            let _ = found(&good[..end]);
            for value in [0, 0x7F, 0xFF] {
                let mut bad = good.clone();
                bad[end] = value;
                let _ = found(&bad);
            }
        }
        // A directory that is its own successor.
        let mut circle = file(false, &[page]);
        let next = circle.len() - 4;
        circle[next] = 8;
        assert_eq!(found(&circle), Some(TiffProblem::Pages));
    }
}
