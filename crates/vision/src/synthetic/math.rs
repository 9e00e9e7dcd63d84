//! Arithmetic that gives the same bits on every machine.

/// A point or vector in pixels.
pub(super) type Point = [f64; 2];

/// Sine of `turns` full turns, to 6e-8. The platform's `sin` differs between systems.
pub(super) fn sin(turns: f64) -> f64 {
    let turns = turns - turns.floor();
    // Fold into the quarter turn on either side of zero.
    let folded = if turns < 0.25 {
        turns
    } else if turns < 0.75 {
        0.5 - turns
    } else {
        turns - 1.0
    };
    let x = folded * std::f64::consts::TAU;
    let y = x * x;
    // Taylor's series, innermost term last.
    x * (1.0 - y / 6.0 * (1.0 - y / 20.0 * (1.0 - y / 42.0 * (1.0 - y / 72.0 * (1.0 - y / 110.0)))))
}

/// Cosine of `turns` full turns.
pub(super) fn cos(turns: f64) -> f64 {
    sin(turns + 0.25)
}

/// A well-mixed 64-bit value for every input (the finaliser of SplitMix64).
pub(super) fn hash(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sequence of numbers that only its seed determines.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, stream: u64) -> Random {
        Random(hash(seed ^ hash(stream)))
    }

    /// The next number, 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(1);
        (hash(self.0) >> 40) as f64 / (1u64 << 24) as f64
    }

    /// The next number, `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}

/// `from` at 0, `to` at 1.
pub(super) fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_agrees_with_the_platform() {
        for step in -2000..2000 {
            let turns = f64::from(step) * 0.00137;
            let expected = (turns * std::f64::consts::TAU).sin();
            assert!((sin(turns) - expected).abs() < 1e-7, "{turns}");
        }
        assert_eq!(sin(0.0), 0.0);
        assert!((cos(0.0) - 1.0).abs() < 1e-7);
    }

    #[test]
    fn random_numbers_fill_their_range() {
        let mut random = Random::new(1, 2);
        let numbers: Vec<f64> = (0..1000).map(|_| random.between(-1.0, 3.0)).collect();
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        assert!(numbers.iter().all(|n| (-1.0..3.0).contains(n)));
        assert!((mean - 1.0).abs() < 0.15, "{mean}");
    }
}
