//! Options of the model's device.

use pose::Device;

/// Options of the device on which the model runs.
#[derive(Debug, Clone, clap::Args)]
pub struct DeviceArgs {
    /// Where the model runs.
    ///
    /// It is auto, cpu, cuda[:N] or tensorrt[:N].
    // The brackets are for the reader of `--help`, and no link.
    #[allow(rustdoc::broken_intra_doc_links)]
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,

    /// Threads of the model on the CPU (default: one per core).
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Let the model's threads spin while they wait for work: a heavy model is a tenth faster on a
    /// CPU, at full use of its cores.
    #[arg(long)]
    pub spin: bool,

    /// Let TensorRT calculate with 16-bit floats: faster, and points move a little.
    ///
    /// For other devices convert the export itself to float16.
    #[arg(long)]
    pub fp16: bool,

    /// Frames in one call of the model at most (default: 1 on a CPU, 8 on a GPU).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_batch: Option<u16>,
}

impl DeviceArgs {
    /// The options that these are, and the defaults of the others.
    pub(crate) fn options(&self) -> pose::Options {
        pose::Options {
            device: self.device,
            threads: self.threads,
            spinning: self.spin,
            fp16: self.fp16,
            max_batch: self.max_batch.map(usize::from),
            ..Default::default()
        }
    }
}
