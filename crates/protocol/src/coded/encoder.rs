//! From a unit to its shards.

use bytes::Bytes;
use thiserror::Error;

use super::blocks::{Blocks, MAX_BLOCK_PARITY, MAX_DATA};
use super::code::Known;
use super::shard::{
    MAX_CODED_BYTES, SHARD_HEADER_BYTES, SHARD_MESSAGE_BYTES, ShardHeader, WIDE_SHARD_MESSAGE_BYTES,
};
use super::unit::CodedUnit;

/// Smallest messages that a unit is cut into, and the longest that may be a packet.
const MIN_SHARD_MESSAGE_BYTES: usize = 256;
const MAX_PACKET_BYTES: usize = 1500;

/// Bytes of a data shard at most, where shards are wide.
const WIDE_SHARD_BYTES: usize = WIDE_SHARD_MESSAGE_BYTES - SHARD_HEADER_BYTES;

/// A unit has more bytes than shards can carry: it takes the reliable channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a unit of {bytes} bytes, at most {max} are sent in shards")]
pub struct CodedUnitTooLarge {
    /// Bytes of its content.
    pub bytes: usize,
    /// The limit.
    pub max: usize,
}

/// Cuts the units of one direction into shards, and numbers them.
#[derive(Debug)]
pub struct ShardEncoder {
    next: u32,
    /// Bytes of a data shard at most.
    shard_bytes: usize,
}

impl Default for ShardEncoder {
    fn default() -> Self {
        Self::new(SHARD_MESSAGE_BYTES)
    }
}

impl ShardEncoder {
    /// For messages of `message_bytes` at most, which should fit one packet of the path; 256 to 1,500.
    pub fn new(message_bytes: usize) -> Self {
        let bytes = message_bytes.clamp(MIN_SHARD_MESSAGE_BYTES, MAX_PACKET_BYTES);
        Self {
            next: 0,
            shard_bytes: bytes - SHARD_HEADER_BYTES,
        }
    }

    /// The same; its first unit has this number, where that of a channel has 0.
    pub fn starting_at(self, unit: u32) -> Self {
        Self { next: unit, ..self }
    }

    /// The number of the unit that is encoded next.
    pub fn next_unit(&self) -> u32 {
        self.next
    }

    /// Data shards that a unit is cut into; how many parity shards it should have depends on that.
    pub fn data_shards(&self, unit: &CodedUnit) -> usize {
        let bytes = unit.content_bytes();
        bytes.div_ceil(cut(bytes, self.shard_bytes))
    }

    /// How many wide shards a unit is cut into, and the bytes of each one's message.
    pub fn wide_form(&self, unit: &CodedUnit) -> (usize, usize) {
        let bytes = unit.content_bytes();
        let shard_bytes = cut(bytes, WIDE_SHARD_BYTES);
        (
            bytes.div_ceil(shard_bytes),
            SHARD_HEADER_BYTES + shard_bytes,
        )
    }

    /// The shards of `unit` as messages of up to [`WIDE_SHARD_MESSAGE_BYTES`], without parity: for lanes on which nothing
    /// is lost.
    pub fn encode_wide(&mut self, unit: &CodedUnit) -> Result<Vec<Bytes>, CodedUnitTooLarge> {
        let form = form(self.next, unit, 0, WIDE_SHARD_BYTES)?;
        let shards = shards(&unit.content(self.next), &form);
        self.next = self.next.wrapping_add(1);
        Ok(shards)
    }

    /// The shards of `unit` with `parity` parity shards for each of its blocks (127 at most), as messages in
    /// the order in which they are to be sent.
    pub fn encode(
        &mut self,
        unit: &CodedUnit,
        parity: u8,
    ) -> Result<Vec<Bytes>, CodedUnitTooLarge> {
        let shards = self.encode_again(self.next, unit, parity)?;
        self.next = self.next.wrapping_add(1);
        Ok(shards)
    }

    /// The shards of a unit that was sent before, with this number and so much parity.
    pub fn encode_again(
        &self,
        number: u32,
        unit: &CodedUnit,
        parity: u8,
    ) -> Result<Vec<Bytes>, CodedUnitTooLarge> {
        let form = self.form(number, unit, parity)?;
        Ok(shards(&unit.content(number), &form))
    }

    /// Parity shards of a unit that was sent before, beyond those that it had: for each block `count`, after the first
    /// `before` of them, as far as there are any.
    pub fn further_parity(
        &self,
        number: u32,
        unit: &CodedUnit,
        parity: u8,
        before: u8,
        count: u8,
    ) -> Result<Vec<Bytes>, CodedUnitTooLarge> {
        let form = self.form(number, unit, parity)?;
        let mut content = unit.content(number);
        content.resize(form.blocks.data() * form.shard_bytes, 0);
        let mut wire = Vec::new();
        for block in 0..form.blocks.count() {
            let places = 0..form.blocks.data_of(block) as u8;
            let known = places.map(|place| {
                let at = form.blocks.index(block, place) * form.shard_bytes;
                (place, &content[at..at + form.shard_bytes])
            });
            let known = Known::new(known);
            for place in form.blocks.further_places(block, before, count) {
                let mut message = form.message(form.blocks.index(block, place));
                message.resize(SHARD_HEADER_BYTES + form.shard_bytes, 0);
                known.value_at(place, &mut message[SHARD_HEADER_BYTES..]);
                wire.push(Bytes::from(message));
            }
        }
        Ok(wire)
    }

    fn form(
        &self,
        number: u32,
        unit: &CodedUnit,
        parity: u8,
    ) -> Result<UnitForm, CodedUnitTooLarge> {
        form(number, unit, parity, self.shard_bytes)
    }
}

/// How the unit with this number is cut into data shards of `max_shard_bytes` at most.
fn form(
    number: u32,
    unit: &CodedUnit,
    parity: u8,
    max_shard_bytes: usize,
) -> Result<UnitForm, CodedUnitTooLarge> {
    let bytes = unit.content_bytes();
    let max = MAX_CODED_BYTES.min(MAX_DATA * max_shard_bytes);
    let shard_bytes = cut(bytes, max_shard_bytes);
    let parity = parity.min(MAX_BLOCK_PARITY);
    let blocks = Blocks::new(bytes, shard_bytes, parity).filter(|_| bytes <= max);
    Ok(UnitForm {
        header: ShardHeader {
            unit: number,
            index: 0,
            parity,
            content_bytes: bytes as u32,
        },
        shard_bytes,
        blocks: blocks.ok_or(CodedUnitTooLarge { bytes, max })?,
    })
}

/// Bytes of each data shard, `max_shard_bytes` at most: as few as possible, all of one length, with little to fill up.
fn cut(bytes: usize, max_shard_bytes: usize) -> usize {
    bytes
        .div_ceil(bytes.div_ceil(max_shard_bytes).max(1))
        .max(1)
}

/// How a unit is cut.
struct UnitForm {
    /// That of its first shard.
    header: ShardHeader,
    shard_bytes: usize,
    blocks: Blocks,
}

impl UnitForm {
    /// The header of one shard, with room for the rest.
    fn message(&self, index: usize) -> Vec<u8> {
        let mut message = Vec::with_capacity(SHARD_HEADER_BYTES + self.shard_bytes);
        let header = ShardHeader {
            index: index as u16,
            ..self.header
        };
        header.write(&mut message);
        message
    }
}

fn shards(content: &[u8], form: &UnitForm) -> Vec<Bytes> {
    let (blocks, shard_bytes) = (&form.blocks, form.shard_bytes);
    let messages = (0..blocks.total()).map(|index| form.message(index));
    let mut wire: Vec<Vec<u8>> = messages.collect();
    for (message, piece) in wire.iter_mut().zip(content.chunks(shard_bytes)) {
        message.extend_from_slice(piece);
        // What fills up the last one.
        message.resize(SHARD_HEADER_BYTES + shard_bytes, 0);
    }
    let (data, parity) = wire.split_at_mut(blocks.data());
    if !parity.is_empty() {
        for block in 0..blocks.count() {
            let places = 0..blocks.data_of(block) as u8;
            let known = places.map(|place| {
                let message = &data[blocks.index(block, place)];
                (place, &message[SHARD_HEADER_BYTES..])
            });
            let known = Known::new(known);
            for place in blocks.places(block).skip(blocks.data_of(block)) {
                let message = &mut parity[blocks.index(block, place) - blocks.data()];
                message.resize(SHARD_HEADER_BYTES + shard_bytes, 0);
                known.value_at(place, &mut message[SHARD_HEADER_BYTES..]);
            }
        }
    }
    wire.into_iter().map(Bytes::from).collect()
}
