//! A live stream in shards over links that lose packets, in virtual time: the sender, the receiver, and
//! its reports back to the choice of parity.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::coded::{
    CodedUnit, CollectorLimits, ParityChooser, Shard, ShardCollector, ShardCounts, ShardEncoder,
};

const FRAME_INTERVAL: Duration = Duration::from_micros(33_333);
const REPORT_INTERVAL: Duration = Duration::from_millis(200);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Headers of SCTP, DTLS, UDP and IP.
const PACKET_BYTES: usize = 93;

/// A way for packets: so long, so fast, and with such losses.
struct Link {
    one_way: Duration,
    bits_per_second: u64,
    /// Packets lost of a million, each for itself or the first of a burst.
    lost_of_a_million: u64,
    burst: u32,
    /// A packet takes up to so much longer than another.
    jitter: Duration,
}

const TWENTY_MBIT: Link = Link {
    one_way: Duration::from_millis(25),
    bits_per_second: 20_000_000,
    lost_of_a_million: 0,
    burst: 1,
    jitter: Duration::ZERO,
};

/// The link's state: when it is free for the next packet, and its losses.
struct Packets<'a> {
    link: &'a Link,
    free_at: Instant,
    random: u64,
    burst_left: u32,
}

impl Packets<'_> {
    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// When a packet that is sent now arrives, if it does.
    fn send(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let bits = 8 * (bytes + PACKET_BYTES) as u64;
        let takes = Duration::from_nanos(bits * 1_000_000_000 / self.link.bits_per_second);
        self.free_at = self.free_at.max(now) + takes;
        if self.burst_left == 0 && self.random() % 1_000_000 < self.link.lost_of_a_million {
            self.burst_left = self.link.burst;
        }
        let longer = match self.link.jitter.as_nanos() as u64 {
            0 => 0,
            jitter => self.random() % jitter,
        };
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return None;
        }
        Some(self.free_at + self.link.one_way + Duration::from_nanos(longer))
    }
}

/// What became of a stream, from its third second on.
#[derive(Debug, Default)]
struct Outcome {
    frames: usize,
    /// From sending to being whole, in microseconds.
    ages: Vec<u64>,
    lost: u32,
    data_shards: usize,
    parity_shards: usize,
    /// Shards that were asked for, and sent.
    late_shards: usize,
}

impl Outcome {
    fn percentile(&self, percent: usize) -> u64 {
        let mut ages = self.ages.clone();
        ages.sort_unstable();
        ages[(ages.len() - 1) * percent / 100]
    }

    fn whole_of_a_thousand(&self) -> usize {
        self.ages.len() * 1000 / self.frames
    }

    fn overhead_percent(&self) -> usize {
        self.parity_shards * 100 / self.data_shards
    }
}

enum Event {
    Frame(u32),
    Arrives(Bytes),
    Report,
    Reported(ShardCounts),
    /// The receiver looks whether shards are missing.
    Looks,
    /// The sender is asked for shards of a unit.
    Asked([u32; 2]),
}

fn unit(number: u32, frame_bytes: usize) -> CodedUnit {
    CodedUnit {
        text: format!("{number}"),
        data: Bytes::from(vec![number as u8; frame_bytes]),
    }
}

/// `seconds` of frames of `frame_bytes` over `link`.
fn stream(link: &Link, frame_bytes: usize, seconds: u32) -> Outcome {
    stream_asking(link, frame_bytes, seconds, Duration::ZERO)
}

/// The same, with units that are asked for so long, over a way back that loses nothing.
fn stream_asking(link: &Link, frame_bytes: usize, seconds: u32, late: Duration) -> Outcome {
    let start = Instant::now();
    let settled = 90;
    let frames = seconds * 30;
    let mut packets = Packets {
        link,
        free_at: start,
        random: 17,
        burst_left: 0,
    };
    let mut encoder = ShardEncoder::default();
    let mut chooser = ParityChooser::new(start);
    let mut collector = ShardCollector::new(CollectorLimits::default());
    collector.wait_for_late(late);
    let mut sent_parity = Vec::new();
    let mut outcome = Outcome::default();
    let mut events = BTreeMap::new();
    for frame in 0..frames {
        events.insert((start + frame * FRAME_INTERVAL, 0), Event::Frame(frame));
    }
    for report in 1..=seconds * 5 {
        events.insert((start + report * REPORT_INTERVAL, 1), Event::Report);
    }
    for look in 1..=seconds * 50 {
        events.insert((start + look * LOOK_INTERVAL, 2), Event::Looks);
    }
    let mut order = 3;
    while let Some(((now, _), event)) = events.pop_first() {
        let mut lost = Vec::new();
        match event {
            Event::Frame(number) => {
                let unit = unit(number, frame_bytes);
                let data = encoder.data_shards(&unit);
                let parity = chooser.parity(data, now);
                let shards = encoder.encode(&unit, parity).unwrap();
                sent_parity.push((parity, 0));
                if number >= settled {
                    outcome.frames += 1;
                    outcome.data_shards += data;
                    outcome.parity_shards += shards.len() - data;
                }
                for shard in shards {
                    if let Some(at) = packets.send(shard.len(), now) {
                        events.insert((at, order), Event::Arrives(shard));
                        order += 1;
                    }
                }
            }
            Event::Arrives(shard) => {
                let shard = Shard::try_from(shard).unwrap();
                let collected = collector.push(shard, now);
                lost = collected.lost;
                if let Some((number, unit)) = collected.unit {
                    assert_eq!(unit.text, format!("{number}"));
                    let sent = start + number * FRAME_INTERVAL;
                    if number >= settled {
                        outcome.ages.push((now - sent).as_micros() as u64);
                    }
                }
            }
            Event::Report => {
                lost = collector.expire(now);
                let counts = collector.take_counts();
                let reported = Event::Reported(counts);
                events.insert((now + link.one_way, order), reported);
                order += 1;
            }
            Event::Reported(counts) => chooser.report(counts, now),
            Event::Looks => {
                for asked in collector.missing(now) {
                    events.insert((now + link.one_way, order), Event::Asked(asked));
                    order += 1;
                }
            }
            Event::Asked([number, lacking]) => {
                let (parity, before) = &mut sent_parity[number as usize];
                let unit = unit(number, frame_bytes);
                let shards = match u8::try_from(lacking) {
                    Ok(0) | Err(_) => encoder.encode_again(number, &unit, *parity),
                    Ok(lacking) => {
                        let count = lacking + 1;
                        let more = encoder.further_parity(number, &unit, *parity, *before, count);
                        *before += count;
                        more
                    }
                };
                for shard in shards.unwrap() {
                    outcome.late_shards += 1;
                    if let Some(at) = packets.send(shard.len(), now) {
                        events.insert((at, order), Event::Arrives(shard));
                        order += 1;
                    }
                }
            }
        }
        let lost = lost.iter().filter(|lost| lost.first >= settled);
        outcome.lost += lost.map(|lost| lost.count).sum::<u32>();
    }
    outcome
}

/// 640x480, JPEG 80.
const FRAME_BYTES: usize = 25_000;

#[test]
fn a_clean_link_carries_no_parity_and_less_than_one_percent_more() {
    let outcome = stream(&TWENTY_MBIT, FRAME_BYTES, 20);
    assert_eq!(outcome.ages.len(), outcome.frames);
    assert_eq!(outcome.parity_shards, 0);
    let unit = CodedUnit {
        text: String::new(),
        data: Bytes::from(vec![0; FRAME_BYTES]),
    };
    let wire = ShardEncoder::default().encode(&unit, 0).unwrap();
    let bytes: usize = wire.iter().map(Bytes::len).sum();
    assert!(bytes * 100 <= 101 * FRAME_BYTES + 1000, "{bytes}");
}

#[test]
fn lost_packets_cost_next_to_no_time_and_next_to_no_frames() {
    let clean = stream(&TWENTY_MBIT, FRAME_BYTES, 20).percentile(99);
    // Lost of a million, in bursts; frames whole of 1000, the 99th percentile above the clean link in
    // microseconds, parity in percent.
    let rows = [
        (10_000, 1, 997, 4_000, 20),
        (30_000, 1, 996, 4_000, 30),
        (50_000, 1, 995, 5_000, 40),
        (3_333, 3, 995, 4_000, 40),
        (10_000, 3, 995, 5_000, 45),
    ];
    for (lost_of_a_million, burst, whole, above, parity) in rows {
        let link = Link {
            lost_of_a_million,
            burst,
            ..TWENTY_MBIT
        };
        let outcome = stream(&link, FRAME_BYTES, 120);
        let (p99, overhead) = (outcome.percentile(99), outcome.overhead_percent());
        let seen = format!(
            "{lost_of_a_million} in {burst}: {} of 1000 whole, {} lost, 99%: {} above {clean} µs, {overhead}% parity",
            outcome.whole_of_a_thousand(),
            outcome.lost,
            p99.saturating_sub(clean),
        );
        println!("{seen}");
        assert!(outcome.whole_of_a_thousand() >= whole, "{seen}");
        assert!(p99 <= clean + above, "{seen}");
        assert!(overhead <= parity, "{seen}");
        let told = outcome.ages.len() + outcome.lost as usize;
        assert!(told + 1 >= outcome.frames, "{seen}");
    }
}

#[test]
fn every_frame_arrives_where_late_shards_may_be_asked_for() {
    // Lost of a million, in bursts; the longest that a frame takes, in milliseconds.
    for (lost_of_a_million, burst, longest) in [(10_000, 3, 500), (10_000, 12, 2000)] {
        let link = Link {
            lost_of_a_million,
            burst,
            ..TWENTY_MBIT
        };
        let without = stream(&link, FRAME_BYTES, 120);
        let outcome = stream_asking(&link, FRAME_BYTES, 120, Duration::from_secs(3));
        let late = outcome.late_shards * 1000 / outcome.data_shards;
        let longest_took = outcome.percentile(100) / 1000;
        let seen = format!(
            "{lost_of_a_million} in {burst}: {} lost without, {} with; late shards {late} of 1000, {longest_took} ms at most",
            without.lost, outcome.lost
        );
        println!("{seen}");
        assert!(without.lost > 0, "{seen}");
        assert_eq!(outcome.lost, 0, "{seen}");
        assert_eq!(outcome.ages.len(), outcome.frames, "{seen}");
        assert!(longest_took < longest, "{seen}");
        assert!(late < 100, "{seen}");
    }
}

#[test]
fn large_frames_and_small_ones_get_through_as_well() {
    let link = Link {
        bits_per_second: 100_000_000,
        lost_of_a_million: 10_000,
        ..TWENTY_MBIT
    };
    let large = stream(&link, 200_000, 60);
    assert!(large.whole_of_a_thousand() >= 995, "{}", large.lost);
    assert!(
        large.overhead_percent() <= 8,
        "{}",
        large.overhead_percent()
    );
    let small = stream(&link, 800, 60);
    assert!(small.whole_of_a_thousand() >= 997, "{}", small.lost);
}

#[test]
fn jitter_that_mixes_packets_of_frames_loses_none() {
    let link = Link {
        jitter: Duration::from_millis(25),
        ..TWENTY_MBIT
    };
    let outcome = stream(&link, FRAME_BYTES, 30);
    assert_eq!(outcome.ages.len(), outcome.frames, "{}", outcome.lost);
    assert_eq!(outcome.parity_shards, 0, "late shards are not lost ones");
}
