//! A session made with nothing but ort.

use std::{error::Error, num::NonZero, path::Path, thread};

use ort::{
    ep::{self, ExecutionProviderDispatch},
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};
use pose::{Device, InputSize, ModelDescription, Options, RunsOn};
use tempfile::TempDir;

/// A session with this crate's settings and nothing of its code around it.
pub(crate) struct Bare {
    session: Session,
    input: InputSize,
    /// `[B, C, H, W]` for the largest batch.
    pixels: Vec<u8>,
    /// TensorRT's engines: its own, so that it builds what it measures.
    _engines: TempDir,
}

impl Bare {
    /// The graph of `dir` on the device of `info`.
    pub(crate) fn load(
        dir: &Path,
        info: &ModelDescription,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        let RunsOn::Devices(devices) = &info.runs_on else {
            return Err("the model does not run on a device".into());
        };
        let device = devices.first();
        let graph = dir.join("model.onnx");
        let engines = tempfile::tempdir()?;
        let make = |profile: Option<&ModelDescription>| {
            session(
                &graph,
                providers(device, options, engines.path(), profile),
                options,
            )
        };
        let session = match make(Some(info)) {
            // Graphs whose engines begin behind the input take no range for it.
            Err(error) if error.to_string().contains("associated shape profiles") => make(None)?,
            outcome => outcome?,
        };
        let InputSize {
            height,
            width,
            channels,
        } = info.input;
        let bytes = [channels, height, width].map(|side| side as usize);
        Ok(Self {
            session,
            input: info.input,
            pixels: vec![128; info.max_batch * bytes.iter().product::<usize>()],
            _engines: engines,
        })
    }

    /// One call of the session with `batch` frames.
    pub(crate) fn run(&mut self, batch: usize) {
        let InputSize {
            height,
            width,
            channels,
        } = self.input;
        let [planes, rows, columns] = [channels, height, width].map(|side| side as usize);
        let pixels = &self.pixels[..batch * planes * rows * columns];
        let shape = [batch, planes, rows, columns];
        let input = TensorRef::from_array_view((shape, pixels)).expect("an input");
        let inputs = ort::inputs!["image" => input];
        self.session.run(inputs).expect("a run");
    }
}

fn session(
    graph: &Path,
    providers: Vec<ExecutionProviderDispatch>,
    options: &Options,
) -> ort::Result<Session> {
    let environment = pose::runtime::environment().expect("a runtime: the model was loaded");
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(options.threads.unwrap_or_else(usable_cores).max(1))?
        .with_intra_op_spinning(options.spinning)?
        .with_execution_providers(providers)?
        .commit_from_file(graph)
}

/// The crate's own default: physical cores, or fewer where the process may use fewer.
fn usable_cores() -> usize {
    let allowed = thread::available_parallelism().map_or(1, NonZero::get);
    num_cpus::get_physical().min(allowed)
}

/// The crate's own providers; `profile` is the range of TensorRT's engine.
fn providers(
    device: Device,
    options: &Options,
    engines: &Path,
    profile: Option<&ModelDescription>,
) -> Vec<ExecutionProviderDispatch> {
    let id = |index: u32| i32::try_from(index).expect("a small index");
    let cuda = |index| {
        let provider = ep::CUDA::default().with_device_id(id(index));
        provider.with_tf32(false).build().error_on_failure()
    };
    let index = match device {
        Device::Auto | Device::Cpu | Device::OpenVino => return Vec::new(),
        Device::Cuda(index) => return vec![cuda(index)],
        Device::TensorRt(index) => index,
    };
    let mut tensorrt = ep::TensorRT::default()
        .with_device_id(id(index))
        .with_fp16(options.fp16)
        .with_engine_cache(true)
        .with_engine_cache_path(engines.display())
        .with_timing_cache(true)
        .with_timing_cache_path(engines.display());
    if let Some(ModelDescription {
        input, max_batch, ..
    }) = profile
    {
        let InputSize {
            height,
            width,
            channels,
        } = input;
        let shape = |batch: usize| format!("image:{batch}x{channels}x{height}x{width}");
        tensorrt = tensorrt
            .with_profile_min_shapes(shape(1))
            .with_profile_opt_shapes(shape(*max_batch))
            .with_profile_max_shapes(shape(*max_batch));
    }
    vec![tensorrt.build().error_on_failure(), cuda(index)]
}
