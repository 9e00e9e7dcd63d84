//! The outputs of one session call.

use std::sync::Arc;

use ort::value::{DynValue, PrimitiveTensorElementType};

use super::{OutputError, booleans, half, tensor_type};

/// The outputs of one call. They are its own: the session can run again while they are read.
pub(crate) struct Tensors {
    names: Arc<[String]>,
    values: Vec<DynValue>,
    batch: usize,
}

impl Tensors {
    /// The outputs of a call with `batch` frames, each with its name.
    ///
    /// # Errors
    /// ONNX Runtime cannot convert one of them.
    pub(crate) fn new(
        names: Arc<[String]>,
        values: impl Iterator<Item = DynValue>,
        batch: usize,
    ) -> ort::Result<Self> {
        let readable = |value| booleans::checked(half::widen(value)?);
        Ok(Self {
            names,
            values: values.map(readable).collect::<ort::Result<_>>()?,
            batch,
        })
    }

    /// Frame `index`'s numbers of an output whose shape was checked, in row-major order.
    pub(crate) fn f32(&self, name: &'static str, index: usize) -> Result<&[f32], OutputError> {
        self.frame(name, index)
    }

    /// Frame `index`'s booleans of an output whose shape was checked, in row-major order.
    pub(crate) fn bool(&self, name: &'static str, index: usize) -> Result<&[bool], OutputError> {
        self.frame(name, index)
    }

    /// Frame `index`'s whole numbers of an output, of which the frames have equal shares.
    pub(crate) fn i64(&self, name: &'static str, index: usize) -> Result<&[i64], OutputError> {
        self.frame(name, index)
    }

    /// The batch's frames.
    pub(crate) fn frames(&self) -> usize {
        self.batch
    }

    /// All values of an output.
    pub(crate) fn elements(&self, name: &'static str) -> Result<usize, OutputError> {
        let length = |&length: &i64| usize::try_from(length).unwrap_or(0);
        Ok(self.shape(name)?.iter().map(length).product())
    }

    /// The length of an output's dimension `axis`; zero where it has fewer.
    pub(crate) fn length(&self, name: &'static str, axis: usize) -> Result<usize, OutputError> {
        let length = self.shape(name)?.get(axis).copied().unwrap_or(0);
        Ok(usize::try_from(length).unwrap_or(0))
    }

    /// Checks that an output has the batch's frames with `expected` dimensions each.
    pub(crate) fn expect(&self, name: &'static str, expected: &[usize]) -> Result<(), OutputError> {
        let actual = self.shape(name)?;
        let same = actual.len() == expected.len() + 1
            && std::iter::once(&self.batch)
                .chain(expected)
                .zip(actual)
                .all(|(&expected, &actual)| usize::try_from(actual) == Ok(expected));
        if same {
            return Ok(());
        }
        Err(OutputError::Shape {
            name,
            expected: [&[self.batch], expected].concat(),
            actual: actual.to_vec(),
        })
    }

    /// The lengths of an output's dimensions.
    pub(crate) fn shape(&self, name: &'static str) -> Result<&[i64], OutputError> {
        let (_, shape) =
            tensor_type(self.output(name)?.dtype()).ok_or(OutputError::Missing { name })?;
        Ok(shape)
    }

    fn frame<T: PrimitiveTensorElementType>(
        &self,
        name: &'static str,
        index: usize,
    ) -> Result<&[T], OutputError> {
        let (_, data) = self
            .output(name)?
            .try_extract_tensor::<T>()
            .map_err(|error| OutputError::Read {
                message: error.to_string(),
            })?;
        // The first dimension is the batch, as `expect` checked: the frames have equal shares.
        let length = data.len() / self.batch;
        Ok(&data[index * length..][..length])
    }

    fn output(&self, name: &'static str) -> Result<&DynValue, OutputError> {
        let at = self.names.iter().position(|known| known == name);
        at.and_then(|at| self.values.get(at))
            .ok_or(OutputError::Missing { name })
    }
}
