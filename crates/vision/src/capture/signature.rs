//! Detection of a file's format by its first bytes.

use std::io::{self, Read, Seek};

use super::container::{is_box, read_at};

/// The format of a file, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSignature {
    /// A container or a raw stream that contains its frames itself.
    Video,
    /// A text that names other files: a playlist, or a description of a session.
    Playlist,
    /// Neither.
    Other,
}

/// First bytes of texts that FFmpeg opens as a video: HLS, concat, SDP, VobSub. DASH is any XML, which may
/// begin with comments.
const PLAYLISTS: [&[u8]; 4] = [b"#EXTM3U", b"ffconcat", b"v=0", b"# VobSub"];

/// Reads the first bytes of `file`.
///
/// # Errors
/// Those of reading it.
pub(crate) fn read_signature(file: &mut (impl Read + Seek)) -> io::Result<FileSignature> {
    let head = read_at(file, 0)?;
    Ok(match () {
        () if is_playlist(&head) => FileSignature::Playlist,
        () if is_container(&head) || is_transport_stream(file)? => FileSignature::Video,
        () => FileSignature::Other,
    })
}

/// Checked before containers: a comment of a DASH playlist may contain the name of an MP4 box at the
/// offset where an MP4 file has it.
fn is_playlist(head: &[u8; 16]) -> bool {
    let control = |byte: &u8| *byte < b' ' && !byte.is_ascii_whitespace();
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    // Zeros stand after the end of a file.
    let length = text.iter().rposition(|byte| *byte != 0);
    let text = text[..length.map_or(0, |at| at + 1)].trim_ascii_start();
    let is_markup = matches!(text, [b'<', b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..]);
    let is_known = PLAYLISTS.iter().any(|begin| text.starts_with(begin));
    (is_known || is_markup) && !text.iter().any(control)
}

fn is_container(head: &[u8; 16]) -> bool {
    match head {
        [b'R', b'I', b'F', b'F', ..] => &head[8..12] == b"AVI ",
        // Matroska and WebM; ASF (WMV).
        [0x1A, 0x45, 0xDF, 0xA3, ..] | [0x30, 0x26, 0xB2, 0x75, ..] => true,
        [b'F', b'L', b'V', 1, ..] | [b'O', b'g', b'g', b'S', ..] => true,
        [b'G', b'I', b'F', b'8', ..] | [b'D', b'K', b'I', b'F', ..] => true,
        [b'Y', b'U', b'V', b'4', b'M', b'P', b'E', b'G', b'2', ..] => true,
        [b'n', b'u', b't', b'/', b'm', b'u', b'l', b't', b'i', ..] => true,
        // Phantom cameras.
        [b'C', b'I', 0x2C, 0, ..] => true,
        // MXF, DV, APNG.
        [0x06, 0x0E, 0x2B, 0x34, ..] | [0x1F, 0x07, 0, ..] => true,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', ..] => true,
        // A sequence of JPEGs; AV1.
        [0xFF, 0xD8, 0xFF, ..] | [0x12, 0, 0x0A, ..] => true,
        // MPEG-1 and 2, MPEG-4, H.264 and HEVC: their start codes.
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => true,
        [_, _, _, _, kind @ ..] => is_box(kind),
    }
}

/// Packets of 188 bytes; in recordings of camcorders a timestamp precedes each.
fn is_transport_stream(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    const SYNC: u8 = 0x47;
    for (first, packet) in [(0, 188), (4, 192)] {
        let mut is_one = true;
        for at in 0..3 {
            is_one &= read_at(file, first + at * packet)?[0] == SYNC;
        }
        if is_one {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(bytes: &[u8]) -> FileSignature {
        read_signature(&mut Cursor::new(bytes)).unwrap()
    }

    fn transport_stream(first: usize, packet: usize) -> Vec<u8> {
        let mut stream = vec![0; 3 * packet];
        for at in 0..3 {
            stream[first + at * packet] = 0x47;
        }
        stream
    }

    #[test]
    fn videos_begin_as_videos() {
        for video in [
            &b"\0\0\0\x10ftypisom\0\0\0\0"[..],
            b"<!--mdat\0\0\0\x02\x09\x10\0\0",
            b"RIFF\x10\0\0\0AVI 0123",
            b"\x1A\x45\xDF\xA3\x84abcd",
            b"\0\0\x01\xBA0123",
            b"\0\0\0\x01\x67\x64\0\x0A",
            b"\xFF\xD8\xFF\xE0\0\x10JFIF\0",
            b"YUV4MPEG2 W128 H96 F25:1",
            &transport_stream(0, 188),
            &transport_stream(4, 192),
        ] {
            assert_eq!(of(video), FileSignature::Video, "{video:?}");
        }
    }

    #[test]
    fn texts_that_name_other_files_are_told_from_videos() {
        for playlist in [
            &b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"[..],
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
            b"<?xml version=\"1.0\"?><MPD/>",
            b"<MPD/>",
            b"<!--styp--><MPD/>",
            b"<!--mdat--><MPD/>",
            b"<!--\xC3\xA4mdat--><MPD/>",
            b"\xEF\xBB\xBF \n<MPD/>",
        ] {
            assert_eq!(of(playlist), FileSignature::Playlist, "{playlist:?}");
        }
    }

    #[test]
    fn anything_else_is_neither() {
        for other in [
            &b"RIFF\x10\0\0\0WAVE0123"[..],
            b"G is for goose, not for a transport stream",
            b"a text that is no video at all",
            b"\0\0\0\0\0\0\0\0",
            b"",
        ] {
            assert_eq!(of(other), FileSignature::Other, "{other:?}");
        }
    }
}
