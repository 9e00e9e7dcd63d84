//! Every way in which a model directory can be wrong has its own error, with what to do.

use crate::common;

use std::{fs, path::Path};

use common::path;
use pose::{
    Device, KindError, LoadError, MetadataError, Model, Options, SessionError, TensorError,
};
use tempfile::TempDir;

/// A sound model directory to damage: `toys/<name>`.
fn model(name: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(path("tests/toys").join(name)).expect("a toy") {
        let file = file.expect("a file");
        fs::copy(file.path(), dir.path().join(file.file_name())).expect("a copy");
    }
    dir
}

fn error(dir: &Path) -> LoadError {
    error_with(dir, &Options::default())
}

fn error_with(dir: &Path, options: &Options) -> LoadError {
    match Model::load(dir, options) {
        Ok(model) => panic!("{model:?} should not load"),
        Err(error) => error,
    }
}

fn replace_in_metadata(dir: &Path, from: &str, to: &str) {
    let path = dir.join("export_metadata.json");
    let text = fs::read_to_string(&path).expect("metadata");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

fn assert_says(error: &LoadError, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

#[test]
fn an_undamaged_copy_loads() {
    for name in ["gray", "rgb"] {
        Model::load(model(name).path(), &Options::default()).expect(name);
    }
}

#[test]
fn no_directory() {
    let error = error(Path::new("no/such/model"));
    assert!(matches!(error, LoadError::NoDirectory { .. }), "{error:?}");
    assert_says(&error, &["no/such/model"]);
}

#[test]
fn a_file_is_no_directory() {
    let dir = model("gray");
    let error = error(&dir.path().join("export_metadata.json"));
    assert!(matches!(error, LoadError::NoDirectory { .. }), "{error:?}");
}

#[test]
fn the_path_of_the_graph_stands_for_its_directory() {
    let dir = model("gray");
    Model::load(&dir.path().join("model.onnx"), &Options::default()).expect("the model");
}

#[test]
fn metadata_may_begin_with_a_byte_order_mark() {
    let dir = model("gray");
    let path = dir.path().join("export_metadata.json");
    let text = fs::read_to_string(&path).expect("metadata");
    fs::write(&path, format!("\u{feff}{text}")).expect("written");
    Model::load(dir.path(), &Options::default()).expect("the model");
}

#[cfg(unix)]
#[test]
fn files_that_are_devices_are_refused_at_once() {
    for name in [
        "export_metadata.json",
        "training_config.yaml",
        "model.onnx.data",
    ] {
        let dir = model("refine/single_instance_scaled");
        let path = dir.path().join(name);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert_says(&error(dir.path()), &[name, "not a regular file"]);
    }
}

#[test]
fn files_that_git_lfs_has_not_fetched() {
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    for name in ["export_metadata.json", "model.onnx", "model.onnx.data"] {
        let dir = model("refine/single_instance_scaled");
        fs::write(dir.path().join(name), POINTER).expect("written");
        assert_says(&error(dir.path()), &[name, "git lfs pull"]);
    }
}

#[cfg(unix)]
#[test]
fn weights_that_are_a_link_to_another_folder() {
    let dir = model("refine/single_instance_scaled");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (link, target) = (
        dir.path().join("model.onnx.data"),
        elsewhere.path().join("w"),
    );
    fs::rename(&link, &target).expect("moved");
    std::os::unix::fs::symlink(&target, &link).expect("linked");
    let error = error(dir.path());
    assert!(
        matches!(
            error,
            LoadError::Session(SessionError::LinkedWeights { .. })
        ),
        "{error:?}"
    );
    assert_says(&error, &["model.onnx.data", &target.display().to_string()]);
}

#[test]
fn no_metadata() {
    let dir = model("gray");
    fs::remove_file(dir.path().join("export_metadata.json")).expect("removed");
    let error = error(dir.path());
    assert!(
        matches!(error, LoadError::Metadata(MetadataError::Missing { .. })),
        "{error:?}"
    );
    assert_says(&error, &["export_metadata.json", "sleap-nn export"]);
}

#[test]
fn metadata_that_is_no_json() {
    let dir = model("gray");
    fs::write(dir.path().join("export_metadata.json"), "model_type: x").expect("written");
    let error = error(dir.path());
    assert!(
        matches!(error, LoadError::Metadata(MetadataError::Json { .. })),
        "{error:?}"
    );
}

#[test]
fn a_graph_of_another_kind_than_the_metadata_says() {
    for (kind, output) in [
        ("centroid", "centroids"),
        ("topdown", "centroids"),
        ("multi_class_bottomup", "peaks"),
        ("multi_class_topdown_combined", "centroids"),
    ] {
        let dir = model("gray");
        replace_in_metadata(dir.path(), "\"single_instance\"", &format!("\"{kind}\""));
        let error = error(dir.path());
        assert!(
            matches!(error, LoadError::Session(SessionError::Signature { .. })),
            "{error:?}"
        );
        assert_says(&error, &[&format!("output '{output}'")]);
    }
}

#[test]
fn a_bottom_up_model_without_edges() {
    let dir = model("gray");
    replace_in_metadata(dir.path(), "\"single_instance\"", "\"bottomup\"");
    let error = error(dir.path());
    assert!(
        matches!(
            error,
            LoadError::Metadata(MetadataError::Kind(KindError::NoRoot { edges: 0 }))
        ),
        "{error:?}"
    );
}

#[test]
fn no_instances_at_all() {
    let options = Options {
        max_instances: Some(0),
        ..Options::default()
    };
    let error = error_with(model("gray").path(), &options);
    assert!(matches!(error, LoadError::NoInstances), "{error:?}");
}

#[test]
fn kinds_that_never_run() {
    for kind in ["bottomup_segmentation", "centered_instance", "telepathy"] {
        let dir = model("gray");
        replace_in_metadata(dir.path(), "\"single_instance\"", &format!("\"{kind}\""));
        let error = error(dir.path());
        assert!(
            matches!(error, LoadError::Metadata(MetadataError::Kind(_))),
            "{error:?}"
        );
        assert_says(&error, &[kind]);
    }
}

#[test]
fn no_graph() {
    let dir = model("gray");
    fs::remove_file(dir.path().join("model.onnx")).expect("removed");
    let error = error(dir.path());
    assert!(matches!(error, LoadError::NoGraph { .. }), "{error:?}");
    assert_says(&error, &["model.onnx", "sleap-nn export"]);
}

#[test]
fn a_damaged_graph() {
    let dir = model("gray");
    let path = dir.path().join("model.onnx");
    let whole = fs::read(&path).expect("a graph");
    for damaged in [&whole[..whole.len() / 2], b"", b"not a graph"] {
        fs::write(&path, damaged).expect("written");
        let error = error(dir.path());
        assert!(
            matches!(error, LoadError::Session(SessionError::Graph { .. })),
            "{error:?}"
        );
        assert_says(&error, &["model.onnx", "export the model again"]);
    }
}

#[test]
fn a_graph_of_another_kind() {
    for (misfit, words) in [
        ("float_input.onnx", "input 'image' of uint8"),
        ("other_output.onnx", "output 'peaks'"),
        (
            "flat_output.onnx",
            "output 'peaks' of float32 in 3 dimensions",
        ),
    ] {
        let dir = model("gray");
        let misfit = path("tests/toys/misfits").join(misfit);
        fs::copy(misfit, dir.path().join("model.onnx")).expect("a copy");
        let error = error(dir.path());
        assert!(
            matches!(error, LoadError::Session(SessionError::Signature { .. })),
            "{error:?}"
        );
        assert_says(&error, &[words]);
    }
}

#[test]
fn a_graph_of_other_channels() {
    let dir = model("gray");
    replace_in_metadata(dir.path(), "\"input_channels\": 1", "\"input_channels\": 3");
    let error = error(dir.path());
    assert!(
        matches!(error, LoadError::Session(SessionError::Signature { .. })),
        "{error:?}"
    );
}

#[test]
fn a_graph_of_other_nodes() {
    let dir = model("gray");
    replace_in_metadata(dir.path(), "\"n_nodes\": 1", "\"n_nodes\": 2");
    replace_in_metadata(dir.path(), "\"light\"", "\"light\", \"shadow\"");
    let error = error(dir.path());
    assert!(
        matches!(error, LoadError::Tensor(TensorError::Shape { .. })),
        "{error:?}"
    );
    assert_says(&error, &["peaks", "[1, 1, 2]", "[1, 2, 2]"]);
}

#[test]
fn a_broken_training_configuration() {
    let dir = model("rgb");
    fs::write(dir.path().join("training_config.yaml"), "data_config: [").expect("written");
    let error = error(dir.path());
    assert!(matches!(error, LoadError::TrainingConfig(_)), "{error:?}");
    assert_says(&error, &["training_config.yaml"]);
}

#[test]
fn a_size_out_of_range() {
    for size in ["0", "100000"] {
        let dir = model("gray");
        replace_in_metadata(
            dir.path(),
            "\"max_height\": 12",
            &format!("\"max_height\": {size}"),
        );
        let error = error(dir.path());
        assert!(matches!(error, LoadError::InputSize { .. }), "{error:?}");
        assert_says(&error, &[&format!("16x{size}")]);
    }
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_and_not_the_cpu() {
    let dir = model("gray");
    for device in [Device::Cuda(63), Device::TensorRt(63)] {
        let options = Options {
            device,
            ..Options::default()
        };
        let error = error_with(dir.path(), &options);
        assert!(
            matches!(error, LoadError::Session(SessionError::Device { .. })),
            "{error:?}"
        );
        assert_says(&error, &[&device.to_string()]);
    }
}

#[test]
fn sixteen_bit_floats_are_for_tensorrt() {
    for device in [Device::Auto, Device::Cpu, Device::Cuda(0)] {
        let options = Options {
            device,
            fp16: true,
            ..Options::default()
        };
        let error = error_with(model("gray").path(), &options);
        assert!(
            matches!(error, LoadError::Session(SessionError::Fp16 { device: d }) if d == device),
            "{error:?}"
        );
        assert_says(&error, &[&device.to_string(), "tensorrt"]);
    }
}
