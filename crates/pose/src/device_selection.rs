//! Which device a model is loaded on.

use crate::{
    device::Device, error::LoadError, outputs::TensorError, session::SessionError,
    unusable_device::UnusableDevice,
};

/// Loads a model on `device` with `load`, which also runs it once. `check` finds out beforehand
/// whether a device can be used at all.
///
/// Under [`Device::Auto`] the next device is taken where one fails at any point, the CPU at last, and
/// the reason is returned. A device that was asked for is never replaced by another one.
///
/// # Errors
/// What is wrong with the model, or with the device that was asked for.
pub(crate) fn choose<T>(
    device: Device,
    check: impl Fn(Device) -> Result<Result<(), UnusableDevice>, SessionError>,
    mut load: impl FnMut(Device) -> Result<T, LoadError>,
) -> Result<(T, Option<UnusableDevice>), LoadError> {
    match device {
        Device::Cpu => Ok((load(Device::Cpu)?, None)),
        Device::Auto => best(check, load),
        device => {
            if let Err(reason) = check(device)? {
                return Err(SessionError::Device { device, reason }.into());
            }
            let error = match load(device) {
                Ok(model) => return Ok((model, None)),
                Err(error) => error,
            };
            let reason = fault_of(device, error)?;
            // What fails on the CPU too is an error of the model and not of the device.
            load(Device::Cpu)?;
            Err(SessionError::Device { device, reason }.into())
        }
    }
}

/// The first of [`AUTOMATIC`] that works, or else the CPU.
fn best<T>(
    check: impl Fn(Device) -> Result<Result<(), UnusableDevice>, SessionError>,
    mut load: impl FnMut(Device) -> Result<T, LoadError>,
) -> Result<(T, Option<UnusableDevice>), LoadError> {
    let mut passed_over: Option<UnusableDevice> = None;
    for device in AUTOMATIC {
        let reason = match check(device)? {
            Ok(()) => match load(device) {
                Ok(model) => return Ok((model, passed_over)),
                Err(error) => fault_of(device, error)?,
            },
            Err(reason) => reason,
        };
        // The first that could have been expected to work is what the user wants to know of.
        let known = passed_over.as_ref();
        if known.is_none_or(|known| !known.is_unexpected() && reason.is_unexpected()) {
            passed_over = Some(reason);
        }
    }
    Ok((load(Device::Cpu)?, passed_over))
}

/// What [`Device::Auto`] tries before the CPU, best first. TensorRT takes minutes to build an engine,
/// so it is used only where the caller asks for it.
const AUTOMATIC: [Device; 2] = [Device::Cuda(0), Device::OpenVino];

/// Why loading failed on `device`, where another device may do better.
fn fault_of(device: Device, error: LoadError) -> Result<UnusableDevice, LoadError> {
    match error {
        LoadError::Session(SessionError::Device { reason, .. }) => Ok(reason),
        LoadError::Session(SessionError::Graph { message, .. } | SessionError::Run { message })
        | LoadError::Tensor(TensorError::Read { message }) => {
            Ok(UnusableDevice::Failed { device, message })
        }
        // Its graph is written otherwise for OpenVINO, which takes reading it.
        LoadError::Graph(error) => Ok(UnusableDevice::Failed {
            device,
            message: error.to_string(),
        }),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKS: fn(Device) -> Result<Result<(), UnusableDevice>, SessionError> = |_| Ok(Ok(()));

    fn run_error(message: &str) -> LoadError {
        LoadError::Session(SessionError::Run {
            message: message.to_owned(),
        })
    }

    fn no_nodes(device: Device) -> UnusableDevice {
        UnusableDevice::NoNodes { device, nodes: 3 }
    }

    #[test]
    fn a_device_that_works_is_used() {
        for (asked, used) in [
            (Device::Auto, Device::Cuda(0)),
            (Device::Cuda(2), Device::Cuda(2)),
            (Device::TensorRt(1), Device::TensorRt(1)),
            (Device::OpenVino, Device::OpenVino),
            (Device::Cpu, Device::Cpu),
        ] {
            let chosen = choose(asked, WORKS, Ok).expect("all devices work");
            assert_eq!(chosen, (used, None));
        }
    }

    #[test]
    fn the_cpu_needs_no_check() {
        let unused = |_| panic!("the CPU is always there");
        let chosen = choose(Device::Cpu, unused, Ok).expect("the CPU works");
        assert_eq!(chosen.0, Device::Cpu);
    }

    #[test]
    fn auto_takes_the_best_that_works_and_says_what_it_passed_over() {
        let absent = choose(Device::Auto, |device| Ok(Err(no_nodes(device))), Ok);
        let reason = Some(no_nodes(Device::Cuda(0)));
        assert_eq!(absent.expect("the CPU works"), (Device::Cpu, reason));

        let failed = |device| UnusableDevice::Failed {
            device,
            message: "out of memory".to_owned(),
        };
        for (working, passed_over) in [
            (&[Device::Cuda(0), Device::OpenVino, Device::Cpu][..], None),
            (&[Device::OpenVino, Device::Cpu], Some(Device::Cuda(0))),
            (&[Device::Cpu], Some(Device::Cuda(0))),
        ] {
            let chosen = choose(Device::Auto, WORKS, |device| {
                let works = working.contains(&device).then_some(device);
                works.ok_or_else(|| run_error("out of memory"))
            });
            let expected = (working[0], passed_over.map(failed));
            assert_eq!(chosen.expect("the CPU works"), expected);
        }
    }

    #[test]
    fn what_auto_says_is_the_first_that_could_have_been_expected_to_work() {
        let missing = |provider, driver| UnusableDevice::NoProvider {
            provider,
            version: "1.24.1".to_owned(),
            library: "provider.so".into(),
            install: "it",
            driver,
        };
        let reason = |cuda: Option<bool>, openvino_is_there: bool| {
            let check = |device| {
                Ok(match device {
                    Device::OpenVino if openvino_is_there => Err(no_nodes(device)),
                    Device::OpenVino => Err(missing("OpenVINO", None)),
                    _ => Err(missing("CUDA", cuda)),
                })
            };
            let (_, reason) = choose(Device::Auto, check, Ok).expect("the CPU works");
            reason.expect("a reason")
        };
        let cuda = |driver| missing("CUDA", driver);
        assert_eq!(reason(Some(false), false), cuda(Some(false)));
        assert_eq!(reason(Some(true), true), cuda(Some(true)));
        assert_eq!(reason(Some(false), true), no_nodes(Device::OpenVino));
    }

    #[test]
    fn a_gpu_that_was_asked_for_is_never_exchanged() {
        let gpu = Device::Cuda(1);
        let absent = choose(gpu, |gpu| Ok(Err(no_nodes(gpu))), Ok);
        let fails = choose(gpu, WORKS, |device| match device {
            Device::Cpu => Ok(device),
            _ => Err(run_error("out of memory")),
        });
        for outcome in [absent, fails] {
            let error = outcome.expect_err("no GPU, no model");
            assert!(
                matches!(
                    &error,
                    LoadError::Session(SessionError::Device { device, .. }) if *device == gpu
                ),
                "{error:?}"
            );
        }
    }

    #[test]
    fn what_the_cpu_cannot_do_either_is_the_model_s_fault() {
        for device in [Device::Auto, Device::Cuda(0)] {
            let outcome = choose(device, WORKS, |device| -> Result<(), _> {
                Err(run_error(&format!("fails on {device}")))
            });
            let text = outcome.expect_err("it runs nowhere").to_string();
            assert!(text.contains("fails on cpu"), "{text}");
            let outcome = choose(device, WORKS, |_| -> Result<(), _> {
                Err(LoadError::NoInstances)
            });
            assert!(matches!(outcome, Err(LoadError::NoInstances)));
        }
    }
}
