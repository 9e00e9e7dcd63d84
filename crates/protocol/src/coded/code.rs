//! The erasure code of one block: a polynomial through its shards.
//!
//! Shard `i` of a block is the value at `i`, byte by byte, of the one polynomial of a degree below the
//! number of data shards that goes through all of them. Parity shards are further values of it. Any
//! shards, as many as there are data shards, define the polynomial, and with it the others. This is the
//! code of Backblaze's JavaReedSolomon and of `klauspost/reedsolomon`.
//!
//! It is not taken from a crate: of those that are fast enough in both directions none is kept, and the
//! form must be one that a browser's page can make. The crate's page has the figures.

use super::field;

/// Words of eight bytes that are computed together: a few registers of vectors.
const WORDS: usize = 16;

/// Their bytes.
const STEP: usize = 8 * WORDS;

type Words = [u64; WORDS];

/// Shards of a block whose values are there: at which places, and the shards, all of one length.
pub(super) struct Known<'a> {
    /// The logarithm of each place's product of distances to the others.
    weights: Vec<usize>,
    places: Vec<u8>,
    shards: Vec<&'a [u8]>,
}

impl<'a> Known<'a> {
    /// As many shards as the block has data shards, each with its place; no place twice.
    pub(super) fn new(shards: impl IntoIterator<Item = (u8, &'a [u8])>) -> Self {
        let (places, shards): (Vec<u8>, Vec<&[u8]>) = shards.into_iter().unzip();
        let weights = places
            .iter()
            .map(|&place| {
                let others = places.iter().filter(|&&other| other != place);
                others.map(|other| field::log(place ^ other)).sum()
            })
            .collect();
        Self {
            weights,
            places,
            shards,
        }
    }

    /// Writes the shard at `place`, which is not among those that are known.
    pub(super) fn value_at(&self, place: u8, into: &mut [u8]) {
        let picks = self.picks(place);
        for (step, target) in into.chunks_mut(STEP).enumerate() {
            let at = step * STEP;
            let mut sum = [0; WORDS];
            // Horner's rule: the factor's bits from the highest on.
            for picked in picks.iter().rev() {
                for word in &mut sum {
                    *word = field::double(*word);
                }
                for &shard in picked {
                    add(&mut sum, self.shards[usize::from(shard)], at);
                }
            }
            store(&sum, target);
        }
    }

    /// Lagrange's factors of the known shards for the value at `place`: for each bit of a factor, the
    /// shards whose factor has it.
    fn picks(&self, place: u8) -> [Vec<u8>; 8] {
        let distances = self.places.iter().map(|known| field::log(place ^ known));
        let product: usize = distances.clone().sum();
        let mut picks: [Vec<u8>; 8] = Default::default();
        for ((shard, distance), weight) in (0u8..).zip(distances).zip(&self.weights) {
            let factor = field::exp(product + field::inverse(distance) + field::inverse(*weight));
            for (bit, picked) in picks.iter_mut().enumerate() {
                if factor >> bit & 1 == 1 {
                    picked.push(shard);
                }
            }
        }
        picks
    }
}

/// Adds the bytes of `shard` from `at` on. What a short shard lacks is zero.
fn add(sum: &mut Words, shard: &[u8], at: usize) {
    let rest = shard.get(at..).unwrap_or_default();
    match rest.first_chunk::<STEP>() {
        Some(bytes) => add_step(sum, bytes),
        None => {
            let mut padded = [0; STEP];
            padded[..rest.len()].copy_from_slice(rest);
            add_step(sum, &padded);
        }
    }
}

fn add_step(sum: &mut Words, bytes: &[u8; STEP]) {
    let (words, _) = bytes.as_chunks::<8>();
    for (word, bytes) in sum.iter_mut().zip(words) {
        *word ^= u64::from_ne_bytes(*bytes);
    }
}

fn store(sum: &Words, target: &mut [u8]) {
    for (bytes, word) in target.chunks_mut(8).zip(sum) {
        bytes.copy_from_slice(&word.to_ne_bytes()[..bytes.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(data: usize, parity: usize, bytes: usize) -> Vec<Vec<u8>> {
        let byte = |shard: usize, at: usize| (shard * 131 + at * 29 + at * at * 7) as u8;
        let mut shards: Vec<Vec<u8>> = (0..data)
            .map(|shard| (0..bytes).map(|at| byte(shard, at)).collect())
            .collect();
        let known = (0u8..).zip(shards.iter().map(Vec::as_slice));
        let known = Known::new(known);
        let parity = (0..parity).map(|at| {
            let mut shard = vec![0; bytes];
            known.value_at((data + at) as u8, &mut shard);
            shard
        });
        let parity: Vec<_> = parity.collect();
        shards.extend(parity);
        shards
    }

    #[test]
    fn any_shards_as_many_as_the_data_give_all_others() {
        let (data, parity) = (4, 3);
        let shards = block(data, parity, 301);
        for chosen in 0u32..1 << shards.len() {
            if chosen.count_ones() as usize != data {
                continue;
            }
            let is_chosen = |place: &usize| chosen >> place & 1 == 1;
            let known = (0..shards.len()).filter(is_chosen);
            let known = Known::new(known.map(|place| (place as u8, shards[place].as_slice())));
            for lost in (0..shards.len()).filter(|place| !is_chosen(place)) {
                let mut found = vec![0; 301];
                known.value_at(lost as u8, &mut found);
                assert_eq!(found, shards[lost], "shard {lost} from {chosen:b}");
            }
        }
    }

    #[test]
    fn the_largest_block_loses_as_many_as_it_has_parity_shards() {
        let (data, parity) = (128, 127);
        let shards = block(data, parity, 17);
        let known = Known::new((127..255).map(|place| (place as u8, shards[place].as_slice())));
        for (lost, shard) in shards.iter().enumerate().take(127) {
            let mut found = vec![0; 17];
            known.value_at(lost as u8, &mut found);
            assert_eq!(&found, shard, "shard {lost}");
        }
    }

    #[test]
    fn one_data_shard_is_repeated() {
        let shards = block(1, 2, 5);
        assert_eq!(shards[1], shards[0]);
        assert_eq!(shards[2], shards[0]);
    }
}
