//! A tensor of this process's own: what an engine other than ONNX Runtime gives.

use half::f16;

use super::{ElementType, TensorError};

/// An output's shape and values. There are as many values as the shape says.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<i64>,
    values: TensorValues,
}

/// The values of a [`Tensor`], in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    /// Numbers.
    F32(Vec<f32>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Whole numbers.
    I64(Vec<i64>),
}

impl Tensor {
    /// The values in this shape.
    ///
    /// # Errors
    /// There are more or fewer than the shape says, or a length is negative.
    pub fn new(shape: Vec<i64>, values: TensorValues) -> Result<Self, TensorError> {
        let count = values.count();
        if elements(&shape) != Some(count) {
            return Err(TensorError::Count { shape, count });
        }
        Ok(Self { shape, values })
    }

    /// Values as bytes with the lowest first, without anything between them. A byte of a boolean that is not 0 is true.
    ///
    /// # Errors
    /// There are more or fewer bytes than the shape says, or elements of this type are not read.
    pub fn from_le_bytes(
        element: &ElementType,
        shape: Vec<i64>,
        bytes: &[u8],
    ) -> Result<Self, TensorError> {
        let size = match element {
            ElementType::Bool => 1,
            ElementType::Float16 => 2,
            ElementType::Float32 => 4,
            ElementType::Int64 => 8,
            ElementType::Uint8 | ElementType::Other(_) => {
                let element = element.to_string();
                return Err(TensorError::Element { element });
            }
        };
        let expected = elements(&shape).and_then(|count| count.checked_mul(size));
        if expected != Some(bytes.len()) {
            return Err(TensorError::Bytes {
                element: element.to_string(),
                shape,
                bytes: bytes.len(),
            });
        }
        let values = match element {
            ElementType::Float32 => TensorValues::F32(each(bytes, f32::from_le_bytes)),
            ElementType::Float16 => {
                TensorValues::F32(each(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()))
            }
            ElementType::Int64 => TensorValues::I64(each(bytes, i64::from_le_bytes)),
            _ => TensorValues::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        };
        Ok(Self { shape, values })
    }

    /// The lengths of its dimensions.
    pub(crate) fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Its values.
    pub(crate) fn values(&self) -> &TensorValues {
        &self.values
    }
}

impl TensorValues {
    pub(crate) fn as_f32(&self) -> Option<&[f32]> {
        match self {
            Self::F32(values) => Some(values),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<&[bool]> {
        match self {
            Self::Bool(values) => Some(values),
            _ => None,
        }
    }

    pub(crate) fn as_i64(&self) -> Option<&[i64]> {
        match self {
            Self::I64(values) => Some(values),
            _ => None,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }
}

/// Elements of a tensor; none where a length is negative, or there are more than can be.
fn elements(shape: &[i64]) -> Option<usize> {
    let length = |&length: &i64| usize::try_from(length).ok();
    let mut lengths = shape.iter().map(length);
    lengths.try_fold(1_usize, |product, length| product.checked_mul(length?))
}

fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (values, _) = bytes.as_chunks::<N>();
    values.iter().map(|value| read(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(element: ElementType, shape: &[i64], bytes: &[u8]) -> Result<Tensor, TensorError> {
        Tensor::from_le_bytes(&element, shape.to_vec(), bytes)
    }

    #[test]
    fn bytes_become_values() {
        let bytes: Vec<u8> = [1.5_f32, f32::NAN]
            .iter()
            .flat_map(|it| it.to_le_bytes())
            .collect();
        let tensor = from(ElementType::Float32, &[1, 2], &bytes).unwrap();
        let TensorValues::F32(values) = tensor.values() else {
            panic!("{tensor:?}");
        };
        assert!(values[0] == 1.5 && values[1].is_nan());
        let half = f16::from_f32(0.25).to_le_bytes();
        let tensor = from(ElementType::Float16, &[1], &half).unwrap();
        assert_eq!(tensor.values(), &TensorValues::F32(vec![0.25]));
        let tensor = from(ElementType::Bool, &[3], &[0, 1, 0xa5]).unwrap();
        assert_eq!(
            tensor.values(),
            &TensorValues::Bool(vec![false, true, true])
        );
        let tensor = from(ElementType::Int64, &[1], &(-7_i64).to_le_bytes()).unwrap();
        assert_eq!(tensor.values(), &TensorValues::I64(vec![-7]));
        let none = from(ElementType::Float32, &[0, 4], &[]).unwrap();
        assert_eq!(none.values(), &TensorValues::F32(Vec::new()));
    }

    #[test]
    fn shapes_and_values_have_to_agree() {
        for (shape, bytes) in [
            (&[1, 2][..], 4),
            (&[1, 2], 9),
            (&[1, -2], 8),
            (&[i64::MAX, i64::MAX], 8),
            (&[i64::MAX, 4], 8),
        ] {
            let error = from(ElementType::Float32, shape, &vec![0; bytes]).unwrap_err();
            assert!(matches!(error, TensorError::Bytes { .. }), "{error}");
        }
        let other = ElementType::Other("FP64".into());
        let error = from(other, &[1], &[0; 8]).unwrap_err();
        assert_eq!(error.to_string(), "values of FP64 are not read");
        assert!(Tensor::new(vec![2, 2], TensorValues::F32(vec![0.0; 4])).is_ok());
        assert!(Tensor::new(vec![2, 2], TensorValues::F32(vec![0.0; 3])).is_err());
    }
}
