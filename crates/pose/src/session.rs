//! The ONNX Runtime session: the only place, beside [`crate::runtime`], that names `ort::`.

mod build;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType};

use crate::{device::Device, runtime::RuntimeError};

/// The name that sleap-nn gives the only input.
const INPUT: &str = "image";

/// Why a session cannot be made, or a call of it failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// ONNX Runtime cannot read the graph.
    #[error("cannot load {path}: {message} (export the model again if the file is damaged)")]
    Graph {
        /// The ONNX file.
        path: PathBuf,
        /// ONNX Runtime's words.
        message: String,
    },
    /// The device asked for cannot be used.
    #[error(
        "cannot run on {device}: {message}\nUse the device 'cpu' or 'auto', or install \
         onnxruntime-gpu with the CUDA libraries that fit it"
    )]
    Device {
        /// The device.
        device: Device,
        /// ONNX Runtime's words.
        message: String,
    },
    /// An input or output is missing or of another type or rank.
    #[error("the graph has no {what}: it is not a model of the kind that its metadata says")]
    Signature {
        /// What it should have.
        what: String,
    },
    /// An output has another shape than its kind says.
    #[error("output '{name}' has the shape {actual:?}, not {expected:?}")]
    Shape {
        /// The output.
        name: &'static str,
        /// As the kind says.
        expected: Vec<usize>,
        /// As it came.
        actual: Vec<i64>,
    },
    /// ONNX Runtime failed in a call.
    #[error("ONNX Runtime failed: {message}")]
    Run {
        /// ONNX Runtime's words.
        message: String,
    },
}

/// An output that a kind needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlet {
    name: &'static str,
    element: TensorElementType,
    /// The element in messages.
    word: &'static str,
    rank: usize,
}

impl Outlet {
    /// Numbers in `rank` dimensions.
    pub(crate) const fn f32(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: TensorElementType::Float32,
            word: "float32",
            rank,
        }
    }

    /// Truths in `rank` dimensions.
    pub(crate) const fn bool(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: TensorElementType::Bool,
            word: "bool",
            rank,
        }
    }
}

/// A loaded graph.
pub(crate) struct Session {
    inner: ort::session::Session,
    device: Device,
    /// In the order that calls give them.
    output_names: Arc<[String]>,
}

impl Session {
    /// Loads `path` for `device`, with `threads` threads within an operation (all cores if `None`).
    pub(crate) fn load(
        path: &Path,
        device: Device,
        threads: Option<usize>,
        spinning: bool,
    ) -> Result<Self, SessionError> {
        build::load(path, device, threads, spinning)
    }

    /// Where the session runs; never [`Device::Auto`].
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// The training configuration inside the ONNX file.
    pub(crate) fn embedded_training_config(&self) -> Option<String> {
        let metadata = self.inner.metadata().ok()?;
        metadata.custom("training_config")
    }

    /// Height and width where the graph has them fixed.
    pub(crate) fn fixed_size(&self) -> (Option<u32>, Option<u32>) {
        let size = |axis: usize| {
            let (_, shape) = tensor_type(self.inner.inputs().first()?.dtype())?;
            u32::try_from(*shape.get(axis)?).ok().filter(|&n| n > 0)
        };
        (size(2), size(3))
    }

    /// Checks that the graph takes `image` u8 `[B, channels, H, W]` and gives `outputs`.
    pub(crate) fn check(&self, channels: u32, outputs: &[Outlet]) -> Result<(), SessionError> {
        let inputs = self.inner.inputs();
        let input_fits = inputs.len() == 1
            && inputs[0].name() == INPUT
            && tensor_type(inputs[0].dtype()).is_some_and(|(element, shape)| {
                element == TensorElementType::Uint8
                    && shape.len() == 4
                    && (shape[1] < 0 || shape[1] == i64::from(channels))
            });
        if !input_fits {
            let what =
                format!("single input '{INPUT}' of uint8 [batch, {channels}, height, width]");
            return Err(SessionError::Signature { what });
        }
        for outlet in outputs {
            let Outlet {
                name,
                element,
                word,
                rank,
            } = *outlet;
            let fits = self.inner.outputs().iter().any(|output| {
                output.name() == name
                    && tensor_type(output.dtype())
                        .is_some_and(|(actual, shape)| actual == element && shape.len() == rank)
            });
            if !fits {
                let what = format!("output '{name}' of {word} in {rank} dimensions");
                return Err(SessionError::Signature { what });
            }
        }
        Ok(())
    }

    /// Runs the graph on `pixels`, `shape` = batch, channels, height, width.
    pub(crate) fn run(
        &mut self,
        shape: [usize; 4],
        pixels: &[u8],
    ) -> Result<Tensors, SessionError> {
        let failed = |error: ort::Error| SessionError::Run {
            message: error.to_string(),
        };
        let input = TensorRef::from_array_view((shape, pixels)).map_err(failed)?;
        let outputs = self
            .inner
            .run(ort::inputs![INPUT => input])
            .map_err(failed)?;
        Ok(Tensors {
            names: Arc::clone(&self.output_names),
            values: outputs.into_iter().map(|(_, value)| value).collect(),
            batch: shape[0],
        })
    }
}

fn tensor_type(dtype: &ValueType) -> Option<(TensorElementType, &[i64])> {
    match dtype {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape)),
        _ => None,
    }
}

/// The outputs of one call. They are its own: the session can run again while they are read.
pub(crate) struct Tensors {
    names: Arc<[String]>,
    values: Vec<DynValue>,
    batch: usize,
}

impl Tensors {
    /// Frame `index`'s numbers of an output whose shape was checked, in row-major order.
    pub(crate) fn f32(&self, name: &'static str, index: usize) -> Result<&[f32], SessionError> {
        self.frame(name, index)
    }

    /// Frame `index`'s truths of an output whose shape was checked, in row-major order.
    pub(crate) fn bool(&self, name: &'static str, index: usize) -> Result<&[bool], SessionError> {
        self.frame(name, index)
    }

    /// The length of an output's dimension `axis`; zero where it has fewer.
    pub(crate) fn length(&self, name: &'static str, axis: usize) -> Result<usize, SessionError> {
        let length = self.shape(name)?.get(axis).copied().unwrap_or(0);
        Ok(usize::try_from(length).unwrap_or(0))
    }

    /// Checks that an output has the batch's frames with `expected` dimensions each.
    pub(crate) fn expect(
        &self,
        name: &'static str,
        expected: &[usize],
    ) -> Result<(), SessionError> {
        let actual = self.shape(name)?;
        let same = actual.len() == expected.len() + 1
            && std::iter::once(&self.batch)
                .chain(expected)
                .zip(actual)
                .all(|(&expected, &actual)| usize::try_from(actual) == Ok(expected));
        if same {
            return Ok(());
        }
        Err(SessionError::Shape {
            name,
            expected: [&[self.batch], expected].concat(),
            actual: actual.to_vec(),
        })
    }

    fn shape(&self, name: &'static str) -> Result<&[i64], SessionError> {
        let (_, shape) = tensor_type(self.output(name)?.dtype()).ok_or_else(|| missing(name))?;
        Ok(shape)
    }

    fn frame<T: PrimitiveTensorElementType>(
        &self,
        name: &'static str,
        index: usize,
    ) -> Result<&[T], SessionError> {
        let (_, data) = self
            .output(name)?
            .try_extract_tensor::<T>()
            .map_err(|error| SessionError::Run {
                message: error.to_string(),
            })?;
        // The first dimension is the batch, as `expect` checked: the frames have equal shares.
        let length = data.len() / self.batch;
        Ok(&data[index * length..][..length])
    }

    fn output(&self, name: &'static str) -> Result<&DynValue, SessionError> {
        let at = self.names.iter().position(|known| known == name);
        at.and_then(|at| self.values.get(at))
            .ok_or_else(|| missing(name))
    }
}

fn missing(name: &'static str) -> SessionError {
    SessionError::Signature {
        what: format!("output '{name}'"),
    }
}
