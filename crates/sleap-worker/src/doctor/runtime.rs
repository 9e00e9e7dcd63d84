//! ONNX Runtime, its providers, and the GPUs that they are for.

use std::io::Write;
use std::process::{Command, Stdio};

use cli::doctor::CheckReport;
use pose::runtime::RuntimeError;
use pose::{Device, Devices, NvidiaDriver, UnusableDevice};

/// An ONNX Runtime that can be used.
pub(super) struct RuntimeFound {
    /// With CUDA, so that models run on a GPU unless the CPU was asked for.
    pub(super) has_cuda: bool,
}

/// Checks ONNX Runtime. `None` where no model can be tried. `asked` are the devices that have to work.
pub(super) fn check(report: &mut CheckReport<impl Write>, asked: &Devices) -> Option<RuntimeFound> {
    let driver = gpus(report, asked);
    let found = match pose::runtime::load(None) {
        Ok(found) => found,
        Err(error) => {
            // What is wrong and what to do, with libraries that are there and cannot be used. The places
            // that have none are a detail.
            let mut found = vec![error.to_string()];
            let has_nothing_but_places = matches!(error, RuntimeError::NotFound { .. });
            let advice = match has_nothing_but_places && !report.is_detailed() {
                true => "`sleap-worker doctor -v` lists the places that were searched",
                false => {
                    found.extend(error.places());
                    ""
                }
            };
            report.fail("ONNX Runtime", found, advice);
            return None;
        }
    };
    report.ok(
        "ONNX Runtime",
        format!("{}, {}", found.version, found.path.display()),
    );
    report.detail("  looked for in", pose::runtime::places());
    match pose::runtime::compiled_providers() {
        Ok(names) => report.ok("  compiled with", names.join(", ")),
        Err(error) => report.fail("  compiled with", error.to_string(), ""),
    }
    let has_cuda = provider(report, "  CUDA", Device::Cuda(0), asked, driver);
    provider(report, "  TensorRT", Device::TensorRt(0), asked, driver);
    provider(report, "  OpenVINO", Device::OpenVino, asked, driver);
    let has_cuda = has_cuda && !asked.are_cpu();
    Some(RuntimeFound { has_cuda })
}

/// Whether there is an NVIDIA driver.
fn gpus(report: &mut CheckReport<impl Write>, asked: &Devices) -> bool {
    const SUBJECT: &str = "NVIDIA GPU";
    let Some(NvidiaDriver { version, gpus }) = pose::nvidia_driver() else {
        if matches!(asked.first(), Device::Cuda(_) | Device::TensorRt(_)) {
            report.fail(SUBJECT, "no driver was found", "install NVIDIA's driver");
        } else {
            let finding = "no driver was found: models run on the CPU";
            report.absent(SUBJECT, finding, "");
        }
        return false;
    };
    let version = version.map_or_else(String::new, |version| format!("driver {version}, "));
    let gpus = listed_by_smi().unwrap_or(gpus);
    if gpus.is_empty() {
        let advice = "`nvidia-smi` lists them where it is installed";
        report.warn(SUBJECT, format!("{version}the driver lists no GPU"), advice);
    } else {
        let mut lines = gpus;
        lines[0].insert_str(0, &version);
        report.ok(SUBJECT, lines);
    }
    true
}

/// The list of NVIDIA's own tool, without the GPUs' serial numbers; it numbers them as CUDA does.
fn listed_by_smi() -> Option<Vec<String>> {
    let output = Command::new("nvidia-smi")
        .arg("-L")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let gpus: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("GPU "))
        .map(|line| line.split(" (UUID").next().unwrap_or(line).to_owned())
        .collect();
    (!gpus.is_empty()).then_some(gpus)
}

/// Checks whether a device's provider can be loaded. It must where the device was asked for, and should
/// where there is a GPU. Returns whether it can.
fn provider(
    report: &mut CheckReport<impl Write>,
    subject: &str,
    device: Device,
    asked: &Devices,
    driver: bool,
) -> bool {
    let kind = |device: &Device| std::mem::discriminant(device);
    let needed = asked.iter().any(|asked| kind(&asked) == kind(&device));
    let checked = pose::check_device(device);
    let is_usable = matches!(checked, Ok(Ok(())));
    match checked {
        Ok(Ok(())) => report.ok(subject, "there, and its libraries too"),
        Ok(Err(reason)) if needed => report.fail(subject, reason.to_string(), ""),
        // TensorRT is a choice; CUDA is what a machine with a GPU is expected to have.
        Ok(Err(reason)) if driver && device == Device::Cuda(0) => {
            report.warn(subject, reason.to_string(), "");
        }
        Ok(Err(UnusableDevice::NoProvider { library, .. })) => {
            let finding = format!("not there ({}); not needed", library.display());
            report.absent(subject, finding, "");
        }
        Ok(Err(reason)) => report.absent(subject, format!("not needed; {reason}"), ""),
        Err(error) => report.fail(subject, error.to_string(), ""),
    }
    is_usable
}
