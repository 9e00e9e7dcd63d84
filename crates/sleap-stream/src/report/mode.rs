//! What is told of a run, and where.

/// What is told while a stream runs and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportMode {
    None,
    ForPeople,
    /// Objects on standard output.
    Json,
    /// Objects on standard error: standard output is taken.
    JsonAside,
}
