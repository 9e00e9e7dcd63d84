//! The native part of the Python module `sleap_stream`: a skin over the libraries of the client and the worker.
//!
//! What people use is in `python/sleap_stream`. Nothing here waits while it holds Python's lock, and nothing that
//! carries frames or poses takes it.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod errors;
mod frames;
mod logs;
mod model;
mod options;
mod poses;
mod process;
mod stream;
mod ticket;
mod waiting;
mod worker;

use pyo3::prelude::*;

/// The native part of `sleap_stream`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", cli::program_info::VERSION)?;
    module.add_class::<stream::NativeStream>()?;
    module.add_class::<ticket::NativeTicket>()?;
    module.add_class::<poses::Pose>()?;
    module.add_class::<model::NativeModel>()?;
    module.add_class::<worker::NativeWorker>()?;
    module.add_function(wrap_pyfunction!(logs::forward_logs, module)?)?;
    module.add_function(wrap_pyfunction!(model::use_onnxruntime, module)?)
}
