//! How many threads a session has.

use crate::options::Options;

/// The threads of a session on the CPU.
pub(super) fn of_session(options: &Options) -> usize {
    options.threads.unwrap_or_else(usable_cores).max(1)
}

/// Physical cores, or fewer where the process may use fewer (affinity, container quota). More
/// threads than cores cost a session two thirds of its speed.
pub fn usable_cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    num_cpus::get_physical().min(allowed)
}
