//! A stand-in for NVIDIA's library NVML.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::c_library;

/// Two GPUs: one that reports everything, and one whose driver reports nothing but its name.
const SOURCE: &str = r#"
#include <string.h>
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory;
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(size_t)(index + 1);
    return 0;
}
static int is_second(void *device) { return device == (void *)2; }
int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    strncpy(name, is_second(device) ? "Test GPU B" : "Test GPU A", length);
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
    rates->gpu = 37;
    return is_second(device) ? 3 : 0;
}
int nvmlDeviceGetMemoryInfo_v2(void *device, memory *info) {
    info->total = 24ull << 30;
    info->used = 5ull << 30;
    return is_second(device) ? 3 : 0;
}
"#;

/// NVML's result where the driver is not loaded.
const NO_DRIVER: u32 = 9;

/// A folder with the library, for a child's `LD_LIBRARY_PATH`.
pub struct TestNvml {
    folder: tempfile::TempDir,
}

impl TestNvml {
    /// The library of a machine with two GPUs.
    pub fn build() -> Self {
        Self::with_init(0)
    }

    /// The library of a machine whose driver is not loaded.
    pub fn without_driver() -> Self {
        Self::with_init(NO_DRIVER)
    }

    fn with_init(result: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let definitions = [format!("INIT={result}")];
        c_library::build(folder.path(), "libnvidia-ml.so.1", SOURCE, &definitions);
        Self { folder }
    }

    /// Lets a child load this library instead of the machine's own.
    pub fn use_in(&self, command: &mut Command) {
        let own = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let own = std::env::split_paths(&own);
        let first = std::iter::once(PathBuf::from(self.path()));
        let paths = std::env::join_paths(first.chain(own)).expect("paths without colons");
        command.env("LD_LIBRARY_PATH", paths);
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}
