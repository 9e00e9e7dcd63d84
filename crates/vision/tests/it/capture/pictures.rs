//! Numbered pictures and pages.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::{assert_as_ffmpeg, bars, file, number, read, video};
use vision::capture::{Capture, Config, OpenError, ReadError, Source};

/// A folder with pictures of these numbers.
fn pictures(numbers: &[u64]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let last = numbers.iter().max().unwrap();
    let all = folder.path().join("all_%05d.png");
    video(&all, last + 1, &["-start_number", "0"]);
    for number in numbers {
        let from = folder.path().join(format!("all_{number:05}.png"));
        std::fs::copy(from, folder.path().join(format!("img_{number:03}.png"))).unwrap();
    }
    folder
}

fn pattern(folder: &Path, name: &str) -> Config {
    file(&folder.join(name))
}

/// The ids of the frames, and what they show.
fn shown(config: Config) -> (Vec<u64>, Vec<u64>) {
    let (frames, result) = read(config);
    result.unwrap();
    let ids = frames.iter().map(|frame| frame.frame_id).collect();
    let numbers = frames.iter().map(|frame| number(frame.pixels().unwrap()));
    (ids, numbers.collect())
}

#[test]
fn a_sequence_may_start_at_any_number() {
    let folder = pictures(&[97, 98, 99, 100]);
    let (ids, numbers) = shown(pattern(folder.path(), "img_%03d.png"));
    assert_eq!((ids, numbers), (vec![0, 1, 2, 3], vec![97, 98, 99, 100]));
}

#[test]
fn a_gap_is_an_error_that_names_it_or_keeps_the_numbers() {
    let folder = pictures(&[2, 3, 6, 7]);
    let mut config = pattern(folder.path(), "img_%03d.png");
    let error = Capture::open(config.clone()).unwrap_err();
    assert!(
        matches!(error, OpenError::Gap { from: 4, to: 5, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("numbers 4 to 5 are missing"),
        "{error}"
    );
    config.options.allow_gaps = true;
    assert_eq!(
        Capture::open(config.clone()).unwrap().info().total_frames,
        Some(6)
    );
    assert_eq!(shown(config.clone()), (vec![0, 1, 4, 5], vec![2, 3, 6, 7]));
    config.selection = "2-4".parse().unwrap();
    assert_eq!(shown(config), (vec![4], vec![6]));
}

#[test]
fn a_pattern_without_pictures_is_an_error() {
    let folder = pictures(&[1]);
    for name in ["img_%04d.png", "none_%d.png"] {
        let error = Capture::open(pattern(folder.path(), name)).unwrap_err();
        assert!(matches!(error, OpenError::NoSequence { .. }), "{error}");
    }
}

#[test]
fn a_broken_picture_costs_its_own_number() {
    let folder = pictures(&[0, 1, 2, 3]);
    let path = folder.path().join("img_002.png");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(60);
    std::fs::write(&path, bytes).unwrap();
    let (frames, result) = read(pattern(folder.path(), "img_%03d.png"));
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, [0, 1, 3]);
    let Err(ReadError::Damaged { damage, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!((damage.lost, damage.first_lost), (1, Some(2)));
}

#[test]
fn the_orientation_that_a_photograph_carries_is_followed() {
    let folder = pictures(&[0]);
    let path = folder.path().join("a.jpg");
    convert(&folder.path().join("img_000.png"), &path, &["-q:v", "2"]);
    let plain = std::fs::read(&path).unwrap();
    // An EXIF segment whose only entry is the orientation: the right side is at the top.
    let exif =
        b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    let path = folder.path().join("turned_1.jpg");
    std::fs::write(&path, turned).unwrap();
    for config in [file(&path), pattern(folder.path(), "turned_%d.jpg")] {
        let (frames, result) = read(config);
        result.unwrap();
        let images: Vec<_> = frames
            .iter()
            .map(|it| it.pixels().unwrap().clone())
            .collect();
        assert_eq!((images[0].width, images[0].height), (64, 128));
        assert_as_ffmpeg(&path, &images);
    }
}

fn convert(from: &Path, to: &Path, options: &[&str]) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(from)
        .args(options)
        .arg(to)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn kinds_sizes_and_depths_are_each_as_they_are() {
    let folder = pictures(&[0, 1, 2, 3, 4, 5, 6]);
    let path = |name: &str| folder.path().join(name);
    let from = |number: u64| path(&format!("all_{number:05}.png"));
    convert(&from(1), &path("img_001.png"), &["-pix_fmt", "gray"]);
    convert(&from(2), &path("img_002.png"), &["-pix_fmt", "gray16be"]);
    convert(&from(3), &path("img_003.png"), &["-vf", "scale=64:32"]);
    convert(&from(4), &path("img_004.jpg"), &[]);
    convert(&from(5), &path("img_005.tiff"), &["-pix_fmt", "rgb48le"]);
    convert(&from(6), &path("img_006.bmp"), &[]);
    for name in ["img_004.png", "img_005.png", "img_006.png"] {
        std::fs::remove_file(path(name)).unwrap();
    }
    let names = [
        "00.png", "01.png", "02.png", "03.png", "04.jpg", "05.tiff", "06.bmp",
    ];
    let mut config = file(folder.path());
    config.source = Source::Images {
        name: "images".to_owned(),
        files: names.map(|name| path(&format!("img_0{name}"))).to_vec(),
    };
    let (frames, result) = read(config);
    result.unwrap();
    let shapes: Vec<_> = frames
        .iter()
        .map(|frame| {
            let image = frame.pixels().unwrap();
            assert_eq!(number(image), frame.frame_id);
            (image.width, image.channels)
        })
        .collect();
    let expected = [
        (128, 3),
        (128, 1),
        (128, 1),
        (64, 3),
        (128, 3),
        (128, 3),
        (128, 3),
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn the_pages_of_a_tiff_are_frames() {
    let folder = pictures(&[0, 1, 2]);
    let pages: Vec<PathBuf> = (0..3)
        .map(|page| {
            let path = folder.path().join(format!("page_{page}.tiff"));
            let from = folder.path().join(format!("img_00{page}.png"));
            convert(&from, &path, &["-pix_fmt", "gray16le"]);
            path
        })
        .collect();
    let stack = folder.path().join("stack.tif");
    std::fs::write(&stack, joined(&pages)).unwrap();
    let (ids, numbers) = shown(file(&stack));
    assert_eq!((ids, numbers), (vec![0, 1, 2], vec![0, 1, 2]));
    let mut config = file(&stack);
    config.selection = "1".parse().unwrap();
    assert_eq!(shown(config), (vec![1], vec![1]));
    // In a list, each image is one frame.
    let mut config = file(&stack);
    config.source = Source::Images {
        name: "images".to_owned(),
        files: vec![pages[0].clone(), stack],
    };
    let error = Capture::open(config).unwrap_err().to_string();
    assert!(
        error.contains("stack.tif is a TIFF with several pages"),
        "{error}"
    );
}

/// One TIFF with the pages of several: their offsets are moved, and each names the next.
fn joined(paths: &[PathBuf]) -> Vec<u8> {
    let number = |bytes: &[u8], at: usize, width: usize| {
        bytes[at..at + width]
            .iter()
            .rev()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let mut all: Vec<u8> = Vec::new();
    // Where the offset of the next page goes.
    let mut link = 4;
    for path in paths {
        let mut page = std::fs::read(path).unwrap();
        let base = all.len();
        let directory = number(&page, 4, 4);
        let entries = number(&page, directory, 2);
        for entry in (0..entries).map(|entry| directory + 2 + 12 * entry) {
            let (tag, kind) = (number(&page, entry, 2), number(&page, entry + 2, 2));
            let size = [0, 1, 1, 2, 4, 8][kind.min(5)] * number(&page, entry + 4, 4);
            // Values that do not fit stand elsewhere; so do the strips of pixels (273).
            if size > 4 || tag == 273 {
                let value = (number(&page, entry + 8, 4) + base) as u32;
                page[entry + 8..entry + 12].copy_from_slice(&value.to_le_bytes());
                if size > 4 && tag == 273 {
                    let list = value as usize - base;
                    for at in (list..list + size).step_by(4) {
                        let strip = (number(&page, at, 4) + base) as u32;
                        page[at..at + 4].copy_from_slice(&strip.to_le_bytes());
                    }
                }
            }
        }
        all.extend(&page);
        let target = (base + directory) as u32;
        all[link..link + 4].copy_from_slice(&target.to_le_bytes());
        link = base + directory + 2 + 12 * entries;
    }
    all
}

#[test]
fn the_field_cases_of_sequences() {
    let Some(folder) = super::field_cases::folder() else {
        return;
    };
    let ids = |config: Config| {
        let (frames, result) = read(config);
        let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
        let channels: Vec<u8> = frames
            .iter()
            .map(|it| it.pixels().unwrap().channels)
            .collect();
        for frame in &frames {
            assert_eq!(bars(frame.pixels().unwrap()), frame.frame_id);
        }
        (ids, channels, result)
    };
    let mut config = pattern(&folder, "seq/gap/f_%04d.png");
    let error = Capture::open(config.clone()).unwrap_err();
    assert!(
        matches!(error, OpenError::Gap { from: 4, to: 5, .. }),
        "{error}"
    );
    config.options.allow_gaps = true;
    assert_eq!(ids(config).0, [0, 1, 2, 3, 6, 7, 8, 9]);
    let (found, _, result) = ids(pattern(&folder, "seq/broken/f_%04d.png"));
    assert_eq!(found, [0, 1, 3, 4]);
    let Err(ReadError::Damaged { damage, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!((damage.lost, damage.first_lost), (1, Some(2)));
    let (found, channels, _) = ids(pattern(&folder, "seq/mixedtype/f_%04d.png"));
    assert_eq!(found, [0, 1, 2, 3, 4]);
    assert!(
        channels.contains(&1) && channels.contains(&3),
        "{channels:?}"
    );
}
