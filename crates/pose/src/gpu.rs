//! NVIDIA GPUs of this machine.

use std::{fs, path::Path};

/// What the NVIDIA driver reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvidiaDriver {
    /// Its version, where it reports one.
    pub version: Option<String>,
    /// The GPUs' names; empty where the driver lists none (Jetson, WSL).
    pub gpus: Vec<String>,
}

/// The NVIDIA driver of this machine, found by its files; nothing is loaded.
pub fn nvidia_driver() -> Option<NvidiaDriver> {
    driver_below(Path::new("/"))
}

fn driver_below(root: &Path) -> Option<NvidiaDriver> {
    let proc = root.join("proc/driver/nvidia");
    let version = fs::read_to_string(proc.join("version")).ok();
    // The device nodes of the driver itself, of WSL's and of Jetson's.
    let nodes = ["dev/nvidiactl", "dev/dxg", "dev/nvhost-gpu"];
    if version.is_none() && !nodes.iter().any(|node| root.join(node).exists()) {
        return None;
    }
    let mut gpus: Vec<_> = fs::read_dir(proc.join("gpus"))
        .into_iter()
        .flatten()
        .filter_map(|gpu| {
            let gpu = gpu.ok()?;
            let text = fs::read_to_string(gpu.path().join("information")).ok()?;
            let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
            Some((gpu.file_name(), model.trim().to_owned()))
        })
        .collect();
    // By their places on the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID counts them.
    gpus.sort();
    Some(NvidiaDriver {
        version: version.as_deref().and_then(version_in),
        gpus: gpus.into_iter().map(|(_, name)| name).collect(),
    })
}

/// `535.104.05` of `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug ...`.
fn version_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
    let is_version = |word: &&str| {
        word.contains('.')
            && word
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    line.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("inside")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_driver_and_its_gpus_are_read_from_its_files() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(driver_below(root.path()), None);
        write(
            root.path(),
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 2023\n\
             GCC version:  gcc version 12.2.0\n",
        );
        for (bus, name) in [("0000:81:00.0", "NVIDIA B"), ("0000:01:00.0", "NVIDIA A")] {
            let file = format!("proc/driver/nvidia/gpus/{bus}/information");
            write(
                root.path(),
                &file,
                &format!("Model: \t\t {name}\nIRQ:  1\n"),
            );
        }
        assert_eq!(
            driver_below(root.path()),
            Some(NvidiaDriver {
                version: Some("535.104.05".to_owned()),
                gpus: vec!["NVIDIA A".to_owned(), "NVIDIA B".to_owned()],
            })
        );
    }

    #[test]
    fn a_driver_without_a_version_is_found_too() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), "dev/nvidiactl", "");
        let driver = driver_below(root.path()).expect("a driver");
        assert_eq!((driver.version, driver.gpus), (None, Vec::new()));
    }
}
