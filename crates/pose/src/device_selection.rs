//! Which device a model is loaded on.

use crate::{
    device::Device, error::LoadError, gpu::NoGpu, outputs::TensorError, session::SessionError,
};

/// Loads a model on `device` with `load`, which also runs it once. `check` finds out beforehand
/// whether a GPU can be used at all.
///
/// Under [`Device::Auto`] the CPU is taken where CUDA fails at any point, and the reason is
/// returned. A GPU that was asked for is never replaced by another device.
///
/// # Errors
/// What is wrong with the model, or with the GPU that was asked for.
pub(crate) fn choose<T>(
    device: Device,
    check: impl FnOnce(Device) -> Result<Result<(), NoGpu>, SessionError>,
    mut load: impl FnMut(Device) -> Result<T, LoadError>,
) -> Result<(T, Option<NoGpu>), LoadError> {
    let gpu = match device {
        Device::Cpu => return Ok((load(Device::Cpu)?, None)),
        // TensorRT takes minutes to build an engine, so it is used only where the caller asks for it.
        Device::Auto => Device::Cuda(0),
        gpu => gpu,
    };
    let error = match check(gpu)? {
        Ok(()) => match load(gpu) {
            Ok(model) => return Ok((model, None)),
            Err(error) => error,
        },
        Err(reason) if device == Device::Auto => return Ok((load(Device::Cpu)?, Some(reason))),
        Err(reason) => return Err(SessionError::Device { device, reason }.into()),
    };
    let reason = match error {
        LoadError::Session(SessionError::Device { reason, .. }) => reason,
        LoadError::Session(SessionError::Graph { message, .. } | SessionError::Run { message })
        | LoadError::Tensor(TensorError::Read { message }) => NoGpu::Failed {
            device: gpu,
            message,
        },
        error => return Err(error),
    };
    // What fails on the CPU too is an error of the model and not of the GPU.
    let model = load(Device::Cpu)?;
    match device {
        Device::Auto => Ok((model, Some(reason))),
        device => Err(SessionError::Device { device, reason }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKS: fn(Device) -> Result<Result<(), NoGpu>, SessionError> = |_| Ok(Ok(()));

    fn run_error(message: &str) -> LoadError {
        LoadError::Session(SessionError::Run {
            message: message.to_owned(),
        })
    }

    fn no_nodes(device: Device) -> NoGpu {
        NoGpu::NoNodes { device, nodes: 3 }
    }

    #[test]
    fn a_gpu_that_works_is_used() {
        for (asked, used) in [
            (Device::Auto, Device::Cuda(0)),
            (Device::Cuda(2), Device::Cuda(2)),
            (Device::TensorRt(1), Device::TensorRt(1)),
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
    fn auto_falls_back_wherever_cuda_fails_and_says_why() {
        let absent = choose(Device::Auto, |gpu| Ok(Err(no_nodes(gpu))), Ok);
        let reason = Some(no_nodes(Device::Cuda(0)));
        assert_eq!(absent.expect("the CPU works"), (Device::Cpu, reason));

        let at_warm_up = choose(Device::Auto, WORKS, |device| match device {
            Device::Cpu => Ok(device),
            _ => Err(run_error("out of memory")),
        });
        let reason = NoGpu::Failed {
            device: Device::Cuda(0),
            message: "out of memory".to_owned(),
        };
        assert_eq!(
            at_warm_up.expect("the CPU works"),
            (Device::Cpu, Some(reason))
        );
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
