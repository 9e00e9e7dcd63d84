//! What a loaded model is.

use std::fmt;

use crate::{
    devices::Devices, input::InputSize, kind::ModelKind, placement::Placement, refine::Refine,
    skeleton::ModelSkeleton, unusable_device::UnusableDevice,
};

/// What a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDescription {
    /// The name of the trained model.
    pub name: String,
    /// Its kind.
    pub kind: ModelKind,
    /// The size that frames are fitted to.
    pub input: InputSize,
    /// What its points are.
    pub skeleton: ModelSkeleton,
    /// What it runs on; never [`Device::Auto`](crate::Device::Auto).
    pub runs_on: RunsOn,
    /// Which execution provider runs how many nodes; none on an engine of the caller's.
    pub placement: Placement,
    /// Why it does not run on a device that [`Device::Auto`](crate::Device::Auto) would rather have taken.
    pub passed_over: Option<UnusableDevice>,
    /// The largest batch that it was warmed up for: [`crate::Options::max_batch`] or its default.
    pub max_batch: usize,
    /// How its points are moved off the grid of its confidence maps, if they are.
    pub refine: Option<Refine>,
    /// Hints for the user who runs this model with these options: an export that wastes time, an
    /// option without effect. Whole sentences without a full stop; usually none.
    pub notes: Vec<String>,
}

/// What a model runs on, displayed as `cpu`, `cuda:0,cuda:1`, or with an engine's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// Processors of this machine. [`Model::load`](crate::Model::load) takes one.
    Devices(Devices),
    /// What [`Model::on_engine`](crate::Model::on_engine) takes.
    Engine {
        /// The engine's name.
        name: String,
        /// Calls that it gets at the same time.
        calls: usize,
    },
}

impl RunsOn {
    /// Whether it is the CPU of this machine, and nothing else.
    pub fn are_cpu(&self) -> bool {
        matches!(self, Self::Devices(devices) if devices.are_cpu())
    }

    /// Calls of the model that run at the same time.
    pub fn calls(&self) -> usize {
        match self {
            Self::Devices(devices) => devices.len(),
            Self::Engine { calls, .. } => *calls,
        }
    }

    /// What can fail on its own: the devices, or the engine.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Devices(devices) => devices.iter().map(|device| device.to_string()).collect(),
            Self::Engine { name, .. } => vec![name.clone()],
        }
    }

    /// This and then the other: more devices, or more calls of the engine. Devices and engines do not go together: then it is
    /// this one.
    pub fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Devices(devices), Self::Devices(others)) => Self::Devices(devices.and(others)),
            (Self::Engine { name, calls }, Self::Engine { calls: more, .. }) => Self::Engine {
                name,
                calls: calls + more,
            },
            (this, _) => this,
        }
    }
}

impl fmt::Display for RunsOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Devices(devices) => devices.fmt(f),
            Self::Engine { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_add_up_and_so_do_calls_of_an_engine() {
        let devices = |text: &str| RunsOn::Devices(text.parse().expect("devices"));
        let both = devices("cuda:0").and(&devices("cuda:1"));
        assert_eq!(
            (both.to_string().as_str(), both.calls()),
            ("cuda:0,cuda:1", 2)
        );
        assert_eq!(both.names(), ["cuda:0", "cuda:1"]);
        assert!(!both.are_cpu() && devices("cpu,cpu").are_cpu());
        let engine = RunsOn::Engine {
            name: "grpc://gpu:8001/mouse".to_owned(),
            calls: 1,
        };
        let twice = engine.clone().and(&engine);
        assert_eq!(
            (twice.calls(), twice.names()),
            (2, vec![engine.to_string()])
        );
        assert!(!twice.are_cpu());
    }
}
