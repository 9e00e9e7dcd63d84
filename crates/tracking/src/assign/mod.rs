//! Which row goes with which column of a cost matrix.

mod greedy;
mod hungarian;
mod network_sort;

pub(crate) use greedy::greedy;
pub(crate) use hungarian::hungarian;
