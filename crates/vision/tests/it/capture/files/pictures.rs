//! Images, one a frame.

use super::*;

#[test]
fn image_sequences_are_read_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("img_%03d.png");
    video(&pattern, 12, &["-start_number", "1"]);
    let (frames, summary) = read(file(&pattern));
    assert_eq!(summary.unwrap().end, CaptureEnd::EndOfSource);
    let numbers: Vec<u64> = frames
        .iter()
        .map(|frame| number(frame.pixels().unwrap()))
        .collect();
    assert_eq!(numbers, (0..12).collect::<Vec<_>>());
}

#[test]
fn a_list_of_images_is_read_in_its_order_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    video(&folder.path().join("img_%03d.png"), 12, &[]);
    let named = |number: u64| folder.path().join(format!("img_{number:03}.png"));
    // FFmpeg numbers them from 1.
    let (last, percent) = (named(12), folder.path().join("100%d.PNG"));
    fs::rename(last, &percent).unwrap();
    let files = vec![percent, named(9), named(2), named(3)];
    let mut config = images(files.clone());
    let info = Capture::open(config.clone()).unwrap().info().clone();
    assert_eq!(
        (info.name.as_str(), info.total_frames, info.is_live),
        ("some images", Some(4), false)
    );
    let numbers = |config: Config| -> Vec<(u64, u64)> {
        let (frames, summary) = read(config);
        summary.unwrap();
        let frames = frames.iter();
        frames
            .map(|frame| (frame.frame_id, number(frame.pixels().unwrap())))
            .collect()
    };
    assert_eq!(numbers(config.clone()), [(0, 11), (1, 8), (2, 1), (3, 2)]);
    config.selection = "1,3".parse().unwrap();
    assert_eq!(numbers(config), [(1, 8), (3, 2)]);
    let mut beyond = images(files);
    beyond.selection = "4".parse().unwrap();
    let error = Capture::open(beyond).unwrap_err();
    assert!(matches!(error, OpenError::RangeBeyondEnd { .. }), "{error}");
}

#[test]
fn a_list_of_images_names_the_one_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    video(&folder.path().join("img_%03d.png"), 3, &[]);
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.png"), "").unwrap();
    let error = |name: &str| {
        let files = vec![path("img_001.png"), path(name)];
        Capture::open(images(files)).unwrap_err().to_string()
    };
    for (name, words) in [
        ("none.png", "none.png: no such file"),
        ("empty.png", "empty.png is empty"),
    ] {
        assert!(error(name).contains(words), "{name}: {}", error(name));
    }
    // It is found where it is read: everything else is delivered.
    fs::write(path("text.png"), "this is no image").unwrap();
    let files = ["img_001.png", "img_002.png", "text.png", "img_003.png"];
    let (frames, result) = read(images(files.map(path).to_vec()));
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, [0, 1, 3]);
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("1 frame could not be decoded") && error.contains("frame 2: "),
        "{error}"
    );
    assert!(
        error.contains("text.png cannot be read as an image"),
        "{error}"
    );
}
