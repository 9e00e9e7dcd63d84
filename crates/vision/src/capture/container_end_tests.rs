//! Files that are cut off in their last part.

use std::io::Cursor;

use super::ends::y4m_frame;
use super::*;

fn missing(bytes: &[u8]) -> u64 {
    inspect(&mut Cursor::new(bytes)).unwrap().missing_bytes
}

/// A whole file misses nothing, and one that is cut inside of its last part does.
fn check(whole: &[u8], last_part: usize) {
    assert_eq!(missing(whole), 0);
    for cut in 1..last_part {
        assert!(missing(&whole[..whole.len() - cut]) > 0, "{cut}");
    }
    // Bytes of a hostile file do no harm.
    for at in 0..whole.len() {
        let mut bad = whole.to_vec();
        bad[at] = 0xFF;
        let _ = missing(&bad);
    }
}

#[test]
fn frames_of_an_ivf_file() {
    let mut file = b"DKIF\0\0\x20\0VP80".to_vec();
    file.resize(32, 0);
    for size in [3u8, 5] {
        file.extend([size, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(vec![7; usize::from(size)]);
    }
    check(&file, 17);
}

#[test]
fn pages_of_an_ogg_file() {
    let page = [&b"OggS"[..], &[0; 22], &[2, 255, 10], &[1; 265]].concat();
    // Fewer bytes than its name do not show that there is a page.
    check(&page.repeat(3), page.len() - 4);
}

#[test]
fn frames_of_a_y4m_file() {
    let mut file = b"YUV4MPEG2 W5 H3 F25:1 Ip C420jpeg\n".to_vec();
    let frame = [&b"FRAME\n"[..], &[9; 15 + 2 * 6]].concat();
    file.extend(frame.repeat(2));
    check(&file, frame.len());
    assert_eq!(y4m_frame(b"YUV4MPEG2 W4 H2 C422p10"), Some(32));
    assert_eq!(y4m_frame(b"YUV4MPEG2 W4 H2 Cmono"), Some(8));
    assert_eq!(y4m_frame(b"YUV4MPEG2 W4"), None);
}

#[test]
fn chunks_of_a_png_and_values_of_an_mxf_file() {
    let mut png = b"\x89PNG\r\n\x1A\n".to_vec();
    png.extend(b"\0\0\0\x02IDATxxcccc");
    png.extend(b"\0\0\0\0IENDcccc");
    assert_eq!(missing(&png), 0);
    assert!(missing(&png[..png.len() - 9]) > 0);
    let mut mxf = b"\x06\x0E\x2B\x340123456789ab\x83\0\0\x04abcd".to_vec();
    mxf.extend(b"\x06\x0E\x2B\x340123456789ab\x03abc");
    check(&mxf, 16);
}

#[test]
fn packets_of_a_transport_stream() {
    let mut packet = [0; 188];
    packet[0] = 0x47;
    check(&packet.repeat(4), 187);
    assert_eq!(missing(&[&packet.repeat(4)[..], b"other"].concat()), 0);
}

#[test]
fn ends_of_jpegs_and_gifs() {
    let jpeg = b"\xFF\xD8\xFF\xE0xxxx\xFF\xD9".repeat(2);
    check(&jpeg, 8);
    // What a telephone adds after its end.
    assert_eq!(missing(&[&jpeg[..], b"trailer"].concat()), 0);
    check(b"GIF89a0123456789;", 5);
}
