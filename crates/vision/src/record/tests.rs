use super::*;
use crate::Image;
use crate::capture::{CaptureClock, FrameContent};
use crate::jpeg::CameraJpeg;
use std::time::{Instant, SystemTime};

fn frame(frame_id: u64, width: u32) -> CapturedFrame {
    CapturedFrame {
        frame_id,
        captured_at: SystemTime::now(),
        captured: Instant::now(),
        arrived: Instant::now(),
        clock: CaptureClock::Arrival,
        content: FrameContent::Pixels(
            Image::new(width, 16, 1, vec![9; width as usize * 16]).unwrap(),
        ),
    }
}

fn config(path: PathBuf) -> Config {
    Config {
        path,
        overwrite: false,
        fps: 30.0,
        width: 32,
        height: 16,
        channels: 1,
    }
}

#[test]
fn a_frame_without_room_is_counted_and_the_indices_stay_right() {
    let (queue, pictures) = sync_channel(2);
    let offered = Arc::new(AtomicU64::new(0));
    let mut sender = RecordingHandle {
        queue,
        next: 0,
        offered: Arc::clone(&offered),
        warned_late: false,
        warned_failed: false,
    };
    let places: Vec<_> = (10..14).map(|id| sender.offer(&frame(id, 32))).collect();
    assert_eq!(places, [Some(0), Some(1), None, None]);
    assert_eq!(pictures.recv().unwrap().frame_id, 10);
    assert_eq!(sender.offer(&frame(14, 32)), Some(2));
    assert_eq!((sender.next, offered.load(Relaxed)), (3, 5));
    drop(sender);
    let taken: Vec<_> = pictures.iter().map(|picture| picture.frame_id).collect();
    assert_eq!(taken, [11, 14]);
}

#[test]
fn a_frame_of_another_size_ends_the_recording_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.avi");
    let (recording, mut sender) = start(config(path.clone())).unwrap();
    for (id, width) in [(5, 32), (6, 32), (7, 48)] {
        sender.offer(&frame(id, width));
    }
    drop(sender);
    let (recorded, outcome) = recording.finish();
    let error = outcome.unwrap_err();
    assert_eq!((recorded.frames, recorded.left_out), (2, 1));
    assert!(
        matches!(error, RecordError::Size { frame_id: 7, .. }),
        "{error}"
    );
    let rows = std::fs::read_to_string(index_path(&path)).unwrap();
    let ids: Vec<_> = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1))
        .collect();
    assert_eq!(ids, [Some("5"), Some("6")]);
}

#[test]
fn what_cannot_be_recorded_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let begin = |name: &str| {
        start(config(dir.path().join(name)))
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(begin("a.gif"), RecordError::Container(_)));
    assert!(matches!(begin("no/a.avi"), RecordError::File { .. }));
    std::fs::write(dir.path().join("b.mkv"), "precious").unwrap();
    assert!(matches!(begin("b.mkv"), RecordError::Exists(_)));
    // The index alone is there, of another program's.
    std::fs::write(index_path(&dir.path().join("c.avi")), "precious").unwrap();
    assert!(matches!(begin("c.avi"), RecordError::Exists(_)));
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is left of what could not begin");
}

#[cfg(unix)]
#[test]
fn what_another_program_put_in_its_place_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.avi");
    // A link to nothing is no free name.
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(
        start(config(path.clone())).unwrap_err(),
        RecordError::Exists(_)
    ));
    assert!(path.is_symlink());
    std::fs::remove_file(&path).unwrap();
    let (recording, tap) = start(config(path.clone())).unwrap();
    std::fs::rename(&path, dir.path().join("moved.avi")).unwrap();
    std::fs::write(&path, "precious").unwrap();
    drop(tap);
    recording.discard();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn what_cannot_be_recorded_is_found_out_before_and_nothing_stays() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.avi", "a.mkv", "a.mp4"] {
        check(&config(dir.path().join(name))).unwrap();
        // More than any of the formats holds.
        let huge = Config {
            width: 70_000,
            ..config(dir.path().join(name))
        };
        let error = check(&huge).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let nowhere = check(&config(dir.path().join("no/a.avi"))).unwrap_err();
    assert!(matches!(nowhere, RecordError::Refused { .. }), "{nowhere}");
}

#[test]
fn what_never_began_is_gone_and_what_was_there_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.avi");
    let begin = |overwrite| {
        let config = config(path.clone());
        start(Config {
            overwrite,
            ..config
        })
        .unwrap()
    };
    let (recording, sender) = begin(false);
    drop(sender);
    recording.discard();
    assert!(!path.exists() && !index_path(&path).exists());
    std::fs::write(&path, "there").unwrap();
    let (recording, sender) = begin(true);
    drop(sender);
    recording.discard();
    assert!(path.exists() && !index_path(&path).exists());
}

#[test]
fn a_video_without_a_picture_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let (recording, tap) = start(config(path.clone())).unwrap();
    assert!(path.exists());
    drop(tap);
    let (recorded, outcome) = recording.finish();
    outcome.unwrap();
    assert_eq!(recorded, RecordedFrames::default());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// What `ffprobe` says of a video's only track.
fn probed(path: &Path, entries: &str) -> String {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args(["-show_entries", &format!("stream={entries}")])
        .arg(path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{path:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn other_programs_read_what_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec) in [("a.avi", "mjpeg"), ("a.mkv", "mjpeg"), ("a.mp4", "mpeg4")] {
        let path = dir.path().join(name);
        // Odd sides are kept.
        let (recording, mut sender) = start(Config {
            width: 33,
            height: 15,
            channels: 3,
            fps: 29.97,
            ..config(path.clone())
        })
        .unwrap();
        for id in 0..50 {
            let pixels = [20, 200, 90].repeat(33 * 15);
            sender.offer(&CapturedFrame {
                content: FrameContent::Pixels(Image::new(33, 15, 3, pixels).unwrap()),
                ..frame(id, 32)
            });
        }
        drop(sender);
        let (recorded, outcome) = recording.finish();
        outcome.unwrap();
        assert_eq!(recorded.frames, 50, "{name}");
        let found = probed(&path, "codec_name,width,height,nb_read_frames");
        assert_eq!(found, format!("{codec},33,15,50"), "{name}");
        let rate = probed(&path, "avg_frame_rate");
        let (parts, seconds) = rate.split_once('/').unwrap();
        let rate = parts.parse::<f64>().unwrap() / seconds.parse::<f64>().unwrap();
        assert!((rate - 29.97).abs() < 0.02, "{name}: {rate}");
        let colour = colour_in_the_middle(&path);
        let off = colour.iter().zip([20, 200, 90]).map(|(a, b)| a.abs_diff(b));
        assert!(off.max() < Some(6), "{name}: {colour:?}");
    }
}

/// Blue, green and red of a pixel of the last picture, as the program `ffmpeg` decodes it.
fn colour_in_the_middle(path: &Path) -> Vec<u8> {
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "rawvideo", "-pix_fmt", "bgr24", "-"])
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), 50 * 33 * 15 * 3);
    let middle = output.stdout.len() - (33 * 7 + 16) * 3;
    output.stdout[middle..middle + 3].to_vec()
}

#[test]
fn a_cameras_own_jpeg_is_recorded_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..32 * 16 * 3).map(|at| (at * 7 % 251) as u8).collect();
    let image = Image::new(32, 16, 3, pixels).unwrap();
    let jpeg = crate::jpeg::JpegEncoder::new(30)
        .unwrap()
        .encode(&image)
        .unwrap();
    for name in ["a.avi", "a.mkv"] {
        let path = dir.path().join(name);
        let (recording, mut sender) = start(Config {
            channels: 3,
            ..config(path.clone())
        })
        .unwrap();
        let own = CameraJpeg::from_camera(jpeg.clone()).unwrap();
        sender.offer(&CapturedFrame {
            content: FrameContent::Jpeg(own),
            ..frame(0, 32)
        });
        drop(sender);
        recording.finish().1.unwrap();
        let file = std::fs::read(&path).unwrap();
        let found = file.windows(jpeg.len()).filter(|bytes| *bytes == jpeg);
        assert_eq!(found.count(), 1, "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_the_systems_words() {
    for container in [Container::Avi, Container::Matroska] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let error = thread::open(full.unwrap(), container, &config("a.avi".into()));
        let error = error.map(|_| ()).unwrap_err();
        assert!(matches!(error, RecordError::File { .. }), "{error}");
        assert!(error.to_string().contains("No space left"), "{error}");
    }
}
