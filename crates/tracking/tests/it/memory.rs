//! What a tracker keeps does not grow with the length of a stream.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracking::{Detection, Tracker, TrackerKind, TrackerOptions};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Counts the bytes that the calling thread holds.
struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe; this one only counts")]
// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = HELD.try_with(|held| held.set(held.get() + layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set(held.get() - layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Ten animals that walk in circles; each hides now and then.
fn frame(index: u64) -> Vec<Detection> {
    let animal = |animal: u64| {
        let angle = index as f64 * 0.02 + animal as f64;
        let (x, y) = (
            100.0 * (animal % 5) as f64 + 40.0 * angle.cos(),
            150.0 * (animal / 5) as f64 + 40.0 * angle.sin(),
        );
        Detection {
            points: (0..15)
                .map(|node| [x + f64::from(node), y + f64::from(node % 3)])
                .collect(),
            point_scores: vec![0.9; 15],
            score: 13.5,
        }
    };
    let seen = |number: &u64| (index + 13 * number) % 97 > 5;
    (0..10).filter(seen).map(animal).collect()
}

#[test]
fn a_long_run_with_ten_animals_holds_no_more_than_a_short_one() {
    for kind in TrackerKind::ALL {
        let mut tracker = Tracker::new(TrackerOptions::of(*kind)).unwrap();
        let mut held = [0; 2];
        for (index, held) in [(0..3_000), (3_000..12_000)].into_iter().zip(&mut held) {
            for frame_index in index {
                drop(tracker.track(frame_index, &frame(frame_index)));
            }
            *held = HELD.get();
        }
        let [short, long] = held;
        // What is kept of the last frames differs by some kilobytes from frame to frame.
        assert!(long - short < 32_768, "{kind}: {short} bytes, then {long}");
    }
}
