//! Whether this machine can be a worker: ONNX Runtime, GPU, network, display, and a model.

mod exposure;
mod model;
mod runtime;

use std::io::Write;
use std::path::PathBuf;

use cli::ExitStatus;
use cli::doctor::{self, CheckReport};

pub use exposure::ExposureArgs;

use crate::device_args::DeviceArgs;

/// Options of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// Directory that `sleap-nn export` wrote, to be loaded and timed.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// The device of the model.
    #[command(flatten)]
    pub device: DeviceArgs,

    /// Which clients could reach the worker.
    #[command(flatten)]
    pub exposure: ExposureArgs,
}

/// Prints every check. Fails where something fails that poses need.
pub(crate) fn run(args: &DoctorArgs) -> ExitStatus {
    let mut report = CheckReport::to_stdout();
    doctor::system(&mut report, "sleap-worker", cli::program_info::VERSION);
    doctor::network(&mut report);
    exposure::check(&mut report, &args.exposure);
    display(&mut report);
    if runtime::check(&mut report, args.device.device) {
        model::check(&mut report, args);
    }
    report.exit()
}

fn display(report: &mut CheckReport<impl Write>) {
    match vision::window::probe() {
        Ok(()) => report.ok("display", "--display can be used"),
        Err(error) => report.warn(
            "display",
            format!("--display cannot be used: {error}"),
            "without one, --save-every N keeps frames as PNG files",
        ),
    }
}
