//! Files with damaged frames: those keep their numbers, and the others come.

use std::path::{Path, PathBuf};

use super::common::{H264, assert_as_ffmpeg, file, number, read, video};
use vision::capture::{Damage, ReadError};

/// A video of numbered frames, with the bytes of the packet of these frames overwritten by `fill`.
fn damaged(folder: &Path, name: &str, options: &[&str], frames: &[usize], fill: u8) -> PathBuf {
    let path = folder.join(name);
    video(&path, 40, options);
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0"])
        .args(["-show_entries", "packet=pts,dts,pos,size", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut packets: Vec<(i64, usize, usize)> = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let time = fields[0].parse().or_else(|_| fields[1].parse()).unwrap();
            (time, fields[2].parse().unwrap(), fields[3].parse().unwrap())
        })
        .map(|(time, size, position)| (time, position, size))
        .collect();
    packets.sort_unstable();
    let mut bytes = std::fs::read(&path).unwrap();
    for &frame in frames {
        let (_, position, size) = packets[frame];
        bytes[position..position + size].fill(fill);
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

fn lost(frames: u64, first: u64) -> Damage {
    Damage {
        lost: frames,
        first_lost: Some(first),
        ..Damage::default()
    }
}

/// The numbers of the frames that come, which must be those that they show, and the damage.
fn numbers(path: &Path, selection: &str) -> (Vec<u64>, Option<Damage>) {
    let mut config = file(path);
    if !selection.is_empty() {
        config.selection = selection.parse().unwrap();
    }
    let (frames, result) = read(config);
    let damage = match result {
        Ok(_) => None,
        Err(ReadError::Damaged { damage, .. }) => Some(damage),
        Err(other) => panic!("{other}"),
    };
    for frame in &frames {
        assert_eq!(number(frame.pixels().unwrap()), frame.frame_id);
    }
    let ids = frames.iter().map(|frame| frame.frame_id);
    (ids.collect(), damage)
}

const MJPEG: &[&str] = &["-c:v", "mjpeg", "-q:v", "2"];

#[test]
fn frames_that_cannot_be_decoded_keep_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let whole: Vec<u64> = (0..40).collect();
    let without = |missing: &[usize]| {
        let is_there = |id: &u64| !missing.contains(&(*id as usize));
        whole.iter().copied().filter(is_there).collect::<Vec<_>>()
    };
    // In the middle, at the begin, at the end, several.
    for (index, missing) in [&[20][..], &[0], &[39], &[5, 6, 7, 30]]
        .into_iter()
        .enumerate()
    {
        for extension in ["avi", "mov"] {
            let name = format!("{index}.{extension}");
            let path = damaged(folder.path(), &name, MJPEG, missing, 0);
            let damage = lost(missing.len() as u64, missing[0] as u64);
            assert_eq!(
                numbers(&path, ""),
                (without(missing), Some(damage)),
                "{name}"
            );
        }
    }
}

#[test]
fn a_lost_frame_that_is_not_asked_for_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = damaged(folder.path(), "a.avi", MJPEG, &[10, 20], 0);
    assert_eq!(
        numbers(&path, "0-5,21-23"),
        ((0..6).chain(21..24).collect(), None)
    );
    assert_eq!(numbers(&path, "19-21"), (vec![19, 21], Some(lost(1, 20))));
    assert_eq!(numbers(&path, "20"), (vec![], Some(lost(1, 20))));
}

#[test]
fn a_lost_frame_among_reordered_ones_keeps_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let options = [
        H264,
        &[
            "-bf",
            "2",
            "-x264-params",
            "b-pyramid=none:b-adapt=0:scenecut=0",
        ],
    ]
    .concat();
    let whole = folder.path().join("whole.mp4");
    video(&whole, 40, &options);
    let whole = read(file(&whole)).0;
    // No other frame needs this one.
    let path = damaged(folder.path(), "a.mp4", &options, &[11], 0xFF);
    let (frames, result) = read(file(&path));
    let Err(ReadError::Damaged { damage, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(damage, lost(1, 11));
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, (0..11).chain(12..40).collect::<Vec<_>>());
    for frame in &frames {
        let expected = whole[frame.frame_id as usize].pixels();
        assert!(frame.pixels() == expected, "{}", frame.frame_id);
    }
    let images: Vec<_> = frames
        .iter()
        .map(|it| it.pixels().unwrap().clone())
        .collect();
    assert_as_ffmpeg(&path, &images);
}

#[test]
fn frames_that_the_decoder_fills_in_are_delivered_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = damaged(folder.path(), "whole.mp4", H264, &[], 0);
    let mut bytes = std::fs::read(&path).unwrap();
    // Bits in the middle of a picture.
    let start = bytes.windows(4).position(|it| it == b"mdat").unwrap() + 1000;
    for byte in &mut bytes[start..start + 20] {
        *byte ^= 0x55;
    }
    std::fs::write(&path, bytes).unwrap();
    let (frames, result) = read(file(&path));
    let Err(ReadError::Damaged { damage, .. }) = result else {
        panic!("{result:?}");
    };
    assert!(damage.concealed > 0 || damage.lost > 0, "{damage:?}");
    // However the decoder's threads take turns.
    for _ in 0..50 {
        let Err(ReadError::Damaged { damage: again, .. }) = read(file(&path)).1 else {
            panic!("no damage was noticed");
        };
        assert_eq!(again, damage);
    }
    assert_eq!(frames.len() as u64 + damage.lost, 40);
    let images: Vec<_> = frames
        .iter()
        .map(|it| it.pixels().unwrap().clone())
        .collect();
    assert_as_ffmpeg(&path, &images);
}
