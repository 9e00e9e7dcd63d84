//! The length of a video file by its outermost structure.
//!
//! FFmpeg reports the end of a file and missing bytes at its end alike. Whether bytes are missing can be read
//! from the container: MP4 and QuickTime (ISO 14496-12, boxes), AVI (RIFF), Matroska
//! and WebM (EBML, RFC 8794), and those of [`container_ends`].
//!
//! [`container_ends`]: super::container_ends

use std::io::{self, Read, Seek, SeekFrom};

use super::container_ends::{self as ends, MOST_PARTS};

pub(super) use super::container_ends::read_at;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ContainerLayout {
    /// It consists of parts, each with an index of its own (MP4 fragments): the first index is not that of
    /// the whole file.
    pub(super) is_fragmented: bool,
    /// Bytes that the container announces beyond the end of the file.
    pub(super) missing_bytes: u64,
    /// Its header says how long it is.
    pub(super) has_length: bool,
}

pub(crate) fn inspect(file: &mut (impl Read + Seek)) -> io::Result<ContainerLayout> {
    let length = file.seek(SeekFrom::End(0))?;
    let head = read_at(file, 0)?;
    let mut is_fragmented = false;
    let (has_length, end) = match &head {
        [b'R', b'I', b'F', b'F', size @ ..] if &head[8..12] == b"AVI " => {
            (true, riff_end(file, length, size)?)
        }
        [0x1A, 0x45, 0xDF, 0xA3, ..] => (true, matroska_end(file, &head)?),
        [b'D', b'K', b'I', b'F', ..] => (true, ends::ivf_end(file, length)?),
        [0x06, 0x0E, 0x2B, 0x34, ..] => (true, ends::mxf_end(file, length)?),
        [b'O', b'g', b'g', b'S', ..] => (false, ends::ogg_end(file, length)?),
        [0x89, b'P', b'N', b'G', ..] => (false, ends::png_end(file, length)?),
        [b'G', b'I', b'F', b'8', ..] => (false, ends::gif_end(file, length)?),
        [0x47, ..] => (false, ends::ts_end(file, length)?),
        head if head.starts_with(b"YUV4MPEG2 ") => (false, ends::y4m_end(file, length)?),
        head if ends::is_jpeg(head) => (false, ends::jpeg_end(file, length)?),
        [_, _, _, _, kind @ ..] if is_box(kind) => {
            let (has_fragments, end) = boxes_end(file, length)?;
            is_fragmented = has_fragments;
            (true, end)
        }
        _ => (true, 0),
    };
    Ok(ContainerLayout {
        is_fragmented,
        missing_bytes: end.saturating_sub(length),
        has_length,
    })
}

/// Whether these bytes name a box that stands at the beginning of a file.
pub(super) fn is_box(kind: &[u8]) -> bool {
    const TOP_LEVEL: [&[u8; 4]; 9] = [
        b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp",
    ];
    TOP_LEVEL.iter().any(|known| kind.starts_with(*known))
}

/// Whether there are fragments, and where the last top-level box ends.
fn boxes_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<(bool, u64)> {
    let mut position = 0u64;
    let mut is_fragmented = false;
    for _ in 0..MOST_PARTS {
        if position >= length {
            return Ok((is_fragmented, position));
        }
        let head = read_at(file, position)?;
        let size = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            // To the end of the file.
            0 => return Ok((is_fragmented, length)),
            1 => u64::from_be_bytes([
                head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
            ]),
            size => u64::from(size),
        };
        if size < 8 {
            // Not a box: other bytes after the last one do not mean that bytes are missing.
            return Ok((is_fragmented, position));
        }
        is_fragmented |= &head[4..8] == b"moof";
        position = position.saturating_add(size);
    }
    Ok((is_fragmented, length))
}

/// Where the last RIFF chunk ends; AVIs beyond 1 GB consist of several.
fn riff_end(file: &mut (impl Read + Seek), length: u64, size: &[u8]) -> io::Result<u64> {
    let chunk_end = |start: u64, size: &[u8]| {
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]);
        // 0 and -1 are left by a recorder that did not finish the header.
        let known = size != 0 && size != u32::MAX;
        if known {
            start + 8 + u64::from(size)
        } else {
            length
        }
    };
    let mut end = chunk_end(0, size);
    for _ in 0..MOST_PARTS {
        if end >= length {
            break;
        }
        let start = end + end % 2;
        let head = read_at(file, start)?;
        if &head[..4] != b"RIFF" {
            break;
        }
        end = chunk_end(start, &head[4..8]);
    }
    Ok(end)
}

/// Where the Matroska segment ends, or 0 where that is left open.
fn matroska_end(file: &mut (impl Read + Seek), head: &[u8; 16]) -> io::Result<u64> {
    let Some((header_size, used)) = vint(&head[4..]) else {
        return Ok(0);
    };
    let segment = 4 + used + header_size;
    let head = read_at(file, segment)?;
    if head[..4] != [0x18, 0x53, 0x80, 0x67] {
        return Ok(0);
    }
    Ok(vint(&head[4..]).map_or(0, |(size, used)| {
        segment.saturating_add(4 + used).saturating_add(size)
    }))
}

/// An EBML size and how many bytes it takes; `None` for "unknown" and invalid bytes.
fn vint(bytes: &[u8]) -> Option<(u64, u64)> {
    let first = *bytes.first()?;
    let width = first.leading_zeros() as usize + 1;
    let rest = bytes.get(1..width).filter(|_| width <= 8)?;
    let mask = 0xFFu8.checked_shr(width as u32).unwrap_or(0);
    let mut value = u64::from(first & mask);
    for byte in rest {
        value = value << 8 | u64::from(*byte);
    }
    let unknown = (1u64 << (7 * width)) - 1;
    (value != unknown).then_some((value, width as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn missing(bytes: &[u8]) -> ContainerLayout {
        inspect(&mut Cursor::new(bytes)).unwrap()
    }

    /// The shape of each file whole, cut at every byte, and with rubbish after it.
    fn check(whole: &[u8], is_fragmented: bool, known_from: usize) {
        let whole_shape = ContainerLayout {
            is_fragmented,
            missing_bytes: 0,
            has_length: true,
        };
        assert_eq!(missing(whole), whole_shape);
        for length in known_from..whole.len() {
            let cut = (whole.len() - length) as u64;
            assert_eq!(missing(&whole[..length]).missing_bytes, cut, "{length}");
        }
        let mut longer = whole.to_vec();
        longer.extend([0; 5]);
        assert_eq!(missing(&longer), whole_shape);
    }

    #[test]
    fn boxes_of_an_mp4() {
        let mut file = b"\0\0\0\x10ftypisom\0\0\0\0".to_vec();
        // A 64-bit size, as large recordings have.
        file.extend(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x18");
        file.extend([9; 8]);
        check(&file, false, 32);
        file.extend(b"\0\0\0\x08moof");
        let fragmented = missing(&file);
        assert!(fragmented.is_fragmented && fragmented.missing_bytes == 0);
        let mut to_the_end = b"\0\0\0\0mdat".to_vec();
        to_the_end.extend([9; 30]);
        assert_eq!(missing(&to_the_end).missing_bytes, 0);
        let absurd = b"\0\0\0\x01mdat\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        assert_eq!(missing(absurd).missing_bytes, u64::MAX - 16);
    }

    #[test]
    fn chunks_of_an_avi() {
        let mut file = b"RIFF\x10\0\0\0AVI 0123456789ab".to_vec();
        check(&file, false, 16);
        file.extend(b"RIFF\x08\0\0\0AVIX4567");
        assert_eq!(missing(&file).missing_bytes, 0);
        assert_eq!(missing(&file[..file.len() - 3]).missing_bytes, 3);
        for unfinished in [*b"RIFF\0\0\0\0AVI 0123", *b"RIFF\xFF\xFF\xFF\xFFAVI 0123"] {
            assert_eq!(missing(&unfinished).missing_bytes, 0);
        }
    }

    #[test]
    fn the_segment_of_a_matroska_file() {
        let header = b"\x1A\x45\xDF\xA3\x84abcd\x18\x53\x80\x67";
        let with = |size: &[u8]| [&header[..], size, &[7; 20]].concat();
        check(&with(b"\x94"), false, 25);
        check(&with(b"\x01\0\0\0\0\0\0\x14"), false, 25);
        for unknown in [&b"\xFF"[..], b"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF", b"\0"] {
            assert_eq!(missing(&with(unknown)).missing_bytes, 0);
        }
        let absurd = b"\x1A\x45\xDF\xA3\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFE";
        assert_eq!(missing(absurd).missing_bytes, 0);
    }

    #[test]
    fn other_files_have_no_known_length() {
        for other in [&b""[..], b"x", b"RIFF", b"text that is no video at all"] {
            let shape = missing(other);
            assert_eq!((shape.is_fragmented, shape.missing_bytes), (false, 0));
        }
    }
}

#[cfg(test)]
#[path = "container_end_tests.rs"]
mod end_tests;
