//! Whether this machine can be a worker: ONNX Runtime, GPU, network, display, and a model.

mod exposure;
mod model;
mod runtime;
mod served;

use std::io::Write;
use std::path::PathBuf;

use cli::ExitStatus;
use cli::doctor::{self, CheckReport};
use pose::RunsOn;

pub use exposure::ExposureArgs;

use crate::device_args::DeviceArgs;
use crate::engine_args::EngineArgs;
use model::ModelSpeed;
use runtime::RuntimeFound;

/// Options of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// Directory that `sleap-nn export` wrote, to be loaded and timed.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// The device of the model.
    #[command(flatten)]
    pub device: DeviceArgs,

    /// The inference server in place of a device.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Which clients could reach the worker.
    #[command(flatten)]
    pub exposure: ExposureArgs,
}

/// Prints every check and the verdict. Fails where something fails that poses need. `is_detailed`: with
/// what most readers do not need.
pub(crate) fn run(args: &DoctorArgs, is_detailed: bool) -> ExitStatus {
    let mut report = CheckReport::to_stdout(is_detailed);
    doctor::system(&mut report, "sleap-worker", cli::program_info::VERSION);
    doctor::network(&mut report);
    exposure::check(&mut report, &args.exposure);
    display(&mut report);
    let (runtime, speed) = match (args.engine.server(), &args.model) {
        (Some(server), Some(dir)) => (None, served::check(&mut report, args, dir, &server)),
        _ => on_this_machine(&mut report, args),
    };
    report.finish(&ready_for(runtime, speed))
}

/// Checks ONNX Runtime, and the model on each device.
fn on_this_machine(
    report: &mut CheckReport<impl Write>,
    args: &DoctorArgs,
) -> (Option<RuntimeFound>, Option<ModelSpeed>) {
    let runtime = runtime::check(report, &args.device.device);
    let speed = runtime.as_ref().and_then(|_| model::check(report, args));
    (runtime, speed)
}

/// What the worker can do here, if no check failed.
fn ready_for(runtime: Option<RuntimeFound>, speed: Option<ModelSpeed>) -> String {
    match (speed, runtime) {
        (Some(ModelSpeed { runs_on, rate }), _) => {
            let device = match &runs_on {
                RunsOn::Engine { name, .. } => format!("inference server ({name})"),
                RunsOn::Devices(devices) => match (devices.are_cpu(), devices.len()) {
                    (true, 1) => "CPU only".to_owned(),
                    (true, sessions) => format!("CPU only, {sessions} sessions"),
                    (false, 1) => format!("GPU ({devices})"),
                    (false, gpus) => format!("{gpus} GPUs ({devices})"),
                },
            };
            format!("{device}, about {} frames/s with this model", rounded(rate))
        }
        (None, Some(RuntimeFound { has_cuda: true })) => "GPU, no model was tried".to_owned(),
        (None, _) => "CPU only, no model was tried".to_owned(),
    }
}

/// Two digits: more would promise what a measurement of a second cannot keep.
fn rounded(rate: f64) -> String {
    let digits = rate.max(1e-3).log10().floor() as i32 - 1;
    let unit = 10f64.powi(digits);
    let rate = (rate / unit).round() * unit;
    let decimals = usize::try_from(-digits).unwrap_or(0);
    format!("{rate:.decimals$}")
}

fn display(report: &mut CheckReport<impl Write>) {
    match vision::window::probe() {
        Ok(()) => report.ok("display", "--display can be used"),
        Err(error) => report.absent(
            "display",
            format!("--display cannot be used: {error}"),
            "without one, --save-every N keeps frames as PNG files",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_what_was_measured() {
        let speed = |devices: &str, rate| {
            let runs_on = RunsOn::Devices(devices.parse().unwrap());
            ready_for(None, Some(ModelSpeed { runs_on, rate }))
        };
        let on_cpu = speed("cpu", 183.4);
        assert_eq!(on_cpu, "CPU only, about 180 frames/s with this model");
        assert!(speed("cuda:0", 1234.0).starts_with("GPU (cuda:0), about 1200 "));
        let two = speed("cuda:0,cuda:1", 1234.0);
        assert!(
            two.starts_with("2 GPUs (cuda:0,cuda:1), about 1200 "),
            "{two}"
        );
        assert!(speed("cpu,cpu", 99.0).starts_with("CPU only, 2 sessions, about 99 "));
        let served = ModelSpeed {
            runs_on: RunsOn::Engine {
                name: "grpc://gpu:8001/mouse".into(),
                calls: 4,
            },
            rate: 99.0,
        };
        let served = ready_for(None, Some(served));
        assert!(
            served.starts_with("inference server (grpc://gpu:8001/mouse), about 99 "),
            "{served}"
        );
        let no_model = ready_for(Some(RuntimeFound { has_cuda: true }), None);
        assert_eq!(no_model, "GPU, no model was tried");
    }

    #[test]
    fn rates_have_two_digits() {
        let rates = [
            (0.0, "0.0000"),
            (0.123, "0.12"),
            (1.26, "1.3"),
            (9.97, "10.0"),
        ];
        let more = [
            (16.4, "16"),
            (99.7, "100"),
            (183.4, "180"),
            (12_345.0, "12000"),
        ];
        for (rate, text) in rates.into_iter().chain(more) {
            assert_eq!(rounded(rate), text, "{rate}");
        }
    }
}
