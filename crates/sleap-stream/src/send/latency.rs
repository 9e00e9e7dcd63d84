//! The parts of the time from a frame's capture to its result. Pure.
//!
//! The client's clock gives the moments on its own side, the worker's timing the lengths of its
//! steps. What is left is the network's: what came before the frame's last byte was there, and the
//! result's return. One clock cannot distinguish those two: the return is taken to be half
//! of the shortest time that was ever left over, which is an estimate.

use std::time::{Duration, Instant};

use protocol::Timing;
use serde::Serialize;

/// One frame's moments at the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameMoments {
    /// Its capture, as the driver, the camera or its arrival has it; of a file, when it was due.
    pub(crate) captured: Instant,
    /// The client had it.
    pub(crate) arrived: Instant,
    /// The encoder took it.
    pub(crate) taken: Instant,
    /// Its bytes were ready for the link.
    pub(crate) encoded: Instant,
    /// The link had the last of them; `None` where the result was faster than that message.
    pub(crate) handed: Option<Instant>,
    /// Its result was received.
    pub(crate) returned: Instant,
}

/// Names of the parts, in the order of [`Latency::parts`].
pub(crate) const PARTS: [&str; 11] = [
    "driver",
    "capture",
    "encode",
    "send",
    "network",
    "decode",
    "queue",
    "preprocess",
    "inference",
    "postprocess",
    "return",
];

/// The parts of a pose's age, microseconds; they add up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Latency {
    /// From the time stamp of the camera or its driver until the client had the frame: exposure, transfer, the
    /// driver's buffers. Zero where the capture is the arrival.
    #[serde(rename = "driver_us")]
    pub(crate) driver: u64,
    /// Reading the frame, and waiting for its turn.
    #[serde(rename = "capture_us")]
    pub(crate) capture: u64,
    /// Resizing and compressing.
    #[serde(rename = "encode_us")]
    pub(crate) encode: u64,
    /// Until the link's buffer has taken the frame.
    #[serde(rename = "send_us")]
    pub(crate) send: u64,
    /// Until the complete frame is at the worker.
    #[serde(rename = "network_us")]
    pub(crate) network: u64,
    #[serde(rename = "decode_us")]
    pub(crate) decode: u64,
    /// All waiting at the worker.
    #[serde(rename = "queue_us")]
    pub(crate) queue: u64,
    #[serde(rename = "preprocess_us")]
    pub(crate) preprocess: u64,
    #[serde(rename = "inference_us")]
    pub(crate) inference: u64,
    #[serde(rename = "postprocess_us")]
    pub(crate) postprocess: u64,
    /// The result's return, an estimate.
    #[serde(rename = "return_us")]
    pub(crate) back: u64,
}

impl Latency {
    pub(crate) fn parts(&self) -> [u64; PARTS.len()] {
        [
            self.driver,
            self.capture,
            self.encode,
            self.send,
            self.network,
            self.decode,
            self.queue,
            self.preprocess,
            self.inference,
            self.postprocess,
            self.back,
        ]
    }

    /// From capture until the pose was received, microseconds.
    pub(crate) fn age(&self) -> u64 {
        self.parts().iter().sum()
    }

    /// The link's share of it: sending, the network and the return.
    pub(crate) fn link(&self) -> Duration {
        Duration::from_micros(self.send + self.network + self.back)
    }
}

/// Splits latencies; remembers the shortest round trip.
#[derive(Debug, Default)]
pub(crate) struct LatencySplitter {
    shortest: Option<u64>,
}

impl LatencySplitter {
    pub(crate) fn split(&mut self, moments: &FrameMoments, timing: &Timing) -> Latency {
        let since_capture = |at: Instant| micros(at.saturating_duration_since(moments.captured));
        let arrived = since_capture(moments.arrived);
        let taken = since_capture(moments.taken).max(arrived);
        let encoded = since_capture(moments.encoded).max(taken);
        let returned = since_capture(moments.returned).max(encoded);

        // The worker's times are cut to what fits: its clock may be wrong, or its report.
        let mut left = returned - encoded;
        let mut take = |wanted: Option<u64>| {
            let taken = wanted.unwrap_or_default().min(left);
            left -= taken;
            taken
        };
        let inference = take(timing.inference_us);
        let decode = take(timing.decode_us);
        let preprocess = take(timing.preprocess_us);
        let postprocess = take(timing.postprocess_us);
        let queue = take(Some(waiting(timing)));
        let handed = moments.handed.map(since_capture).unwrap_or(encoded);
        let send = take(Some(handed.saturating_sub(encoded)));

        let idle = left.saturating_sub(timing.receive_us.unwrap_or_default());
        let shortest = self.shortest.map_or(idle, |known| known.min(idle));
        self.shortest = Some(shortest);
        let back = (shortest / 2).min(left);
        Latency {
            driver: arrived,
            capture: taken - arrived,
            encode: encoded - taken,
            send,
            network: left - back,
            decode,
            queue,
            preprocess,
            inference,
            postprocess,
            back,
        }
    }
}

/// Waiting that the worker reports, and what its total has beyond its steps.
fn waiting(timing: &Timing) -> u64 {
    let queue = timing.queue_us.unwrap_or_default();
    let steps = [
        timing.receive_us,
        timing.decode_us,
        timing.queue_us,
        timing.preprocess_us,
        timing.inference_us,
        timing.postprocess_us,
    ];
    let known = steps.into_iter().flatten().fold(0, u64::saturating_add);
    let unnamed = timing.total_us.unwrap_or_default().saturating_sub(known);
    queue.saturating_add(unnamed)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Captured, here after 2 ms, taken after 5, encoded after 7, handed over after 8.
    fn moments(returned: u32) -> FrameMoments {
        let captured = Instant::now();
        FrameMoments {
            captured,
            arrived: captured + 2 * MS,
            taken: captured + 5 * MS,
            encoded: captured + 7 * MS,
            handed: Some(captured + 8 * MS),
            returned: captured + returned * MS,
        }
    }

    fn timing() -> Timing {
        Timing {
            receive_us: Some(10_000),
            decode_us: Some(2_000),
            queue_us: Some(1_000),
            preprocess_us: Some(500),
            inference_us: Some(20_000),
            postprocess_us: Some(500),
            total_us: Some(35_000),
        }
    }

    #[test]
    fn parts_add_up_to_the_age_and_each_has_its_own() {
        let latency = LatencySplitter::default().split(&moments(60), &timing());
        assert_eq!(latency.age(), 60_000);
        assert_eq!(
            (
                latency.driver,
                latency.capture,
                latency.encode,
                latency.send
            ),
            (2_000, 3_000, 2_000, 1_000)
        );
        assert_eq!((latency.decode, latency.inference), (2_000, 20_000));
        assert_eq!(
            latency.queue, 2_000,
            "a millisecond is named, another is in the total only"
        );
        // 27 ms are left: 10 of receiving, and 17 of the network, of which half is the return.
        assert_eq!((latency.network, latency.back), (18_500, 8_500));
        assert_eq!(latency.link(), 28 * MS);
    }

    #[test]
    fn the_return_is_half_of_the_shortest() {
        let mut splitter = LatencySplitter::default();
        splitter.split(&moments(60), &timing());
        let held_up = splitter.split(&moments(160), &timing());
        assert_eq!((held_up.network, held_up.back), (118_500, 8_500));
    }

    #[test]
    fn what_a_worker_claims_never_exceeds_what_passed() {
        let absurd = Timing {
            inference_us: Some(u64::MAX),
            queue_us: Some(u64::MAX),
            total_us: Some(u64::MAX),
            ..timing()
        };
        let latency = LatencySplitter::default().split(&moments(60), &absurd);
        assert_eq!(latency.age(), 60_000);
        assert_eq!(latency.inference, 53_000);
    }

    #[test]
    fn a_worker_that_says_nothing_leaves_it_all_to_the_network() {
        let latency = LatencySplitter::default().split(&moments(60), &Timing::default());
        assert_eq!(latency.age(), 60_000);
        assert_eq!(latency.network + latency.back, 52_000);
    }
}
