//! Bytes as elements of the field of 256: addition is XOR, multiplication that of polynomials
//! modulo x⁸ + x⁴ + x³ + x² + 1.

/// The polynomial, without its highest term.
const REDUCTION: u8 = 0x1d;

/// Elements except zero: the order of the multiplicative group.
const ORDER: usize = 255;

struct Tables {
    /// 2 to the power of the index.
    exp: [u8; 256],
    /// The inverse; that of 0 is not used.
    log: [u8; 256],
}

const TABLES: Tables = tables();

const fn tables() -> Tables {
    let (mut exp, mut log) = ([0; 256], [0; 256]);
    let mut value = 1u8;
    let mut power = 0;
    while power < ORDER {
        exp[power] = value;
        log[value as usize] = power as u8;
        value = (value << 1) ^ (REDUCTION * (value >> 7));
        power += 1;
    }
    exp[ORDER] = 1;
    Tables { exp, log }
}

/// The power of 2 that `value` is. It must not be 0.
pub(super) fn log(value: u8) -> usize {
    usize::from(TABLES.log[usize::from(value)])
}

/// 2 to the power of `power`.
pub(super) fn exp(power: usize) -> u8 {
    TABLES.exp[power % ORDER]
}

/// 1 divided by 2 to the power of `power`, as a power.
pub(super) fn inverse(power: usize) -> usize {
    ORDER - power % ORDER
}

/// Each of the eight bytes of `word`, doubled.
pub(super) fn double(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let carry = (word & HIGH) >> 7;
    // The reduction by shifts, which exist for vectors of words.
    let reduced = carry | carry << 2 | carry << 3 | carry << 4;
    ((word & !HIGH) << 1) ^ reduced
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication as it is defined: bit by bit.
    fn times(a: u8, mut b: u8) -> u8 {
        let mut product = 0;
        for bit in 0..8 {
            if a >> bit & 1 == 1 {
                product ^= b;
            }
            b = (b << 1) ^ if b & 0x80 == 0 { 0 } else { REDUCTION };
        }
        product
    }

    #[test]
    fn logarithms_multiply_and_divide_as_polynomials_do() {
        for a in 1..=255 {
            for b in 1..=255 {
                assert_eq!(exp(log(a) + log(b)), times(a, b), "{a} times {b}");
                let quotient = exp(log(a) + inverse(log(b)));
                assert_eq!(times(quotient, b), a, "{a} by {b}");
            }
        }
    }

    #[test]
    fn a_word_is_doubled_byte_by_byte() {
        for value in 0..=255u8 {
            let word = u64::from_ne_bytes([value, 0, 255, value, 1, 128, value ^ 0x55, 7]);
            let doubled = word.to_ne_bytes().map(|byte| times(2, byte));
            assert_eq!(double(word).to_ne_bytes(), doubled);
        }
    }
}
