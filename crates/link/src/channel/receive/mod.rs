//! Receiving: from the messages of all lanes to one order.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod lane_receiver;
mod merge;
#[cfg(test)]
mod merge_tests;
mod receiver;
mod sharded;
mod silence;

pub use receiver::Receiver;
