//! Integration tests of this crate, one program; `allocation` has its own, since it replaces the allocator.

mod batches;
mod decode_errors;
mod drop_reasons;
mod lossy_link;
mod model;
mod properties;
mod shards;
mod values;
mod vectors;
