//! How a unit's shards are dealt over blocks, each of which is coded by itself.

use std::ops::Range;

/// Most data shards of a block: with as many parity shards less one, its places fit a byte.
pub(super) const MAX_BLOCK_DATA: usize = 128;

/// Most parity shards of a block.
pub(super) const MAX_BLOCK_PARITY: u8 = 127;

/// Most data shards of a unit.
pub(super) const MAX_DATA: usize = 16_384;

/// The shards of one unit: first the data shards, which are the content cut into equal pieces, then the
/// parity shards. Both are dealt over the blocks in turn, so that packets lost in a row are those of
/// different blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    data: usize,
    parity: usize,
    count: usize,
}

impl Blocks {
    /// `None`: no content, or more shards than are allowed.
    pub(super) fn new(content_bytes: usize, shard_bytes: usize, parity: u8) -> Option<Self> {
        if content_bytes == 0 || shard_bytes == 0 || parity > MAX_BLOCK_PARITY {
            return None;
        }
        let data = content_bytes.div_ceil(shard_bytes);
        (data <= MAX_DATA).then(|| Self {
            data,
            parity: usize::from(parity),
            count: data.div_ceil(MAX_BLOCK_DATA),
        })
    }

    /// Data shards of all blocks.
    pub(super) fn data(&self) -> usize {
        self.data
    }

    /// Blocks.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Shards of all blocks, parity included; an index fits 16 bits.
    pub(super) fn total(&self) -> usize {
        self.data + self.count * self.parity
    }

    /// The same with all the parity shards that its blocks may have: an index fits 16 bits.
    pub(super) fn most(&self) -> usize {
        self.data + self.count * usize::from(MAX_BLOCK_PARITY)
    }

    /// Data shards of one block.
    pub(super) fn data_of(&self, block: usize) -> usize {
        self.data / self.count + usize::from(block < self.data % self.count)
    }

    /// Block and place of the shard with this index. It must be less than [`most`](Self::most).
    pub(super) fn place(&self, index: usize) -> (usize, u8) {
        let (block, place) = match index.checked_sub(self.data) {
            None => (index % self.count, index / self.count),
            Some(parity) => {
                let block = parity % self.count;
                (block, self.data_of(block) + parity / self.count)
            }
        };
        // At most 128 + 127 shards are in a block.
        (block, place as u8)
    }

    /// The index of the shard at a place of a block.
    pub(super) fn index(&self, block: usize, place: u8) -> usize {
        let place = usize::from(place);
        match place.checked_sub(self.data_of(block)) {
            None => place * self.count + block,
            Some(parity) => self.data + parity * self.count + block,
        }
    }

    /// The places of a block, parity included.
    pub(super) fn places(&self, block: usize) -> Range<u8> {
        0..(self.data_of(block) + self.parity) as u8
    }

    /// The same with all the parity shards that it may have.
    pub(super) fn most_places(&self, block: usize) -> Range<u8> {
        0..(self.data_of(block) + usize::from(MAX_BLOCK_PARITY)) as u8
    }

    /// The places of parity shards beyond those that the block has: so many after the first `before`.
    pub(super) fn further_places(&self, block: usize, before: u8, count: u8) -> Range<u8> {
        let places = self.most_places(block);
        let begin = self.places(block).end.saturating_add(before);
        begin.min(places.end)..begin.saturating_add(count).min(places.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_at_one_place_and_back() {
        for (shards, parity) in [
            (1, 0),
            (22, 6),
            (128, 127),
            (129, 3),
            (700, 9),
            (16_384, 127),
        ] {
            let blocks = Blocks::new(shards * 10 - 3, 10, parity).unwrap();
            assert_eq!(blocks.data(), shards);
            let mut counts = vec![0; blocks.count()];
            for index in 0..blocks.total() {
                let (block, place) = blocks.place(index);
                assert_eq!(blocks.index(block, place), index);
                counts[block] += 1;
            }
            for (block, count) in counts.into_iter().enumerate() {
                assert_eq!(blocks.places(block).count(), count, "block {block}");
                assert!(blocks.data_of(block) <= MAX_BLOCK_DATA);
            }
            assert!(blocks.most() <= usize::from(u16::MAX));
            for block in [0, blocks.count() - 1] {
                let places = blocks.further_places(block, 3, 200);
                assert_eq!(places.len(), usize::from(127 - parity).saturating_sub(3));
                for place in places {
                    let index = blocks.index(block, place);
                    assert!((blocks.total()..blocks.most()).contains(&index));
                    assert_eq!(blocks.place(index), (block, place));
                }
            }
        }
    }

    #[test]
    fn no_content_and_too_many_shards_are_refused() {
        assert_eq!(Blocks::new(0, 10, 0), None);
        assert_eq!(Blocks::new(10, 0, 0), None);
        assert_eq!(Blocks::new(10, 10, 128), None);
        assert_eq!(Blocks::new(16_385, 1, 0), None);
        assert!(Blocks::new(16_384, 1, 0).is_some());
    }
}
