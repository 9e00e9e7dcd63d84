//! Order, batches and turns, call by call.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::turns::MAX_CLASS_WAIT;
use super::*;

/// Frames are numbers, and so are marks.
type Queues = Scheduler<u32, u32, &'static str, Rc<()>>;

fn limits(frames: usize, client_frames: usize) -> BatchLimits {
    BatchLimits {
        frames,
        client_frames,
        bytes: 100,
    }
}

/// A scheduler with one stream.
fn one(frames: usize, client_frames: usize) -> (Queues, StreamId) {
    let mut queues = Queues::new(limits(frames, client_frames));
    let stream = queues.open(StreamClass::Live);
    (queues, stream)
}

impl Queues {
    /// Adds frames of 10 bytes, and decodes all that wait.
    fn add(&mut self, stream: StreamId, frames: impl IntoIterator<Item = u32>) {
        for frame in frames {
            self.push_frame(stream, frame, Rc::default());
        }
        while let Some((place, frame)) = self.next_job(Instant::now()) {
            self.decoded(&place, Some((frame, 10)));
        }
    }

    fn frames(&mut self, now: Instant) -> Vec<u32> {
        match self.next_call(now) {
            Some(Call::Frames(frames)) => frames,
            Some(Call::Mark(mark)) => panic!("{mark}"),
            None => Vec::new(),
        }
    }

    fn runs(&mut self) -> Vec<u32> {
        self.frames(Instant::now())
    }
}

#[test]
fn single_frames_gather_up_to_the_maximum() {
    let (mut queues, stream) = one(3, 8);
    queues.add(stream, 1..=4);
    assert_eq!(queues.runs(), [1, 2, 3]);
    assert_eq!(queues.runs(), [4]);
    assert!(queues.runs().is_empty() && queues.is_idle());
}

#[test]
fn frames_keep_their_order_whichever_is_decoded_first() {
    let (mut queues, stream) = one(4, 4);
    let now = Instant::now();
    for frame in 1..=3 {
        queues.push_frame(stream, frame, Rc::default());
    }
    queues.push_mark(stream, "end", Rc::default());
    let places: Vec<_> = std::iter::from_fn(|| queues.next_job(now)).collect();
    let [first, second, third] = &places[..] else {
        panic!("three frames")
    };
    queues.decoded(&second.0, Some((second.1, 10)));
    assert_eq!(queues.next_call(now), None);
    queues.decoded(&first.0, Some((first.1, 10)));
    assert_eq!(queues.next_call(now), Some(Call::Frames(vec![1, 2])));
    assert!(queues.next_call(now).is_none() && !queues.is_idle());
    // One that cannot be decoded holds up nothing.
    queues.decoded(&third.0, None);
    assert_eq!(queues.next_call(now), Some(Call::Mark("end")));
    assert!(queues.is_idle());
}

#[test]
fn a_clients_batch_waits_for_its_end() {
    let (mut queues, stream) = one(1, 8);
    queues.add(stream, [1]);
    queues.start_batch(stream, Rc::default());
    queues.add(stream, [2, 3]);
    assert_eq!(queues.runs(), [1], "it came before the batch");
    assert!(queues.runs().is_empty());
    queues.end_batch(stream, Rc::default());
    assert_eq!(queues.runs(), [2, 3]);
    queues.start_batch(stream, Rc::default());
    queues.end_batch(stream, Rc::default());
    assert!(queues.runs().is_empty() && queues.is_idle());
}

#[test]
fn a_batch_that_gathers_leaves_its_room_in_the_queue() {
    let (mut queues, stream) = one(1, 8);
    let room = Rc::default();
    queues.start_batch(stream, Rc::clone(&room));
    for frame in 1..=3 {
        queues.push_frame(stream, frame, Rc::clone(&room));
    }
    queues.add(stream, []);
    assert_eq!(Rc::strong_count(&room), 5);
    assert!(queues.runs().is_empty());
    assert_eq!(Rc::strong_count(&room), 1);
}

#[test]
fn a_clients_batch_above_the_maximum_is_split() {
    let (mut queues, stream) = one(1, 2);
    queues.start_batch(stream, Rc::default());
    queues.add(stream, 1..=3);
    assert_eq!(queues.runs(), [1, 2]);
    assert!(queues.runs().is_empty());
    queues.end_batch(stream, Rc::default());
    assert_eq!(queues.runs(), [3]);
}

#[test]
fn a_batch_of_many_bytes_runs_before_its_end() {
    let (mut queues, stream) = one(64, 64);
    queues.start_batch(stream, Rc::default());
    queues.add(stream, 1..=12);
    assert_eq!(queues.runs().len(), 10, "100 bytes");
    queues.end_batch(stream, Rc::default());
    assert_eq!(queues.runs().len(), 2);
    queues.add(stream, 1..=12);
    assert_eq!(queues.runs().len(), 10);
}

#[test]
fn an_open_batch_ends_with_its_stream() {
    let (mut queues, stream) = one(1, 8);
    queues.start_batch(stream, Rc::default());
    queues.add(stream, [1, 2]);
    queues.push_mark(stream, "end", Rc::default());
    queues.close(stream);
    let now = Instant::now();
    assert_eq!(queues.next_call(now), Some(Call::Frames(vec![1, 2])));
    assert_eq!(queues.next_call(now), Some(Call::Mark("end")));
    assert!(queues.next_call(now).is_none() && queues.streams.is_empty());
}

#[test]
fn an_open_batch_holds_up_no_other_stream() {
    let (mut queues, stream) = one(2, 8);
    let other = queues.open(StreamClass::Live);
    queues.start_batch(stream, Rc::default());
    queues.add(stream, [1]);
    queues.add(other, [7, 8]);
    assert_eq!(queues.runs(), [7, 8]);
    queues.end_batch(stream, Rc::default());
    queues.add(other, [9]);
    assert_eq!(queues.runs(), [1], "it runs alone");
    assert_eq!(queues.runs(), [9]);
}

#[test]
fn streams_of_a_class_share_calls_in_turn() {
    let (mut queues, first) = one(4, 4);
    let second = queues.open(StreamClass::Live);
    queues.add(first, 1..=6);
    queues.add(second, 11..=13);
    assert_eq!(queues.runs(), [1, 11, 2, 12]);
    assert_eq!(queues.runs(), [3, 13, 4, 5]);
}

#[test]
fn a_stream_that_had_nothing_saves_no_turns() {
    let (mut queues, first) = one(1, 4);
    let second = queues.open(StreamClass::Live);
    queues.add(first, 1..=100);
    for frame in 1..=90 {
        assert_eq!(queues.runs(), [frame]);
    }
    queues.add(second, 201..=220);
    let calls: Vec<u32> = (0..8).flat_map(|_| queues.runs()).collect();
    let of_second = calls.iter().filter(|frame| **frame > 200).count();
    assert_eq!(of_second, 4, "{calls:?}");
}

#[test]
fn live_streams_come_before_files_and_share_no_call_with_them() {
    let mut queues = Queues::new(limits(4, 4));
    let job = queues.open(StreamClass::Job);
    let file = queues.open(StreamClass::File);
    let live = queues.open(StreamClass::Live);
    queues.add(job, [100]);
    queues.add(file, [10, 11]);
    queues.add(live, [1]);
    assert_eq!(queues.runs(), [1]);
    assert_eq!(queues.runs(), [10, 11]);
    assert_eq!(queues.runs(), [100]);
}

#[test]
fn a_class_that_waits_for_long_gets_a_turn_in_which_it_takes_one_frame() {
    let mut queues = Queues::new(limits(4, 4));
    let file = queues.open(StreamClass::File);
    let live = queues.open(StreamClass::Live);
    let start = Instant::now();
    queues.add(file, 101..=109);
    queues.add(live, 1..=40);
    let mut order = Vec::new();
    for call in 0..8 {
        let now = start + call * MAX_CLASS_WAIT / 2;
        order.push(queues.frames(now).len());
    }
    assert_eq!(order, [4, 4, 1, 4, 1, 4, 1, 4]);
}

#[test]
fn where_the_model_is_slow_files_take_a_fifth() {
    let mut queues = Queues::new(limits(1, 4));
    let file = queues.open(StreamClass::File);
    let live = queues.open(StreamClass::Live);
    let start = Instant::now();
    queues.add(file, 101..=140);
    queues.add(live, 1..=40);
    let mut of_file = 0;
    for call in 0..30 {
        let now = start + call * 2 * MAX_CLASS_WAIT;
        of_file += usize::from(queues.frames(now)[0] > 100);
    }
    assert_eq!(of_file, 6);
}

#[test]
fn a_files_batch_is_run_in_parts_beside_a_live_stream() {
    let mut queues = Queues::new(limits(1, 8));
    let file = queues.open(StreamClass::File);
    queues.start_batch(file, Rc::default());
    queues.add(file, 1..=3);
    queues.end_batch(file, Rc::default());
    let live = queues.open(StreamClass::Live);
    assert_eq!(queues.runs(), [1]);
    queues.add(live, [100]);
    assert_eq!(queues.runs(), [100]);
    queues.close(live);
    assert_eq!(queues.runs(), [2, 3]);
    assert!(queues.is_idle());
}

#[test]
fn frames_are_decoded_in_turn_and_live_ones_first() {
    let mut queues = Queues::new(limits(1, 1));
    let files = [StreamClass::File, StreamClass::File].map(|class| queues.open(class));
    let live = queues.open(StreamClass::Live);
    for frame in 0..3 {
        queues.push_frame(files[0], frame, Rc::default());
        queues.push_frame(files[1], 10 + frame, Rc::default());
    }
    queues.push_frame(live, 100, Rc::default());
    let now = Instant::now();
    let jobs = std::iter::from_fn(|| queues.next_job(now).map(|(_, frame)| frame));
    assert_eq!(Vec::from_iter(jobs), [100, 0, 10, 1, 11, 2, 12]);
}

#[test]
fn large_maxima_cost_nothing() {
    let (mut queues, stream) = one(usize::MAX, usize::MAX);
    queues.add(stream, [1]);
    assert_eq!(queues.runs(), [1]);
    queues.add(stream, []);
    assert!(
        queues
            .frames(Instant::now() + Duration::from_secs(9))
            .is_empty()
    );
}
