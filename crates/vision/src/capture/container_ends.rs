//! Where the last part of a file ends, in formats whose parts follow each other without an index.

use std::io::{self, Read, Seek, SeekFrom};

/// The most parts of a file that are read, which bounds the time for a file of headers alone: a
/// recorder that begins a part every second takes days to write so many.
pub(super) const MOST_PARTS: usize = 1_000_000;

/// The 16 bytes at `position`, zeros after the end.
pub(super) fn read_at(file: &mut (impl Read + Seek), position: u64) -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    file.seek(SeekFrom::Start(position))?;
    let mut read = 0;
    while read < bytes.len() {
        match file.read(&mut bytes[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(bytes)
}

/// Whether these bytes begin a JPEG.
pub(super) fn is_jpeg(head: &[u8]) -> bool {
    head.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// Where the last frame of an IVF file ends.
pub(super) fn ivf_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    let head = read_at(file, 0)?;
    let header = u64::from(u16::from_le_bytes([head[6], head[7]]));
    let mut position = header;
    for _ in 0..MOST_PARTS {
        if position >= length {
            return Ok(position);
        }
        let frame = read_at(file, position)?;
        let size = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]);
        position += 12 + u64::from(size);
    }
    Ok(length)
}

/// Beyond the end of a PNG without its last chunk.
pub(super) fn png_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    let tail = tail(file, length, 1 << 16)?;
    let is_whole = tail.windows(4).any(|it| it == b"IEND");
    Ok(length + u64::from(!is_whole))
}

/// Where the last key, length and value of an MXF file end.
pub(super) fn mxf_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    let mut position = 0u64;
    for _ in 0..MOST_PARTS {
        if position >= length {
            return Ok(position);
        }
        let key = read_at(file, position)?;
        let size = read_at(file, position + 16)?;
        if key[..4] != [0x06, 0x0E, 0x2B, 0x34] {
            return Ok(position);
        }
        let (bytes, value) = match size[0] {
            short @ 0..0x80 => (1, u64::from(short)),
            long => {
                let bytes = usize::from(long & 0x7F).min(8);
                let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
                (1 + bytes as u64, size[1..=bytes].iter().fold(0, add))
            }
        };
        position = (position + 16 + bytes).saturating_add(value);
    }
    Ok(length)
}

/// Where the last page of an Ogg file ends.
pub(super) fn ogg_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    let mut position = 0u64;
    for _ in 0..MOST_PARTS {
        if position >= length {
            return Ok(position);
        }
        if !read_at(file, position)?.starts_with(b"OggS") {
            return Ok(position);
        }
        let segments = u64::from(read_at(file, position + 26)?[0]);
        let mut sizes = vec![0; segments as usize];
        file.seek(SeekFrom::Start(position + 27))?;
        if file.read_exact(&mut sizes).is_err() {
            return Ok(length.saturating_add(1));
        }
        let content: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
        position += 27 + segments + content;
    }
    Ok(length)
}

/// Where the last frame of a Y4M file ends.
pub(super) fn y4m_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    const MAX_HEADER: u64 = 1024;
    const FRAME: &[u8] = b"FRAME\n";
    let mut header = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    (&mut *file).take(MAX_HEADER).read_to_end(&mut header)?;
    let Some(end) = header.iter().position(|byte| *byte == b'\n') else {
        return Ok(0);
    };
    let begins = |rest: &[u8]| rest.starts_with(FRAME) || FRAME.starts_with(rest);
    let Some(size) = y4m_frame(&header[..end]).filter(|_| begins(&header[end + 1..])) else {
        return Ok(0);
    };
    let start = end as u64 + 1;
    let frame = size.saturating_add(FRAME.len() as u64);
    let frames = length.saturating_sub(start).div_ceil(frame);
    Ok(start.saturating_add(frames.saturating_mul(frame)))
}

/// The bytes of a frame.
pub(super) fn y4m_frame(header: &[u8]) -> Option<u64> {
    let header = std::str::from_utf8(header).ok()?;
    let field = |letter: char| {
        let mut fields = header.split(' ').skip(1);
        fields.find_map(|field| field.strip_prefix(letter))
    };
    let width: u64 = field('W')?.parse::<u32>().ok()?.into();
    let height: u64 = field('H')?.parse::<u32>().ok()?.into();
    let format = field('C').unwrap_or("420");
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let chroma = match format {
        _ if format.starts_with("mono") => 0,
        _ if format.starts_with("420") => half_width * half_height,
        _ if format.starts_with("422") => half_width * height,
        "444alpha" => return None,
        _ if format.starts_with("444") => width * height,
        _ => return None,
    };
    let depth = match format.rsplit_once('p').map(|(_, bits)| bits.parse()) {
        Some(Ok(9..=16u8)) => 2,
        _ if format == "mono16" => 2,
        _ if matches!(format, "mono9" | "mono10" | "mono12") => 2,
        _ => 1,
    };
    (width * height + 2 * chroma).checked_mul(depth)
}

/// Where the last packet of an MPEG transport stream ends.
pub(super) fn ts_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    const PACKET: u64 = 188;
    const SYNC: u8 = 0x47;
    let is_packet = |file: &mut _, at| io::Result::Ok(read_at(file, at * PACKET)?[0] == SYNC);
    Ok(
        match is_packet(file, 1)? && is_packet(file, length / PACKET)? {
            true => length.next_multiple_of(PACKET),
            // Of other packets, or with other bytes after the last one.
            false => 0,
        },
    )
}

/// Beyond the end of a file whose last JPEG has no end.
pub(super) fn jpeg_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    let tail = tail(file, length, 1 << 20)?;
    let last = |marker: &[u8]| tail.windows(marker.len()).rposition(|it| it == marker);
    let is_whole = match (last(&[0xFF, 0xD8, 0xFF]), last(&[0xFF, 0xD9])) {
        (_, None) => false,
        (begin, Some(end)) => begin.is_none_or(|begin| begin < end),
    };
    Ok(length + u64::from(!is_whole))
}

/// Beyond the end of a GIF without its trailer.
pub(super) fn gif_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<u64> {
    const TRAILER: u8 = 0x3B;
    let tail = tail(file, length, 1)?;
    Ok(length + u64::from(tail != [TRAILER]))
}

/// The last bytes of a file.
fn tail(file: &mut (impl Read + Seek), length: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    file.take(bytes).read_to_end(&mut tail)?;
    Ok(tail)
}
