//! Writes frames as fast as possible, and prints the time and memory that it took.
//!
//!     cargo run --release -p sleap-stream-labels --example fast_write -- FILE [FRAMES [NODES [INSTANCES [FPS [paced]]]]]
//!
//! FPS is the rate in the header: with 100 and 360,000 frames the file is that of an hour.
//! `paced` writes at that rate, so that the processor's time is that of a stream. Prints one line
//! of JSON.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use labels::{LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::{Prediction, Skeleton};

fn main() {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().expect("the name of a file"));
    let mut number = |usual: u64| {
        args.next()
            .map_or(usual, |text| text.parse().expect("a number"))
    };
    let (frames, nodes, instances, fps) = (number(360_000), number(13), number(1), number(100));
    let paced = args.next().is_some_and(|word| word == "paced");
    let header = LabelsHeader {
        skeleton: Some(Skeleton {
            name: "animal".into(),
            nodes: (0..nodes).map(|node| format!("n{node}")).collect(),
            edges: (1..nodes as u32).map(|node| [node - 1, node]).collect(),
        }),
        video: VideoReference {
            filename: "camera".into(),
            height: 480,
            width: 640,
            channels: 1,
            fps: Some(fps as f64),
            ..VideoReference::default()
        },
        ..LabelsHeader::default()
    };
    let outputs = LabelsOutputs::open(std::slice::from_ref(&path), true, &header)
        .expect("the file can be created");
    let mut memory = Vec::new();
    let begun = Instant::now();
    for frame in 0..frames {
        if paced {
            let due = begun + Duration::from_secs_f64(frame as f64 / fps as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        outputs.wait_for_room();
        outputs.write(record(frame, nodes, instances, fps));
        if frame % (frames / 8).max(1) == 0 {
            memory.push(status("VmRSS:"));
        }
    }
    let lacking = outputs.finish().lacking;
    assert!(lacking.is_empty(), "the file can be written: {lacking:?}");
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!(
        "{{\"frames\":{frames},\"nodes\":{nodes},\"instances\":{instances},\"seconds\":{seconds:.3},\"cpu_seconds\":{:.3},\
         \"bytes\":{bytes},\"rss_kb\":{memory:?},\"peak_kb\":{}}}",
        cpu_seconds(),
        status("VmHWM:"),
    );
}

/// Instances that move, with values that no two frames share.
fn record(frame: u64, nodes: u64, instances: u64, fps: u64) -> PredictionRecord {
    let value = |instance: u64, node: u64| (frame % 997 * 31 + instance * 7 + node) as f32 / 8.0;
    let each = |make: &dyn Fn(u64, u64) -> Option<f32>| -> Vec<Vec<Option<f32>>> {
        (0..instances)
            .map(|i| (0..nodes).map(|n| make(i, n)).collect())
            .collect()
    };
    let xs = each(&|i, n| Some(value(i, n)));
    let point = |x: Option<f32>| x.map(|x| [x, x + 0.5]);
    PredictionRecord {
        prediction: Prediction {
            frame_id: frame,
            instances: xs
                .iter()
                .map(|row| row.iter().copied().map(point).collect())
                .collect(),
            confidence: each(&|_, n| Some(n as f32 / nodes as f32)),
            instance_scores: (0..instances).map(|_| Some(0.75)).collect(),
            ..Prediction::default()
        },
        captured_us: Some(1_700_000_000_000_000 + frame * 1_000_000 / fps),
        clock: None,
        latency_us: 5_000,
        ..PredictionRecord::default()
    }
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// User and system time of all threads.
fn cpu_seconds() -> f64 {
    /// The kernel's clock ticks per second, as every program sees them.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS
}
