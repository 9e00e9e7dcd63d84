//! Samples of more than eight bits, out of the bytes that a camera sends. Pure.

use crate::aravis::format::Packing;

/// Bytes of so many samples.
pub(super) fn packed_len(packing: Packing, samples: usize) -> Option<usize> {
    match packing {
        Packing::Bytes => Some(samples),
        Packing::Words(_) => samples.checked_mul(2),
        // A last single sample has its high bits and those behind them.
        Packing::Triples(_) => Some(samples.checked_mul(3)?.div_ceil(2)),
        Packing::Dense(bits) => Some(samples.checked_mul(usize::from(bits))?.div_ceil(8)),
    }
}

/// Appends so many samples to `values`. `data` holds them, as [`packed_len`] counts.
pub(super) fn unpack(packing: Packing, data: &[u8], samples: usize, values: &mut Vec<u16>) {
    values.reserve(samples);
    match packing {
        Packing::Bytes => values.extend(data.iter().take(samples).copied().map(u16::from)),
        Packing::Words(_) => {
            let words = data.chunks_exact(2).take(samples);
            values.extend(words.map(|word| u16::from_le_bytes([word[0], word[1]])));
        }
        Packing::Triples(bits) => {
            let low_bits = bits - 8;
            let mask = (1 << low_bits) - 1;
            let sample =
                |high: u8, low: u8| (u16::from(high) << low_bits) | (u16::from(low) & mask);
            for index in 0..samples {
                let group = &data[index / 2 * 3..];
                values.push(match index % 2 {
                    0 => sample(group[0], group[1]),
                    _ => sample(group[2], group[1] >> 4),
                });
            }
        }
        Packing::Dense(bits) => {
            let (mut bytes, bits) = (data.iter(), u32::from(bits));
            let (mut pending, mut have) = (0_u32, 0_u32);
            for _ in 0..samples {
                while have < bits {
                    pending |= u32::from(bytes.next().copied().unwrap_or_default()) << have;
                    have += 8;
                }
                values.push((pending & ((1 << bits) - 1)) as u16);
                pending >>= bits;
                have -= bits;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packing: Packing, data: &[u8], samples: usize) -> Vec<u16> {
        assert_eq!(packed_len(packing, samples), Some(data.len()));
        let mut values = Vec::new();
        unpack(packing, data, samples, &mut values);
        values
    }

    #[test]
    fn words_come_with_their_low_byte_first() {
        let data = [0x34, 0x12, 0xff, 0x03];
        assert_eq!(unpacked(Packing::Words(16), &data, 2), [0x1234, 0x03ff]);
    }

    #[test]
    fn two_samples_share_the_middle_of_three_bytes() {
        // As in GigE Vision's figures of Mono12Packed and Mono10Packed.
        let data = [0xab, 0x6c, 0x45, 0x12, 0x0f];
        let twelve = unpacked(Packing::Triples(12), &data, 3);
        assert_eq!(twelve, [0xabc, 0x456, 0x12f]);
        let data = [0xff, 0x21, 0x80];
        let ten = unpacked(Packing::Triples(10), &data, 2);
        assert_eq!(ten, [0x3fd, 0x202]);
    }

    #[test]
    fn dense_samples_follow_each_other_bit_by_bit() {
        let values = [0x3ff, 0x001, 0x2aa, 0x155, 0x000];
        for bits in [10_u32, 12] {
            // Written as one long number.
            let number = values.iter().enumerate();
            let number: u128 = number.map(|(at, it)| it << (at as u32 * bits)).sum();
            let len = (values.len() * bits as usize).div_ceil(8);
            let data = &number.to_le_bytes()[..len];
            let found = unpacked(Packing::Dense(bits as u8), data, values.len());
            let expected: Vec<u16> = values.iter().map(|it| *it as u16).collect();
            assert_eq!(found, expected, "{bits} bits");
        }
    }

    #[test]
    fn lengths_beyond_all_memory_are_none() {
        for packing in [Packing::Words(16), Packing::Triples(12), Packing::Dense(10)] {
            assert_eq!(packed_len(packing, usize::MAX), None);
        }
    }
}
