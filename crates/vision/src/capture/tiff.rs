//! The pages of TIFF files, and those that FFmpeg does not read, or reads wrongly: it takes 16-bit floats and
//! signed numbers for unsigned ones.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Seek};

use super::container::read_at;

/// The most pages of a file.
const MAX_PAGES: usize = 1_000_000;

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
    /// It has several pages, and stands in a list of images, where each is one frame.
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
                "is a TIFF with several pages, and each image of a list is one frame. Give it alone: then each \
                 of its pages is a frame",
            ),
            Self::BigTiff => f.write_str(
                "is a BigTIFF, which is not read. Save each page as a file of its own and give their \
                 pattern, such as img_%04d.png (in Fiji: Save As, Image Sequence)",
            ),
        }
    }
}

/// Where the pages of a TIFF begin, previews and masks left out, or why they cannot be read. None are found in
/// other files, and in damaged ones.
///
/// # Errors
/// Those of reading it.
pub(super) fn pages(file: &mut (impl Read + Seek)) -> io::Result<Result<Vec<u32>, TiffProblem>> {
    let (is_big_endian, version) = match read_at(file, 0)? {
        [b'I', b'I', version, 0, ..] => (false, version),
        [b'M', b'M', 0, version, ..] => (true, version),
        _ => return Ok(Ok(Vec::new())),
    };
    match version {
        42 => {}
        43 => return Ok(Err(TiffProblem::BigTiff)),
        _ => return Ok(Ok(Vec::new())),
    }
    let mut reader = TiffReader {
        file,
        is_big_endian,
    };
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut next = reader.u32_at(4)?;
    // A directory that names an earlier one as the next would never end.
    while next != 0 && seen.len() < MAX_PAGES && seen.insert(next) {
        let page = reader.page_at(next)?;
        if !page.has_entries {
            break;
        }
        if page.subfile_type.unwrap_or(0) & PREVIEW_OR_MASK == 0 {
            if let Some(problem) = page.problem() {
                return Ok(Err(problem));
            }
            found.push(next);
        }
        next = page.next;
    }
    Ok(Ok(found))
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

impl TiffPage {
    fn problem(&self) -> Option<TiffProblem> {
        let (bits, format) = (self.bits.unwrap_or(1), self.sample_format.unwrap_or(1));
        let kind = match format {
            2 => SampleKind::Signed,
            3 => SampleKind::Float,
            5 | 6 => SampleKind::Complex,
            _ => SampleKind::Unsigned,
        };
        let is_read = kind == SampleKind::Unsigned && bits <= 16;
        (!is_read).then_some(TiffProblem::Samples { kind, bits })
    }
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
        pages(&mut Cursor::new(bytes)).unwrap().err()
    }

    fn count(bytes: &[u8]) -> usize {
        pages(&mut Cursor::new(bytes)).unwrap().unwrap().len()
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
    fn pages_are_counted_without_previews() {
        let page: &[_] = &[(BITS_PER_SAMPLE, 1, 8)];
        assert_eq!(count(&file(false, &[page])), 1);
        for is_big_endian in [false, true] {
            let three = file(is_big_endian, &[page, page, page]);
            assert_eq!(count(&three), 3);
            let first = pages(&mut Cursor::new(&three)).unwrap().unwrap()[0];
            assert_eq!(first, 8);
        }
        let preview: &[_] = &[(NEW_SUBFILE_TYPE, 1, 1)];
        assert_eq!(count(&file(false, &[page, preview, page])), 2);
        let floats: &[_] = &[(BITS_PER_SAMPLE, 1, 32), (SAMPLE_FORMAT, 1, 3)];
        let mixed = file(false, &[page, floats]);
        assert_eq!(found(&mixed), samples(SampleKind::Float, 32));
        assert_eq!(found(b"II+\0\x08\0\0\0"), Some(TiffProblem::BigTiff));
        assert_eq!((count(b"II*\0"), count(b"")), (0, 0));
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
        assert_eq!(count(&circle), 1);
    }
}
