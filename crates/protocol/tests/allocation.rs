//! What a peer can make the receiver allocate. One test: the allocator is shared by the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use protocol::coded::{CollectorLimits, MAX_CODED_BYTES, Shard, ShardCollector, ShardHeader};
use protocol::{DropReason, Encoding, FrameMeta, Limits, Message, Reassembler};

const MIB: usize = 1 << 20;

/// Notes the largest request and refuses those over a bound.
struct Watched {
    largest: AtomicUsize,
    bound: AtomicUsize,
}

impl Watched {
    fn allows(&self, bytes: usize) -> bool {
        self.largest.fetch_max(bytes, Ordering::Relaxed);
        bytes <= self.bound.load(Ordering::Relaxed)
    }

    /// The largest single request during `work`.
    fn largest_during<T>(&self, work: impl FnOnce() -> T) -> (usize, T) {
        self.largest.store(0, Ordering::Relaxed);
        let result = work();
        (self.largest.load(Ordering::Relaxed), result)
    }
}

// SAFETY: requests are passed to the system's allocator unchanged, or answered with null, which the
// contract of `GlobalAlloc` allows at any time.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !self.allows(layout.size()) {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.allows(size) {
            return std::ptr::null_mut();
        }
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched {
    largest: AtomicUsize::new(0),
    bound: AtomicUsize::new(usize::MAX),
};

fn meta(frame_id: u64, nbytes: usize) -> Message {
    Message::FrameMeta(FrameMeta {
        frame_id,
        height: 480,
        width: 640,
        channels: 3,
        encoding: Encoding::Jpeg,
        nbytes: nbytes as u64,
        captured_us: None,
        clock: None,
    })
}

#[test]
fn memory_follows_what_has_arrived_and_not_what_was_announced() {
    let chunk = |bytes: usize| Message::Chunk(Bytes::from(vec![7; bytes]));
    let mut r = Reassembler::new(Limits::default());

    let (largest, ()) = ALLOCATOR.largest_during(|| {
        for id in 0..1000 {
            r.push(meta(id, 128 * MIB));
        }
    });
    assert!(largest < 1024, "announcing frames: {largest} bytes");
    assert_eq!(r.buffered_bytes(), 0);

    let (largest, _) = ALLOCATOR.largest_during(|| r.push(chunk(1)));
    assert!(largest <= 8 * MIB, "a first byte: {largest} bytes");

    let mut arrived = 1;
    for _ in 0..400 {
        let (largest, pushed) = ALLOCATOR.largest_during(|| r.push(chunk(262_144)));
        assert_eq!(pushed.dropped, None);
        arrived += 262_144;
        assert!(largest <= (8 * MIB).max(4 * arrived).min(128 * MIB));
        assert_eq!(r.buffered_bytes().max(arrived), r.buffered_bytes());
    }
    assert!(r.buffered_bytes() <= 128 * MIB);

    // A text costs its reader a fixed multiple of itself, whatever numbers are in it.
    let hostile = [
        "FRAME_META::1:4294967295:4294967295:255:uint8:18446744073709551615".to_owned(),
        "BATCH_START::4294967295".to_owned(),
        "FILE_META::a:18446744073709551615:x".to_owned(),
        format!(
            r#"{{"type":"PREDICTION","frame_id":1,"instances":[{}[]]}}"#,
            "[],".repeat(300_000)
        ),
    ];
    for text in hostile {
        let (largest, _) =
            ALLOCATOR.largest_during(|| Message::from_text(&text, &Limits::default()).is_ok());
        assert!(largest <= 40 * text.len(), "{largest} for {}", text.len());
    }

    // What a shard claims of its unit costs little more than the shard.
    let mut collector = ShardCollector::new(CollectorLimits::default());
    let now = Instant::now();
    for unit in 0..1000 {
        let header = ShardHeader {
            unit,
            index: 0,
            parity: 127,
            content_bytes: MAX_CODED_BYTES as u32,
        };
        let payload = Bytes::from(vec![7; 1149]);
        let shard = Shard { header, payload };
        let (largest, collected) = ALLOCATOR.largest_during(|| collector.push(shard, now));
        assert_eq!(collected.unit, None);
        assert!(
            largest <= 8192,
            "the first shard of a unit: {largest} bytes"
        );
    }
    assert!(collector.held_units() <= 256);

    // Without memory the frame is lost, not the process.
    let mut r = Reassembler::new(Limits::default());
    r.push(meta(5, 100 * MIB));
    let first = chunk(262_144);
    ALLOCATOR.bound.store(4 * MIB, Ordering::Relaxed);
    let pushed = r.push(first);
    ALLOCATOR.bound.store(usize::MAX, Ordering::Relaxed);
    let bytes = 100 * MIB as u64;
    let reason = pushed.dropped.map(|dropped| dropped.reason);
    assert_eq!(reason, Some(DropReason::OutOfMemory { bytes }));
    assert_eq!(r.buffered_bytes(), 0);
}
