//! Options of the model's device.

use pose::{Device, Devices};

/// Options of the device on which the model runs.
#[derive(Debug, Clone, clap::Args)]
pub struct DeviceArgs {
    /// Where the model runs.
    ///
    /// It is auto, cpu, openvino, cuda[:N] or tensorrt[:N]; or several GPUs, as cuda:0,cuda:1, which share the frames. One that fails
    /// is taken out, and the others go on.
    // The brackets are for the reader of `--help`, and no link.
    #[allow(rustdoc::broken_intra_doc_links)]
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Devices,

    /// Threads of the model on the CPU (default: one per core, divided where --device names the CPU several times).
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

    /// Frames in one call of the model at most (default: 1 on a CPU, 8 on a GPU; always 1 through OpenVINO).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_batch: Option<u16>,
}

impl DeviceArgs {
    /// The options on each device, with the defaults of those that are not here; there is at least one.
    pub(crate) fn options(&self) -> Vec<pose::Options> {
        let options = |device| self.options_on(device);
        self.device.iter().map(options).collect()
    }

    fn options_on(&self, device: Device) -> pose::Options {
        pose::Options {
            device,
            threads: self.threads.or_else(|| self.shared_threads()),
            spinning: self.spin,
            fp16: self.fp16,
            max_batch: self.max_batch.map(usize::from),
            ..Default::default()
        }
    }

    /// Threads of one of several sessions on the CPU: more threads than cores cost them most of their speed.
    fn shared_threads(&self) -> Option<usize> {
        let sessions = self.device.len();
        let is_shared = sessions > 1 && self.device.are_cpu();
        is_shared.then(|| (pose::usable_cores() / sessions).max(1))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        device: DeviceArgs,
    }

    fn threads(line: &str) -> Vec<Option<usize>> {
        let line = Line::parse_from(format!("worker {line}").split(' ').map(str::to_owned));
        let options = line.device.options();
        options.iter().map(|options| options.threads).collect()
    }

    #[test]
    fn sessions_on_the_cpu_share_its_cores() {
        assert_eq!(threads("--device cpu"), [None]);
        assert_eq!(threads("--device cuda:0,cuda:1"), [None, None]);
        let each = Some((pose::usable_cores() / 2).max(1));
        assert_eq!(threads("--device cpu,cpu"), [each, each]);
        let many = threads(&format!("--device {}", ["cpu"; 64].join(",")));
        assert_eq!(many[63], Some((pose::usable_cores() / 64).max(1)));
        assert_eq!(threads("--device cpu,cpu --threads 3"), [Some(3), Some(3)]);
    }
}
