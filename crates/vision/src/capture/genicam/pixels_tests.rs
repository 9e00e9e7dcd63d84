use super::*;
use crate::aravis::format::Packing;

fn to_image(frame: &RawFrame<'_>) -> Result<Image, FrameFault> {
    content(frame, false).map(|content| match content {
        FrameContent::Pixels(image) => image,
        other => panic!("{other:?}"),
    })
}

fn to_deep(frame: &RawFrame<'_>) -> DeepImage {
    match content(frame, true).unwrap() {
        FrameContent::Deep(image) => image,
        other => panic!("{other:?}"),
    }
}

fn frame<'a>(name: &str, width: u32, height: u32, data: &'a [u8]) -> RawFrame<'a> {
    RawFrame {
        format: PixelFormat::by_name(name).unwrap().code,
        width,
        height,
        padding: 0,
        data,
    }
}

/// The bytes of samples, whose high eight bits these are; the bits below are set.
fn packed(packing: Packing, samples: &[u8]) -> Vec<u8> {
    let bits = match packing {
        Packing::Bytes => 8,
        Packing::Words(bits) | Packing::Triples(bits) | Packing::Dense(bits) => u32::from(bits),
    };
    let low_bits = bits - 8;
    let values = samples
        .iter()
        .map(|it| (u32::from(*it) << low_bits) | ((1 << low_bits) - 1));
    match packing {
        Packing::Bytes => samples.to_vec(),
        Packing::Words(_) => values.flat_map(|it| (it as u16).to_le_bytes()).collect(),
        Packing::Triples(_) => {
            let low = ((1 << low_bits) - 1) as u8;
            let pair = |pair: &[u8]| match *pair {
                [one, other] => vec![one, low | low << 4, other],
                [one] => vec![one, low],
                _ => Vec::new(),
            };
            samples.chunks(2).flat_map(pair).collect()
        }
        Packing::Dense(_) => {
            let mut all = Vec::new();
            let bit = |value: u32, at: u32| value >> at & 1;
            all.extend(values.flat_map(|it| (0..bits).map(move |at| bit(it, at))));
            let byte = |bits: &[u32]| {
                bits.iter()
                    .enumerate()
                    .map(|(at, it)| it << at)
                    .sum::<u32>()
            };
            all.chunks(8).map(|it| byte(it) as u8).collect()
        }
    }
}

#[test]
fn mono_frames_keep_their_high_bits() {
    let samples: Vec<u8> = (0..15).map(|it| it * 17).collect();
    for name in PixelFormat::names().filter(|name| name.starts_with("Mono")) {
        let packing = PixelFormat::by_name(name).unwrap().packing;
        let data = packed(packing, &samples);
        let image = to_image(&frame(name, 5, 3, &data)).unwrap();
        assert_eq!((image.width, image.height, image.channels), (5, 3, 1));
        assert_eq!(image.data[..], samples, "{name}");
        let bits = PixelFormat::by_name(name).unwrap().significant_bits();
        if bits > 8 {
            let deep = to_deep(&frame(name, 5, 3, &data));
            assert_eq!((deep.size(), deep.channels()), ((5, 3), 1));
            assert_eq!(deep.significant_bits(), bits);
            // The bits below the high eight are set.
            let low = (1 << (bits - 8)) - 1;
            let expected = samples
                .iter()
                .map(|it| (u16::from(*it) << (bits - 8)) | low);
            let expected: Vec<u8> = expected.flat_map(u16::to_le_bytes).collect();
            assert_eq!(deep.data()[..], expected, "{name}");
        }
    }
}

#[test]
fn a_mosaic_of_one_colour_shows_that_colour_in_each_order() {
    const BLUE: u8 = 10;
    const GREEN: u8 = 90;
    const RED: u8 = 200;
    let mut orders = 0;
    for name in PixelFormat::names().filter(|name| name.starts_with("Bayer")) {
        let [first, second] = match &name[5..7] {
            "BG" => [[BLUE, GREEN], [GREEN, RED]],
            "GB" => [[GREEN, BLUE], [RED, GREEN]],
            "GR" => [[GREEN, RED], [BLUE, GREEN]],
            "RG" => [[RED, GREEN], [GREEN, BLUE]],
            other => panic!("{other}"),
        };
        let row = |pair: [u8; 2]| pair.into_iter().cycle().take(6);
        let rows = (0..6).flat_map(|y| row(if y % 2 == 0 { first } else { second }));
        let packing = PixelFormat::by_name(name).unwrap().packing;
        let data = packed(packing, &rows.collect::<Vec<u8>>());
        let image = to_image(&frame(name, 6, 6, &data)).unwrap();
        assert_eq!(image.channels, 3);
        for pixel in image.data.chunks(3) {
            assert_eq!(pixel, [BLUE, GREEN, RED], "{name}");
        }
        if PixelFormat::by_name(name).unwrap().significant_bits() > 8 {
            let deep = to_deep(&frame(name, 6, 6, &data));
            assert_eq!((deep.size(), deep.channels()), ((6, 6), 3));
            assert_eq!(deep.narrow(), image, "{name}");
        }
        orders += 1;
    }
    assert_eq!(orders, 32);
}

#[test]
fn colours_are_blue_green_red() {
    let data = [1, 2, 3, 4, 5, 6];
    let image = |name| to_image(&frame(name, 2, 1, &data)).unwrap();
    assert_eq!(image("BGR8").data[..], data);
    assert_eq!(image("RGB8").data[..], [3, 2, 1, 6, 5, 4]);
    let gray = [100, 128, 50, 128];
    let image = to_image(&frame("YUV422_8", 2, 1, &gray)).unwrap();
    assert_eq!(image.data[..], [100, 100, 100, 50, 50, 50]);
    let image = to_image(&frame("YUV422_8_UYVY", 2, 1, &[128, 100, 128, 50])).unwrap();
    assert_eq!(image.data[..], [100, 100, 100, 50, 50, 50]);
}

#[test]
fn what_stands_between_rows_is_left_out() {
    let padded = |name, width, data, padding| {
        let frame = RawFrame {
            padding,
            ..frame(name, width, 2, data)
        };
        to_image(&frame).unwrap().data
    };
    assert_eq!(padded("Mono8", 2, &[1, 2, 9, 9, 3, 4], 2)[..], [1, 2, 3, 4]);
    // A row of three samples is four bytes.
    let row = packed(Packing::Dense(10), &[1, 2, 3]);
    let data = [&row[..], &[9], &row[..], &[9]].concat();
    assert_eq!(padded("Mono10p", 3, &data, 1)[..], [1, 2, 3, 1, 2, 3]);
}

#[test]
fn frames_whose_bytes_are_missing_are_refused() {
    for name in PixelFormat::names() {
        let format = PixelFormat::by_name(name).unwrap();
        let needed = packed_len(format.packing, 6 * 4 * format.samples()).unwrap();
        let data = vec![0x5a; needed];
        to_image(&frame(name, 6, 4, &data)).unwrap();
        let short = to_image(&frame(name, 6, 4, &data[1..])).unwrap_err();
        assert!(matches!(short, FrameFault::Short { .. }), "{name}: {short}");
        to_image(&frame(name, 6, 4, &[])).unwrap_err();
    }
}

#[test]
fn absurd_frames_are_refused_without_a_panic() {
    let data = vec![0x5a; 4096];
    let sides = [0, 1, 2, 3, 4, 64, 65_535, 65_536, u32::MAX];
    for name in PixelFormat::names() {
        for (width, height) in sides.iter().flat_map(|w| sides.map(|h| (*w, h))) {
            for padding in [0, 1, usize::MAX] {
                let frame = RawFrame {
                    padding,
                    ..frame(name, width, height, &data)
                };
                if let Ok(image) = to_image(&frame) {
                    assert!(image.width * image.height <= 4096);
                }
            }
        }
    }
    let unknown = RawFrame {
        format: 0xffff_ffff,
        ..frame("Mono8", 2, 2, &data)
    };
    assert!(matches!(to_image(&unknown), Err(FrameFault::Format(_))));
}
