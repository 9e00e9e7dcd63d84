//! Files with the faults and properties of those that users have. They are not in the repository: they stand in
//! `shared/field-cases` beside it, or in the folder that the variable `SLEAP_STREAM_FIELD_CASES` names. Without them,
//! [`super::pixels`] and [`super::damage`] remain, which make files of the same kinds.

use std::path::PathBuf;

use super::common::{assert_as_ffmpeg, bars, file, read};
use vision::Image;
use vision::capture::{CapturedFrame, Damage, ReadError};

pub(super) fn folder() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.join("../../../shared/field-cases");
    let folder = std::env::var_os("SLEAP_STREAM_FIELD_CASES").map_or(beside, PathBuf::from);
    let is_there = folder.is_dir();
    if !is_there {
        println!("{} is not there: nothing is tested", folder.display());
    }
    is_there.then_some(folder)
}

/// The images and numbers of a case, and its damage.
fn read_case(path: &std::path::Path) -> (Vec<Image>, Vec<u64>, Option<Damage>) {
    let (frames, result) = read(file(path));
    let damage = match result {
        Ok(_) => None,
        Err(ReadError::Damaged { damage, .. }) => Some(damage),
        Err(other) => panic!("{}: {other}", path.display()),
    };
    let image = |frame: &CapturedFrame| frame.pixels().unwrap().clone();
    let images = frames.iter().map(image).collect();
    let ids = frames.iter().map(|frame| frame.frame_id).collect();
    (images, ids, damage)
}

#[test]
fn each_case_is_as_the_ffmpeg_program_shows_it() {
    let Some(folder) = folder() else { return };
    let cases = [
        ("codecs/browser_vp8.webm", 16),
        ("colour/bt601.mp4", 4),
        ("colour/bt709.mp4", 4),
        ("colour/chart.png", 1),
        ("colour/full709.mp4", 4),
        ("colour/gray10_ffv1.mkv", 4),
        ("colour/rgba_png.mov", 4),
        ("colour/vp9_709.webm", 4),
        ("count/dash.mp4", 60),
        ("count/frag_keyframe.mp4", 60),
        ("damage/avi_dropped.avi", 37),
        ("damage/avi_says10.avi", 40),
        ("reschange/small_big.ts", 10),
        ("reschange/smaller.mjpeg", 10),
        ("reschange/trail_422_420_640x480.avi", 5),
        ("rotation/demo_phone.mp4", 40),
        ("rotation/r90.mp4", 10),
        ("rotation/up.mp4", 10),
        ("timing/plain.avi", 60),
        ("timing/vfr.mkv", 60),
    ];
    for (name, frames) in cases {
        let path = folder.join(name);
        let (images, ids, damage) = read_case(&path);
        assert_eq!((images.len(), damage), (frames, None), "{name}");
        assert!(ids.iter().copied().eq(0..frames as u64), "{name}");
        assert_as_ffmpeg(&path, &images);
    }
}

#[test]
fn the_bars_of_each_frame_show_its_number() {
    let Some(folder) = folder() else { return };
    let all = |count: u64| (0..count).collect::<Vec<_>>();
    let dropped: Vec<u64> = (0..10).chain(12..25).chain(26..40).collect();
    let cases = [
        ("count/dash.mp4", all(60)),
        ("count/frag_keyframe.mp4", all(60)),
        ("damage/avi_says10.avi", all(40)),
        ("damage/avi_dropped.avi", dropped),
    ];
    for (name, numbers) in cases {
        let (images, ..) = read_case(&folder.join(name));
        let found: Vec<u64> = images.iter().map(bars).collect();
        assert_eq!(found, numbers, "{name}");
    }
}

#[test]
fn damage_costs_the_damaged_frames_and_no_numbers() {
    let Some(folder) = folder() else { return };
    let path = folder.join("damage/avi_frame20_zeros.avi");
    let (images, ids, damage) = read_case(&path);
    let expected: Vec<u64> = (0..20).chain(21..40).collect();
    assert_eq!(ids, expected);
    assert_eq!(images.iter().map(bars).collect::<Vec<_>>(), expected);
    let lost = Damage {
        lost: 1,
        first_lost: Some(20),
        ..Damage::default()
    };
    assert_eq!(damage, Some(lost));
    assert_as_ffmpeg(&path, &images);

    let path = folder.join("damage/x_flips.mp4");
    let (images, ids, damage) = read_case(&path);
    let damage = damage.unwrap();
    assert_eq!((images.len(), damage.lost), (36, 4));
    assert!(damage.concealed > 0);
    assert_as_ffmpeg(&path, &images);
    // What was not hit shows its own number.
    let right = ids
        .iter()
        .zip(&images)
        .filter(|(id, image)| bars(image) == **id);
    assert!(right.count() > 20);
}

#[test]
fn ranges_beyond_the_first_fragment_are_there() {
    let Some(folder) = folder() else { return };
    let mut config = file(&folder.join("count/frag_keyframe.mp4"));
    config.selection = "20-30".parse().unwrap();
    let (frames, result) = read(config);
    assert!(result.is_ok());
    let numbers: Vec<u64> = frames
        .iter()
        .map(|frame| bars(frame.pixels().unwrap()))
        .collect();
    assert_eq!(numbers, (20..=30).collect::<Vec<_>>());
}
