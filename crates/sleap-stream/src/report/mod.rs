//! What is reported of a run while it goes on and at its end.

pub(crate) mod events;
pub(crate) mod mode;
pub(crate) mod progress;
pub(crate) mod recent_rates;
pub(crate) mod run_report;
