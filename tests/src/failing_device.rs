//! A stand-in for ONNX Runtime, in which the calls of one session fail from some call on.

use std::path::PathBuf;
use std::process::Command;

use super::{binary, c_library};

/// Passes everything on to the real library but for the calls that fail. Sessions are counted in the order of their
/// first calls, which is that of the devices.
const SOURCE: &str = r#"
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
enum { CREATE_STATUS = 0, RUN = 9, FUNCTIONS = 512, SESSIONS = 8 };
typedef struct { const void *(*api)(uint32_t); const char *(*version)(void); } base;
typedef void *(*create_status)(int, const char *);
typedef void *(*run)(void *, const void *, const char *const *, const void *const *, size_t,
                     const char *const *, size_t, void **);
static const base *real;
static void *functions[FUNCTIONS];
static run real_run;
static struct { void *session; unsigned calls; } sessions[SESSIONS];

static void *counted_run(void *session, const void *options, const char *const *names, const void *const *inputs,
                         size_t inputs_len, const char *const *outputs_names, size_t outputs_len, void **outputs) {
    unsigned number = 0;
    while (number < SESSIONS - 1 && sessions[number].session && sessions[number].session != session) number++;
    sessions[number].session = session;
    if (number == FAILS && sessions[number].calls++ >= AFTER)
        return ((create_status)functions[CREATE_STATUS])(1, "the device is lost");
    return real_run(session, options, names, inputs, inputs_len, outputs_names, outputs_len, outputs);
}

static const void *api(uint32_t version) {
    const void *found = real->api(version);
    if (!found) return found;
    memcpy(functions, found, sizeof functions);
    real_run = (run)functions[RUN];
    functions[RUN] = counted_run;
    return functions;
}

static const char *version(void) { return real->version(); }

const base *OrtGetApiBase(void) {
    static const base own = { api, version };
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0;
    real = ((const base *(*)(void))dlsym(library, "OrtGetApiBase"))();
    return &own;
}
"#;

const LIBRARY: &str = "libonnxruntime.so";

/// A folder with the library, for a worker's `ORT_DYLIB_PATH`.
pub struct FailingDevice {
    folder: tempfile::TempDir,
}

impl FailingDevice {
    /// The device of this number, from 0, fails in every call after so many; the warm-up counts.
    pub fn build(number: usize, calls: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let definitions = [
            format!("REAL=\"{}\"", real_library().display()),
            format!("FAILS={number}"),
            format!("AFTER={calls}"),
        ];
        c_library::build(folder.path(), LIBRARY, SOURCE, &definitions);
        Self { folder }
    }

    /// Lets a worker load this library instead of the real one.
    pub fn use_in(&self, command: &mut Command) {
        let library = self.folder.path().join(LIBRARY);
        command.env("ORT_DYLIB_PATH", library);
    }
}

/// The library that workers load, as `doctor` names it.
fn real_library() -> PathBuf {
    let mut doctor = Command::new(binary("sleap-worker"));
    let output = doctor.args(["doctor", "--device", "cpu"]).output();
    let report = String::from_utf8(output.expect("a report").stdout).expect("text");
    let mut lines = report.lines().filter(|line| line.contains("ONNX Runtime"));
    let path = lines.find_map(|line| line.split_once(", /"));
    PathBuf::from(format!("/{}", path.expect("its path").1.trim()))
}
