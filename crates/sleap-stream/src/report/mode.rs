//! What is reported of a run, and where.

/// What is reported while a run goes on and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportMode {
    /// Nothing.
    None,
    /// A moving line and a summary, on standard error.
    ForPeople,
    /// Objects on standard output.
    Json,
    /// Objects on standard error: standard output is taken.
    JsonAside,
}
