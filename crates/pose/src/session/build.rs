//! Making a session: providers, threads, and where its nodes are placed.

use ort::{
    environment::Environment,
    session::builder::{GraphOptimizationLevel, SessionBuilder},
    value::Outlet,
};

use super::{OnnxSession, Preparation, SessionError, providers, run_failed, threads};
use crate::{
    c_api,
    device::Device,
    graph::GraphFile,
    model_files::{LinkedWeights, linked_weights},
    options::Options,
    outputs,
    placement::Placement,
    runtime,
    signature::GraphSignature,
    unusable_device::UnusableDevice,
};

/// Loads `graph` for `device`, which is not [`Device::Auto`], with exactly its
/// providers.
pub(super) fn session(
    graph: &GraphFile,
    device: Device,
    options: &Options,
    preparation: &Preparation,
) -> Result<OnnxSession, SessionError> {
    let mut builder = builder(runtime::environment()?, options).map_err(run_failed)?;
    let fixed = preparation.fixed();
    let graph = fixed.map_or(graph, |fixed| &fixed.graph);
    for (name, size) in fixed.iter().flat_map(|fixed| &fixed.dimensions) {
        builder = builder
            .with_dimension_override(name, *size)
            .map_err(|error| run_failed(error.into()))?;
    }
    for provider in providers::for_device(device, options, preparation) {
        provider
            .register(&mut builder)
            .map_err(|error| failed(device, &error))?;
    }
    let inner = commit(builder, graph).map_err(|error| refused(graph, &error))?;
    let placement = placement(&inner).map_err(run_failed)?;
    must_be_used(device, &placement)?;
    let specs = |outlets: &[Outlet]| -> Vec<_> {
        let spec = |outlet: &Outlet| outputs::spec(outlet.name(), outlet.dtype());
        outlets.iter().map(spec).collect()
    };
    let signature = GraphSignature {
        inputs: specs(inner.inputs()),
        outputs: specs(inner.outputs()),
    };
    let names = signature.outputs.iter().map(|output| output.name.clone());
    let output_names = names.collect();
    Ok(OnnxSession {
        inner,
        device,
        placement,
        signature,
        output_names,
    })
}

fn commit(mut builder: SessionBuilder, graph: &GraphFile) -> ort::Result<ort::session::Session> {
    let Some(bytes) = graph.edited() else {
        return builder.commit_from_file(graph.path());
    };
    // Weights outside the file lie beside it; ONNX Runtime cannot find them for a model in a buffer.
    if let Some(folder) = graph.path().parent() {
        let key = "session.model_external_initializers_file_folder_path";
        builder = builder.with_config_entry(key, folder.to_string_lossy())?;
    }
    builder.commit_from_memory(bytes)
}

fn refused(graph: &GraphFile, error: &ort::Error) -> SessionError {
    match linked_weights(graph.path()) {
        Some(LinkedWeights { path, target }) => SessionError::LinkedWeights { path, target },
        None => SessionError::Graph {
            path: graph.path().to_owned(),
            message: error.to_string(),
        },
    }
}

fn builder(environment: &Environment, options: &Options) -> ort::Result<SessionBuilder> {
    Ok(ort::session::Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads::of_session(options))?
        .with_intra_op_spinning(options.spinning)?
        .with_config_entry(c_api::RECORD_ASSIGNMENT, "1")?)
}

fn failed(device: Device, error: &ort::Error) -> SessionError {
    let message = error.to_string();
    let reason = UnusableDevice::Failed { device, message };
    SessionError::Device { device, reason }
}

fn placement(session: &ort::session::Session) -> ort::Result<Placement> {
    let nodes = c_api::assigned_nodes(session)?;
    let nodes = nodes
        .iter()
        .map(|node| (node.provider.as_str(), node.operator.as_str()));
    Ok(Placement::count(nodes))
}

/// ONNX Runtime silently assigns nodes that a provider does not take to the next one, at last to
/// the CPU.
fn must_be_used(device: Device, placement: &Placement) -> Result<(), SessionError> {
    let Some(provider) = providers::of(device) else {
        return Ok(());
    };
    if placement.nodes_on(&[provider.execution]) > 0 {
        return Ok(());
    }
    let nodes = placement.nodes();
    let reason = UnusableDevice::NoNodes { device, nodes };
    Err(SessionError::Device { device, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_gets_no_node_is_an_error() {
        let cpu = Placement::count([("CPUExecutionProvider", "Conv")].into_iter());
        assert!(must_be_used(Device::Cpu, &cpu).is_ok());
        for device in [Device::Cuda(0), Device::TensorRt(0), Device::OpenVino] {
            let error = must_be_used(device, &cpu).expect_err("nothing runs there");
            let text = error.to_string();
            assert!(text.contains(&device.to_string()), "{text}");
        }
        // TensorRT's device has CUDA behind it, which alone is not what was asked for.
        let cuda = Placement::count([(providers::CUDA.execution, "Conv")].into_iter());
        assert!(must_be_used(Device::Cuda(0), &cuda).is_ok());
        assert!(must_be_used(Device::TensorRt(0), &cuda).is_err());
    }
}
