//! The outputs of one call.

use std::sync::Arc;

use ort::value::{DynValue, PrimitiveTensorElementType};

use super::{Tensor, TensorError, TensorValues, booleans, float16, tensor_type};

/// The outputs of one call. They are independent of the engine, which can run again while they
/// are read.
pub struct OutputTensors {
    names: Arc<[String]>,
    values: Vec<OutputValue>,
    batch: usize,
}

enum OutputValue {
    /// ONNX Runtime's, in its own memory.
    OnnxRuntime(DynValue),
    Own(Tensor),
}

impl OutputTensors {
    /// The outputs of a call with `batch` frames, each with its name.
    pub fn of(outputs: Vec<(String, Tensor)>, batch: usize) -> Self {
        let (names, values): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
        Self {
            names: names.into(),
            values: values.into_iter().map(OutputValue::Own).collect(),
            batch,
        }
    }

    /// The same of ONNX Runtime.
    ///
    /// # Errors
    /// ONNX Runtime cannot convert one of them.
    pub(crate) fn of_session(
        names: Arc<[String]>,
        values: impl Iterator<Item = DynValue>,
        batch: usize,
    ) -> ort::Result<Self> {
        let readable = |value| booleans::checked(float16::widen(value)?);
        let values = values.map(|value| Ok(OutputValue::OnnxRuntime(readable(value)?)));
        Ok(Self {
            names,
            values: values.collect::<ort::Result<_>>()?,
            batch,
        })
    }

    /// Frame `index`'s numbers of an output whose shape was checked, in row-major order.
    pub(crate) fn f32(&self, name: &'static str, index: usize) -> Result<&[f32], TensorError> {
        self.frame(name, index, TensorValues::as_f32)
    }

    /// Frame `index`'s booleans of an output whose shape was checked, in row-major order.
    pub(crate) fn bool(&self, name: &'static str, index: usize) -> Result<&[bool], TensorError> {
        self.frame(name, index, TensorValues::as_bool)
    }

    /// Frame `index`'s whole numbers of an output, of which the frames have equal shares.
    pub(crate) fn i64(&self, name: &'static str, index: usize) -> Result<&[i64], TensorError> {
        self.frame(name, index, TensorValues::as_i64)
    }

    /// The batch's frames.
    pub(crate) fn frames(&self) -> usize {
        self.batch
    }

    /// All values of an output.
    pub(crate) fn elements(&self, name: &'static str) -> Result<usize, TensorError> {
        let length = |&length: &i64| usize::try_from(length).unwrap_or(0);
        Ok(self.shape(name)?.iter().map(length).product())
    }

    /// The length of an output's dimension `axis`; zero where it has fewer.
    pub(crate) fn length(&self, name: &'static str, axis: usize) -> Result<usize, TensorError> {
        let length = self.shape(name)?.get(axis).copied().unwrap_or(0);
        Ok(usize::try_from(length).unwrap_or(0))
    }

    /// Checks that an output has the batch's frames with `expected` dimensions each.
    pub(crate) fn expect(&self, name: &'static str, expected: &[usize]) -> Result<(), TensorError> {
        let actual = self.shape(name)?;
        let same = actual.len() == expected.len() + 1
            && std::iter::once(&self.batch)
                .chain(expected)
                .zip(actual)
                .all(|(&expected, &actual)| usize::try_from(actual) == Ok(expected));
        if same {
            return Ok(());
        }
        Err(TensorError::Shape {
            name,
            expected: [&[self.batch], expected].concat(),
            actual: actual.to_vec(),
        })
    }

    /// The lengths of an output's dimensions.
    pub(crate) fn shape(&self, name: &'static str) -> Result<&[i64], TensorError> {
        match self.output(name)? {
            OutputValue::OnnxRuntime(value) => {
                let (_, shape) = tensor_type(value.dtype()).ok_or(TensorError::Missing { name })?;
                Ok(shape)
            }
            OutputValue::Own(tensor) => Ok(tensor.shape()),
        }
    }

    /// Frame `index`'s share of an output; `own` are the values of a tensor of this process.
    fn frame<T: PrimitiveTensorElementType>(
        &self,
        name: &'static str,
        index: usize,
        own: impl FnOnce(&TensorValues) -> Option<&[T]>,
    ) -> Result<&[T], TensorError> {
        let data = match self.output(name)? {
            OutputValue::OnnxRuntime(value) => {
                let extracted = value.try_extract_tensor::<T>();
                let (_, data) = extracted.map_err(|error| TensorError::Read {
                    message: error.to_string(),
                })?;
                data
            }
            OutputValue::Own(tensor) => {
                own(tensor.values()).ok_or(TensorError::Missing { name })?
            }
        };
        // The first dimension is the batch, as `expect` checked: the frames have equal shares.
        let length = data.len() / self.batch;
        Ok(&data[index * length..][..length])
    }

    fn output(&self, name: &'static str) -> Result<&OutputValue, TensorError> {
        let at = self.names.iter().position(|known| known == name);
        at.and_then(|at| self.values.get(at))
            .ok_or(TensorError::Missing { name })
    }
}
