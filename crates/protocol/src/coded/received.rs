//! One unit on its way, at the receiver.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use super::blocks::Blocks;
use super::code::Known;
use super::loss::LossReason;
use super::shard::{Shard, ShardHeader};
use super::unit::CodedUnit;

/// Memory of a shard beside its payload, as it is counted.
const SHARD_OVERHEAD: usize = 128;

/// Which shards of a unit have arrived, and those that are still needed.
pub(super) struct ReceivedUnit {
    header: ShardHeader,
    shard_bytes: usize,
    blocks: Blocks,
    /// One bit for each shard.
    seen: Vec<u64>,
    arrived: usize,
    /// When its first shard arrived.
    began: Instant,
    state: State,
}

/// ```text
///   Receiving ── enough shards of each block, or given up ──▶ Closed
/// ```
enum State {
    Receiving {
        /// By index.
        shards: BTreeMap<u16, Bytes>,
        /// Shards that each block lacks.
        lacking: Vec<usize>,
    },
    /// Shards that still come are counted, not kept.
    Closed { at: Instant, is_whole: bool },
}

/// What a shard is for its unit.
pub(super) enum Push {
    /// It was kept, or was not needed.
    Taken,
    /// It completes the unit.
    Completes,
    /// It has arrived before.
    Duplicate,
    /// It belongs to a unit of another form.
    Mismatch,
}

impl ReceivedUnit {
    /// The unit of its first shard, which arrived at `began`; `None`: it is over the bounds.
    pub(super) fn of(shard: &Shard, began: Instant) -> Option<Self> {
        let Shard { header, payload } = shard;
        let content_bytes = usize::try_from(header.content_bytes).ok()?;
        let blocks = Blocks::new(content_bytes, payload.len(), header.parity)?;
        Some(Self {
            header: *header,
            shard_bytes: payload.len(),
            seen: vec![0; blocks.most().div_ceil(64)],
            arrived: 0,
            began,
            state: State::Receiving {
                shards: BTreeMap::new(),
                lacking: (0..blocks.count()).map(|it| blocks.data_of(it)).collect(),
            },
            blocks,
        })
    }

    pub(super) fn push(&mut self, shard: Shard) -> Push {
        let ShardHeader { index, .. } = shard.header;
        let place = usize::from(index);
        let header = ShardHeader {
            index: self.header.index,
            ..shard.header
        };
        let has_form = header == self.header && shard.payload.len() == self.shard_bytes;
        if !has_form || place >= self.blocks.most() {
            return Push::Mismatch;
        }
        let (word, bit) = (place / 64, 1 << (place % 64));
        if self.seen[word] & bit != 0 {
            return Push::Duplicate;
        }
        self.seen[word] |= bit;
        // Shards that were asked for tell nothing of how many are lost.
        self.arrived += usize::from(place < self.blocks.total());
        let State::Receiving { shards, lacking } = &mut self.state else {
            return Push::Taken;
        };
        let (block, _) = self.blocks.place(place);
        if lacking[block] > 0 {
            lacking[block] -= 1;
            shards.insert(index, shard.payload);
        }
        match lacking.iter().all(|lacking| *lacking == 0) {
            true => Push::Completes,
            false => Push::Taken,
        }
    }

    /// Bytes of memory that its shards take, as they are counted.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Receiving { shards, .. } => shards.len() * (self.shard_bytes + SHARD_OVERHEAD),
            State::Closed { .. } => 0,
        }
    }

    pub(super) fn is_receiving(&self) -> bool {
        matches!(self.state, State::Receiving { .. })
    }

    /// The most shards that one of its blocks lacks; 0: none, or nothing is waited for.
    pub(super) fn lacking(&self) -> usize {
        match &self.state {
            State::Receiving { lacking, .. } => lacking.iter().copied().max().unwrap_or(0),
            State::Closed { .. } => 0,
        }
    }

    /// When it became whole, if it did.
    pub(super) fn whole_at(&self) -> Option<Instant> {
        match self.state {
            State::Closed { at, is_whole: true } => Some(at),
            _ => None,
        }
    }

    /// When it became whole or was given up.
    pub(super) fn closed_at(&self) -> Option<Instant> {
        match self.state {
            State::Closed { at, .. } => Some(at),
            State::Receiving { .. } => None,
        }
    }

    /// When its first shard arrived.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Shards that have arrived, of those that were sent at first.
    pub(super) fn arrived(&self) -> usize {
        self.arrived
    }

    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Gives the unit up: what arrived and was needed is let go.
    pub(super) fn give_up(&mut self, at: Instant) -> LossReason {
        let is_whole = false;
        self.state = State::Closed { at, is_whole };
        LossReason::Incomplete {
            arrived: self.arrived,
            needed: self.blocks.data(),
        }
    }

    /// The unit, once a shard [completes](Push::Completes) it. Its shards are let go either way.
    pub(super) fn complete(&mut self, at: Instant) -> Result<CodedUnit, LossReason> {
        let is_whole = true;
        let state = std::mem::replace(&mut self.state, State::Closed { at, is_whole });
        let unit = match &state {
            State::Receiving { shards, .. } => self.assemble(shards),
            State::Closed { .. } => Err(LossReason::Damaged),
        };
        if unit.is_err() {
            let is_whole = false;
            self.state = State::Closed { at, is_whole };
        }
        unit
    }

    fn assemble(&self, shards: &BTreeMap<u16, Bytes>) -> Result<CodedUnit, LossReason> {
        let bytes = self.blocks.data() * self.shard_bytes;
        let mut content = Vec::new();
        content
            .try_reserve_exact(bytes)
            .map_err(|_| LossReason::OutOfMemory { bytes })?;
        content.resize(bytes, 0);
        let slot = |place: usize| place * self.shard_bytes..(place + 1) * self.shard_bytes;
        for (&index, shard) in shards.range(..self.blocks.data() as u16) {
            content[slot(usize::from(index))].copy_from_slice(shard);
        }
        for block in 0..self.blocks.count() {
            let shard_at = |place| shards.get(&(self.blocks.index(block, place) as u16));
            let data = 0..self.blocks.data_of(block) as u8;
            let lost: Vec<u8> = data.filter(|&place| shard_at(place).is_none()).collect();
            if lost.is_empty() {
                continue;
            }
            let places = self.blocks.most_places(block);
            let known = places.filter_map(|place| Some((place, shard_at(place)?.as_ref())));
            let known = Known::new(known);
            for place in lost {
                known.value_at(place, &mut content[slot(self.blocks.index(block, place))]);
            }
        }
        content.truncate(self.header.content_bytes as usize);
        CodedUnit::from_content(self.header.unit, content.into()).ok_or(LossReason::Damaged)
    }
}
