//! The ONNX Runtime session: the only place, beside [`crate::runtime`], that names `ort::`.

mod build;
mod engine_cache;
mod half;
mod native;
mod providers;
mod python_libraries;
mod truths;

use std::{path::PathBuf, sync::Arc};

use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType};

use crate::{
    device::Device, gpu::NoGpu, graph::GraphFile, options::Options, placement::Placement,
    refine::RefineError, runtime::RuntimeError,
};

pub(crate) use native::compiled_providers;
pub(crate) use providers::{Engine, check as check_device};

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
    #[error("cannot run on {device}: {reason}. The devices 'auto' and 'cpu' do without")]
    Device {
        /// The device.
        device: Device,
        /// What is missing there.
        reason: NoGpu,
    },
    /// 16-bit floats on a device that does not make them from an export of 32 bits.
    #[error(
        "fp16 is an option of TensorRT's engines, and the device is {device}: use 'tensorrt', or \
         convert the export itself to float16"
    )]
    Fp16 {
        /// The device.
        device: Device,
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
    /// The points cannot be refined.
    #[error(transparent)]
    Refine(#[from] RefineError),
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
    placement: Placement,
    /// In the order that calls give them.
    output_names: Arc<[String]>,
}

impl Session {
    /// Loads `graph` for `device`, which is not [`Device::Auto`]; `engine` is for TensorRT.
    pub(crate) fn load(
        graph: &GraphFile,
        device: Device,
        options: &Options,
        engine: Option<&Engine>,
    ) -> Result<Self, SessionError> {
        match build::session(graph, device, options, engine) {
            Err(SessionError::Graph { path, message }) => {
                let Some(next) = engine.and_then(|engine| engine.after(&message)) else {
                    return Err(SessionError::Graph { path, message });
                };
                build::session(graph, device, options, Some(&next))
            }
            outcome => outcome,
        }
    }

    /// Where the session runs; never [`Device::Auto`].
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Which provider runs how much of the graph.
    pub(crate) fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Whether the first run with each size of batch is slow: kernels are chosen for each shape.
    pub(crate) fn needs_warm_up_per_batch(&self) -> bool {
        self.device != Device::Cpu
    }

    /// Whether an output has 16-bit floats, which are coarse as coordinates.
    pub(crate) fn gives_half(&self, name: &str) -> bool {
        let mut outputs = self.inner.outputs().iter();
        outputs
            .any(|output| output.name() == name && is(output.dtype(), TensorElementType::Float16))
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
                    && tensor_type(output.dtype()).is_some_and(|(actual, shape)| {
                        widened(actual) == element && shape.len() == rank
                    })
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
        let input = TensorRef::from_array_view((shape, pixels)).map_err(run_failed)?;
        let outputs = self
            .inner
            .run(ort::inputs![INPUT => input])
            .map_err(run_failed)?;
        let readable = |value| truths::checked(half::widen(value)?);
        let values = outputs.into_iter().map(|(_, value)| readable(value));
        Ok(Tensors {
            names: Arc::clone(&self.output_names),
            values: values.collect::<ort::Result<_>>().map_err(run_failed)?,
            batch: shape[0],
        })
    }
}

fn run_failed(error: ort::Error) -> SessionError {
    SessionError::Run {
        message: error.to_string(),
    }
}

/// What an output's elements are once a run is over: 16-bit floats have become 32-bit ones.
fn widened(element: TensorElementType) -> TensorElementType {
    match element {
        TensorElementType::Float16 => TensorElementType::Float32,
        other => other,
    }
}

fn is(dtype: &ValueType, element: TensorElementType) -> bool {
    tensor_type(dtype).is_some_and(|(actual, _)| actual == element)
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

    /// Frame `index`'s whole numbers of an output, of which the frames have equal shares.
    pub(crate) fn i64(&self, name: &'static str, index: usize) -> Result<&[i64], SessionError> {
        self.frame(name, index)
    }

    /// The batch's frames.
    pub(crate) fn frames(&self) -> usize {
        self.batch
    }

    /// All values of an output.
    pub(crate) fn elements(&self, name: &'static str) -> Result<usize, SessionError> {
        let length = |&length: &i64| usize::try_from(length).unwrap_or(0);
        Ok(self.shape(name)?.iter().map(length).product())
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

    /// The lengths of an output's dimensions.
    pub(crate) fn shape(&self, name: &'static str) -> Result<&[i64], SessionError> {
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
