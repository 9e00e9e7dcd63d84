//! A process that is killed while it writes leaves a file that is whole.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hdf5_pure::File;
use labels::{LabelsHeader, LabelsOutputs, PredictionRecord};
use protocol::{Prediction, Skeleton};

/// The variable with the path that the child writes to.
const PATH: &str = "LABELS_KILLED_PATH";

const NODES: usize = 3;

/// Up to three instances, by the number of the frame, and sometimes a new track.
fn record(frame: u64) -> PredictionRecord {
    let instances = (frame % 4) as usize;
    let points = |index: usize| vec![Some([frame as f32, index as f32]); NODES];
    PredictionRecord {
        prediction: Prediction {
            frame_id: frame * 3,
            instances: (0..instances).map(points).collect(),
            instance_scores: vec![Some(frame as f32); instances],
            tracks: vec![Some(format!("track {}", frame / 100)); instances],
            ..Prediction::default()
        },
        captured_us: Some(frame),
        clock: None,
        ..PredictionRecord::default()
    }
}

/// The child: not a test by itself.
#[test]
#[ignore = "it writes until it is killed"]
fn child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let header = LabelsHeader {
        skeleton: Some(Skeleton {
            nodes: (0..NODES).map(|node| format!("n{node}")).collect(),
            ..Skeleton::default()
        }),
        ..LabelsHeader::default()
    };
    let outputs = LabelsOutputs::open(&[PathBuf::from(path)], false, &header).unwrap();
    println!("begun");
    for frame in 0.. {
        outputs.wait_for_room();
        outputs.write(record(frame));
        if frame % 64 == 0 {
            println!("wrote");
        }
    }
}

/// The bytes of a dataset, by rows of this length.
fn rows(file: &File, name: &str, bytes: usize) -> Vec<Vec<u8>> {
    let raw = file.dataset(name).unwrap().read_raw().unwrap();
    assert_eq!(raw.len() % bytes, 0, "{name} has whole rows");
    raw.chunks(bytes).map(<[u8]>::to_vec).collect()
}

fn u64_at(row: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(row[at..at + 8].try_into().unwrap())
}

fn assert_whole(path: &Path) -> usize {
    let file = File::open(path).unwrap();
    let frames = rows(&file, "frames", 36);
    let instances = rows(&file, "instances", 57);
    let points = rows(&file, "pred_points", 26);
    let times = rows(&file, "frame_times", 25);
    let tracks = rows(&file, "tracks_json", 256);
    assert!(times.len() >= frames.len());
    for (row, frame) in frames.iter().enumerate() {
        let expected = record(row as u64).prediction;
        assert_eq!(u64_at(frame, 0), row as u64);
        assert_eq!(u64_at(frame, 12), expected.frame_id);
        assert_eq!(u64_at(&times[row], 0), expected.frame_id);
        let range = u64_at(frame, 20) as usize..u64_at(frame, 28) as usize;
        assert_eq!(range.len(), expected.instances.len());
        for (index, instance) in instances[range].iter().enumerate() {
            let track = i32::from_le_bytes(instance[21..25].try_into().unwrap());
            let name = String::from_utf8_lossy(&tracks[track as usize]).into_owned();
            let wanted = expected.tracks[index].as_ref().unwrap();
            assert_eq!(name.trim_end_matches('\0'), format!("[0,{wanted:?}]"));
            let points = &points[u64_at(instance, 37) as usize..u64_at(instance, 45) as usize];
            assert_eq!(points.len(), NODES);
            let xy = |point: &Vec<u8>| [0, 8].map(|at| f64::from_bits(u64_at(point, at)));
            assert!(
                points
                    .iter()
                    .all(|point| xy(point) == [row as f64, index as f64])
            );
        }
    }
    frames.len()
}

#[test]
fn a_file_is_whole_whenever_its_writer_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = 0;
    for round in 0..20u32 {
        let path = dir.path().join(format!("{round}.slp"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "killed::child_writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(PATH, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        said.find(|line| line.ends_with("begun"))
            .expect("the child begins");
        // Sooner and later, in no regular relation to the appends.
        let words = (round * round * 13) as usize % 1000;
        assert_eq!(said.by_ref().take(words).count(), words);
        child.kill().unwrap();
        child.wait().unwrap();
        kept += assert_whole(&path);
    }
    assert!(
        kept > 5_000,
        "{kept} frames in all: the writer is killed while it writes"
    );
}
