//! Units that were sent, kept for a while: the receiver may ask for shards that are missing. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::coded::{CodedUnit, ShardEncoder};

use super::LATE_FOR;

/// Bytes that are kept, and units.
const MAX_BYTES: usize = 32 << 20;
const MAX_UNITS: usize = 512;

/// What is asked for is on its way for a while.
const KEPT_FOR: Duration = LATE_FOR.saturating_add(Duration::from_secs(1));

/// A receiver gets so many times as many shards again as a unit had, and no more.
const TIMES_AGAIN: usize = 2;

/// The last units of one direction.
#[derive(Default)]
pub(super) struct KeptUnits {
    units: VecDeque<KeptUnit>,
    bytes: usize,
}

struct KeptUnit {
    number: u32,
    unit: CodedUnit,
    /// As it was sent with.
    parity: u8,
    /// Parity shards of each block beyond those that were sent.
    further: u8,
    /// Shards that may still be sent.
    left: usize,
    sent: Instant,
}

impl KeptUnit {
    fn bytes(&self) -> usize {
        self.unit.text.len() + self.unit.data.len()
    }
}

impl KeptUnits {
    /// This unit was sent in so many shards.
    pub(super) fn push(
        &mut self,
        number: u32,
        unit: CodedUnit,
        parity: u8,
        shards: usize,
        now: Instant,
    ) {
        let unit = KeptUnit {
            number,
            unit,
            parity,
            further: 0,
            left: shards * TIMES_AGAIN,
            sent: now,
        };
        self.bytes += unit.bytes();
        self.units.push_back(unit);
        self.forget(|unit| now.saturating_duration_since(unit.sent) > KEPT_FOR);
        while self.bytes > MAX_BYTES || self.units.len() > MAX_UNITS {
            self.forget_first();
        }
    }

    /// The receiver needs nothing more of the units before this one.
    pub(super) fn close_before(&mut self, number: u32) {
        self.forget(|unit| (unit.number.wrapping_sub(number) as i32) < 0);
    }

    fn forget(&mut self, is_over: impl Fn(&KeptUnit) -> bool) {
        while self.units.front().is_some_and(&is_over) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(unit) = self.units.pop_front() {
            self.bytes -= unit.bytes();
        }
    }

    /// What to send of a unit one of whose blocks lacks so many shards; 0: nothing of it has arrived. `loss`: the share that
    /// is lost on the way. None, where the unit is not kept any more, or the receiver had enough.
    pub(super) fn late(
        &mut self,
        number: u32,
        lacking: u32,
        loss: f64,
        encoder: &ShardEncoder,
    ) -> Vec<Bytes> {
        let mut units = self.units.iter_mut();
        let Some(kept) = units.find(|unit| unit.number == number) else {
            return Vec::new();
        };
        let shards = match lacking {
            0 => Vec::new(),
            lacking => kept.further_parity(lacking, loss, encoder),
        };
        match shards.is_empty() {
            true => kept.again(encoder),
            false => shards,
        }
    }
}

impl KeptUnit {
    /// Parity shards that the receiver has none of; empty where there are not that many.
    fn further_parity(&mut self, lacking: u32, loss: f64, encoder: &ShardEncoder) -> Vec<Bytes> {
        let lost = (f64::from(lacking) * 2.0 * loss).ceil() + 1.0;
        let count = f64::from(lacking) + lost;
        let Some(count) = (count <= f64::from(u8::MAX)).then_some(count as u8) else {
            return Vec::new();
        };
        let (number, before) = (self.number, self.further);
        let shards = encoder.further_parity(number, &self.unit, self.parity, before, count);
        let shards = shards.unwrap_or_default();
        if shards.len() < lacking as usize || shards.len() > self.left {
            return Vec::new();
        }
        self.left -= shards.len();
        self.further = self.further.saturating_add(count);
        shards
    }

    /// All of its shards once more.
    fn again(&mut self, encoder: &ShardEncoder) -> Vec<Bytes> {
        let shards = encoder.encode_again(self.number, &self.unit, self.parity);
        let shards = shards.unwrap_or_default();
        if shards.len() > self.left {
            return Vec::new();
        }
        self.left -= shards.len();
        shards
    }
}

#[cfg(test)]
mod tests {
    use protocol::coded::{CollectorLimits, Shard, ShardCollector};

    use super::*;

    fn unit(bytes: usize) -> CodedUnit {
        CodedUnit {
            text: "a unit".into(),
            data: vec![7; bytes].into(),
        }
    }

    fn index(shard: &Bytes) -> u16 {
        Shard::try_from(shard.clone()).unwrap().header.index
    }

    #[test]
    fn what_is_sent_late_makes_the_unit_whole_and_is_bounded() {
        let (mut kept, mut encoder) = (KeptUnits::default(), ShardEncoder::default());
        let (now, unit) = (Instant::now(), unit(22_000));
        let sent = encoder.encode(&unit, 3).unwrap();
        kept.push(0, unit.clone(), 3, sent.len(), now);
        let mut collector = ShardCollector::new(CollectorLimits::default());
        for shard in &sent[..15] {
            let shard = Shard::try_from(shard.clone()).unwrap();
            assert_eq!(collector.push(shard, now).unit, None);
        }
        let lacking = 20 - 15;
        let late = kept.late(0, lacking, 0.05, &encoder);
        assert!(
            late.len() > lacking as usize && late.len() < 9,
            "{}",
            late.len()
        );
        assert!(late.iter().all(|shard| index(shard) >= 23));
        let whole = late.iter().find_map(|shard| {
            let shard = Shard::try_from(shard.clone()).unwrap();
            collector.push(shard, now).unit
        });
        assert_eq!(whole, Some((0, unit)));

        let again = kept.late(0, 0, 0.05, &encoder);
        assert_eq!(again, sent);
        let mut more = late.len() + again.len();
        for lacking in [1, 200, u32::MAX, 0, 7].into_iter().cycle().take(1000) {
            more += kept.late(0, lacking, 1.0, &encoder).len();
        }
        assert!(more <= sent.len() * TIMES_AGAIN, "{more}");
        assert!(kept.late(1, 1, 0.0, &encoder).is_empty(), "not sent yet");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut kept, now) = (KeptUnits::default(), Instant::now());
        for number in 0..100 {
            kept.push(number, unit(1 << 20), 0, 900, now);
        }
        assert!(kept.bytes <= MAX_BYTES && kept.units.len() > 20);
        kept.close_before(98);
        assert_eq!(kept.units.len(), 2);
        kept.push(100, unit(10), 0, 1, now + 2 * KEPT_FOR);
        assert_eq!((kept.units.len(), kept.bytes), (1, 16));
        for number in 101..2000 {
            kept.push(number, unit(10), 0, 1, now + 2 * KEPT_FOR);
        }
        assert_eq!(kept.units.len(), MAX_UNITS);
        kept.close_before(u32::MAX);
        assert_eq!(kept.units.len(), MAX_UNITS, "far behind all of them");
    }
}
