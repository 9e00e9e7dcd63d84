//! Workers whose pairing links are stored: how they are stored, found, listed and removed.

mod args;
mod default;
mod list;
mod pair;
mod store;
#[cfg(test)]
mod tests;

pub(super) use args::{PairArgs, WorkersArgs};
pub(super) use default::default_worker;
pub(super) use list::run as run_workers;
pub(super) use pair::run as run_pair;
pub(super) use store::{StoredWorker, WorkerStore};
