//! Numbers in JSON as the Python peers write them: an integer may come as `30` or `30.0`, and a
//! number that is not finite as `null`. What does not fit is refused, never wrapped.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Integers up to here are exact in a double; beyond, `1e17` stands for no single integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An integer, written as `640` or `640.0`.
pub(crate) fn int<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    deserializer.deserialize_any(IntVisitor(PhantomData))
}

/// An integer or `null`.
pub(crate) fn optional_int<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    Ok(Option::<JsonInt<T>>::deserialize(deserializer)?.map(|JsonInt(value)| value))
}

/// A number; `null`, as a value that is not finite is written, reads as 0.
pub(crate) fn float_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(0.0))
}

/// A positive number; everything else that a capture back-end may report means unknown.
pub(crate) fn optional_positive<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.filter(|value| *value > 0.0))
}

/// A double as a single; refused where it is too large for one.
pub(crate) fn single<E: Error>(value: f64) -> Result<f32, E> {
    let narrow = value as f32;
    if narrow.is_finite() {
        Ok(narrow)
    } else {
        Err(E::invalid_value(
            Unexpected::Float(value),
            &"a single-precision number",
        ))
    }
}

/// An integer inside a container.
pub(crate) struct JsonInt<T>(pub(crate) T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for JsonInt<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        int(deserializer).map(JsonInt)
    }
}

struct IntVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for IntVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer in range")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(i128::from(value))
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        T::try_from(i128::from(value))
            .map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        let whole = value.fract() == 0.0 && value.abs() <= EXACT;
        let exact = whole.then(|| T::try_from(value as i128).ok()).flatten();
        exact.ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }
}
