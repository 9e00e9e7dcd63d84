//! Units cut into shards: the vectors, and what holds whatever arrives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use protocol::coded::{
    CodedUnit, CollectorLimits, MAX_CODED_BYTES, MAX_SHARD_MESSAGE_BYTES, SHARD_HEADER_BYTES,
    SHARD_MESSAGE_BYTES, Shard, ShardCollector, ShardEncoder, WIDE_SHARD_MESSAGE_BYTES, max_parity,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    unit: u32,
    #[serde(default)]
    parity: u8,
    text: String,
    data_bytes: usize,
    shards: usize,
    wire: Option<Vec<String>>,
    crc32: Option<Vec<u32>>,
    /// Of the second and third parity shard of each block beyond those of the unit.
    late_crc32: Option<Vec<u32>>,
    /// Few large shards.
    #[serde(default)]
    wide: bool,
}

fn picture(length: usize) -> Bytes {
    (0..length).map(|at| (7 * at + at / 251) as u8).collect()
}

#[test]
fn shards_are_those_of_the_independent_script() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/shards.json")).unwrap();
    assert!(vectors.len() >= 8);
    for vector in vectors {
        let name = vector.name;
        let unit = CodedUnit {
            text: vector.text,
            data: picture(vector.data_bytes),
        };
        let mut encoder = ShardEncoder::default().starting_at(vector.unit);
        let shards = match vector.wide {
            true => encoder.encode_wide(&unit).unwrap(),
            false => encoder.encode(&unit, vector.parity).unwrap(),
        };
        assert_eq!(shards.len(), vector.shards, "{name}");
        let hex = |shard: &Bytes| shard.iter().map(|byte| format!("{byte:02x}")).collect();
        let found: Vec<String> = shards.iter().map(hex).collect();
        assert!(vector.wire.is_none_or(|wire| wire == found), "{name}");
        let found: Vec<u32> = shards.iter().map(|shard| crc32fast::hash(shard)).collect();
        assert!(vector.crc32.is_none_or(|crc32| crc32 == found), "{name}");

        if let Some(expected) = vector.late_crc32 {
            let late = encoder.further_parity(vector.unit, &unit, vector.parity, 1, 2);
            let late = late.unwrap();
            let found: Vec<u32> = late.iter().map(|shard| crc32fast::hash(shard)).collect();
            assert_eq!(found, expected, "{name}");
        }

        // Most units do not begin at 0: the numbers between are missing, at most as many as are bridged.
        if vector.unit >= 65_536 {
            continue;
        }
        // From the last on, so that as many parity shards as can be are used.
        let mut collector = ShardCollector::new(CollectorLimits::default());
        let mut arrived = None;
        for shard in shards.into_iter().rev() {
            let shard = Shard::try_from(shard).unwrap();
            arrived = arrived.or(collector.push(shard, Instant::now()).unit);
        }
        assert_eq!(arrived, Some((vector.unit, unit)), "{name}");
    }
}

fn unit() -> impl Strategy<Value = CodedUnit> {
    let data_bytes = prop_oneof![
        0usize..40,
        0usize..4000,
        0usize..40_000,
        140_000usize..150_000
    ];
    ("[a-z]{0,30}", data_bytes, any::<u8>()).prop_map(|(text, data_bytes, seed)| CodedUnit {
        text,
        data: (0..data_bytes)
            .map(|at| (at * at + 3 * at) as u8 ^ seed)
            .collect(),
    })
}

fn shards_of(encoder: &mut ShardEncoder, unit: &CodedUnit, parity: u8) -> Vec<Shard> {
    let wire = encoder.encode(unit, parity).unwrap();
    let read = |shard: Bytes| {
        assert!(shard.len() <= SHARD_MESSAGE_BYTES);
        Shard::try_from(shard).unwrap()
    };
    wire.into_iter().map(read).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_shards_but_as_many_as_the_parity_give_the_unit(
        unit in unit(), parity in 0u8..12, seed in any::<u64>(),
    ) {
        let mut shards = shards_of(&mut ShardEncoder::default(), &unit, parity);
        let data = ShardEncoder::default().data_shards(&unit);
        let blocks = data.div_ceil(128);
        prop_assert_eq!(shards.len(), data + blocks * usize::from(parity));
        // In an order of the seed's, and without as many as the parity makes good in any case.
        shards.sort_by_key(|shard| {
            (u64::from(shard.header.index) + 1).wrapping_mul(seed | 1).rotate_left(29) ^ seed
        });
        shards.truncate(shards.len() - usize::from(parity));
        let mut collector = ShardCollector::new(CollectorLimits::default());
        let now = Instant::now();
        let whole: Vec<_> = shards
            .into_iter()
            .filter_map(|shard| collector.push(shard, now).unit)
            .collect();
        prop_assert_eq!(whole, [(0, unit)]);
        prop_assert_eq!(collector.held_bytes(), 0);
    }
}

/// What happens to one shard on its way.
#[derive(Clone, Debug)]
enum Fate {
    Lost,
    Arrives,
    Twice,
    /// Behind so many others.
    Late(usize),
    /// One byte of the message is another.
    Changed(Index, u8),
    Cut(Index),
    /// Beside it, one of another stream with the same number.
    Foreign,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Lost),
        20 => Just(Fate::Arrives),
        2 => Just(Fate::Twice),
        2 => (1usize..200).prop_map(Fate::Late),
        1 => (any::<Index>(), 1u8..).prop_map(|(at, by)| Fate::Changed(at, by)),
        1 => any::<Index>().prop_map(Fate::Cut),
        1 => Just(Fate::Foreign),
    ];
    vec(fate, 1..60)
}

/// The messages as they arrive.
fn travel(shards: Vec<Bytes>, foreign: &[Bytes], fates: &[Fate]) -> Vec<Bytes> {
    let mut arrived: BTreeMap<(usize, usize), Bytes> = BTreeMap::new();
    for ((at, shard), fate) in shards.into_iter().enumerate().zip(fates.iter().cycle()) {
        match fate {
            Fate::Lost => continue,
            Fate::Arrives => drop(arrived.insert((at, 0), shard)),
            Fate::Twice => {
                arrived.insert((at, 0), shard.clone());
                arrived.insert((at + 3, 1), shard);
            }
            Fate::Late(by) => drop(arrived.insert((at + by, 2), shard)),
            Fate::Changed(index, by) => {
                let mut changed = shard.to_vec();
                let place = index.index(changed.len());
                changed[place] ^= by;
                arrived.insert((at, 0), changed.into());
            }
            Fate::Cut(index) => {
                let short = shard.slice(..index.index(shard.len()));
                arrived.insert((at, 0), short);
            }
            Fate::Foreign => {
                arrived.insert((at, 0), foreign[at % foreign.len()].clone());
                arrived.insert((at, 1), shard);
            }
        }
    }
    arrived.into_values().collect()
}

fn tight() -> CollectorLimits {
    CollectorLimits {
        max_units: 6,
        max_bytes: 40_000,
        ..CollectorLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn lost_doubled_late_foreign_and_lying_shards_never_give_a_wrong_unit(
        units in vec((unit(), 0u8..8), 1..9), fates in fates(), is_tight in any::<bool>(),
    ) {
        let limits = if is_tight { tight() } else { CollectorLimits::default() };
        let (mut encoder, mut other) = (ShardEncoder::default(), ShardEncoder::default());
        let (mut wire, mut foreign) = (Vec::new(), Vec::new());
        for (unit, parity) in &units {
            wire.extend(encoder.encode(unit, *parity).unwrap());
            let mut unit = unit.clone();
            unit.text.push('x');
            foreign.extend(other.encode(&unit, *parity).unwrap());
        }
        let mut collector = ShardCollector::new(limits.clone());
        let mut now = Instant::now();
        let (mut whole, mut lost) = (Vec::new(), Vec::new());
        for shard in travel(wire, &foreign, &fates) {
            now += Duration::from_millis(1);
            let Ok(shard) = Shard::try_from(shard) else { continue };
            let collected = collector.push(shard, now);
            if let Some((number, unit)) = collected.unit {
                let (sent, _) = &units[number as usize];
                let is_foreign = unit.text == format!("{}x", sent.text);
                // A foreign unit that arrives as a whole is one that was sent, too.
                prop_assert!(unit == *sent || is_foreign && unit.data == sent.data);
                whole.push(number);
            }
            lost.extend(collected.lost.iter().map(|lost| (lost.first, lost.count)));
            prop_assert!(collector.held_bytes() <= limits.max_bytes);
            prop_assert!(collector.held_units() <= limits.max_units);
        }
        lost.extend(collector.finish(now).iter().map(|lost| (lost.first, lost.count)));
        prop_assert_eq!(collector.held_bytes(), 0);
        // Every unit is delivered or reported once at most.
        let mut seen: Vec<u32> = lost
            .into_iter()
            .flat_map(|(first, count)| (0..count).map(move |at| first.wrapping_add(at)))
            .chain(whole)
            .collect();
        seen.sort_unstable();
        prop_assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
    }

    #[test]
    fn every_unit_of_a_link_that_only_loses_is_delivered_or_reported(
        units in vec((unit(), 0u8..8), 1..9), lost in subsequence((0..97usize).collect::<Vec<_>>(), 0..20),
    ) {
        let mut encoder = ShardEncoder::default();
        let mut collector = ShardCollector::new(CollectorLimits::default());
        let now = Instant::now();
        let (mut sent, mut newest) = (0, None);
        let (mut whole, mut reported) = (Vec::new(), Vec::new());
        for (unit, parity) in &units {
            let mut missing = 0;
            let shards = shards_of(&mut encoder, unit, *parity);
            let last = shards.len() - 1;
            let is_small = encoder.data_shards(unit) <= 128;
            for (at, shard) in shards.into_iter().enumerate() {
                sent += 1;
                let number = shard.header.unit;
                if lost.contains(&(sent % 97)) {
                    missing += 1;
                } else {
                    newest = Some(number);
                    let collected = collector.push(shard, now);
                    reported.extend(collected.lost.iter().map(|lost| lost.count));
                    if let Some((number, unit)) = collected.unit {
                        prop_assert_eq!(&unit, &units[number as usize].0);
                        whole.push(number);
                    }
                }
                // One block is whole unless it lost more than its parity.
                if at == last && is_small {
                    prop_assert_eq!(whole.contains(&number), missing <= u32::from(*parity));
                }
            }
        }
        reported.extend(collector.finish(now).iter().map(|lost| lost.count));
        // Units after the newest of which something arrived cannot be known.
        let told = whole.len() as u32 + reported.iter().sum::<u32>();
        prop_assert_eq!(told, newest.map_or(0, |number: u32| number + 1));
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_bounded(messages in vec(vec(any::<u8>(), 0..40), 0..60)) {
        let mut collector = ShardCollector::new(tight());
        let now = Instant::now();
        for mut message in messages {
            if let Some(first) = message.first_mut().filter(|first| **first < 200) {
                *first = 0xf5;
            }
            if let Ok(shard) = Shard::try_from(Bytes::from(message)) {
                collector.push(shard, now);
            }
            prop_assert!(collector.held_units() <= tight().max_units);
            prop_assert!(collector.held_bytes() <= tight().max_bytes);
        }
    }
}

#[test]
fn a_unit_that_is_too_large_for_shards_is_refused() {
    let unit = |bytes: usize| CodedUnit {
        text: String::new(),
        data: Bytes::from(vec![0; bytes - 8]),
    };
    let mut encoder = ShardEncoder::default();
    let refusal = encoder.encode(&unit(MAX_CODED_BYTES + 1), 1).unwrap_err();
    assert_eq!(refusal.bytes, MAX_CODED_BYTES + 1);
    assert_eq!(encoder.next_unit(), 0, "it takes no number");
    let shards = encoder
        .encode(&unit(MAX_CODED_BYTES), max_parity(128))
        .unwrap();
    assert_eq!(shards.len(), 14_602 + 115 * 52);
    // Short messages carry less, long ones as much.
    let max = 16_384 * (256 - SHARD_HEADER_BYTES);
    assert_eq!(
        ShardEncoder::new(1).encode(&unit(max), 0).unwrap().len(),
        16_384
    );
    assert_eq!(
        ShardEncoder::new(1)
            .encode(&unit(max + 1), 0)
            .unwrap_err()
            .max,
        max
    );
    let wire = ShardEncoder::new(usize::MAX)
        .encode(&unit(100_000), 0)
        .unwrap();
    let longest = wire.iter().map(Bytes::len).max();
    assert!(longest.is_some_and(|bytes| bytes > 1400 && bytes <= MAX_SHARD_MESSAGE_BYTES));
}

#[test]
fn wide_shards_are_few_and_give_the_unit() {
    let mut encoder = ShardEncoder::default();
    let mut collector = ShardCollector::new(CollectorLimits::default());
    // 8 bytes stand before the data.
    let payload = WIDE_SHARD_MESSAGE_BYTES - SHARD_HEADER_BYTES;
    let sizes = [
        (0, 1),
        (1000, 1),
        (33_000, 1),
        (payload - 8, 1),
        (payload - 7, 2),
        (140_000, 3),
    ];
    for (number, (data_bytes, count)) in (0..).zip(sizes) {
        let unit = CodedUnit {
            text: String::new(),
            data: picture(data_bytes),
        };
        let form = encoder.wide_form(&unit);
        let wide = encoder.encode_wide(&unit).unwrap();
        assert_eq!(wide.len(), count, "{data_bytes}");
        assert!(wide.iter().all(|shard| shard.len() == form.1));
        assert_eq!(form.0, count);
        assert!(form.1 <= WIDE_SHARD_MESSAGE_BYTES);
        let mut arrived = None;
        for shard in wide.into_iter().rev() {
            let shard = Shard::try_from(shard).unwrap();
            arrived = arrived.or(collector.push(shard, Instant::now()).unit);
        }
        assert_eq!(arrived, Some((number, unit)));
    }
    let too_large = CodedUnit {
        text: String::new(),
        data: Bytes::from(vec![0; MAX_CODED_BYTES]),
    };
    assert!(encoder.encode_wide(&too_large).is_err());
    assert_eq!(encoder.next_unit(), 6, "it takes no number");
}
