//! Integration tests of this crate, one program: linking costs more than running.

mod auth;
mod channel;
mod common;
mod failure;
mod lanes;
mod offers;
mod shards;
mod signaling;
