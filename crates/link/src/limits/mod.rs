//! Limits of what unauthenticated peers may ask for: how often, and how many from one network.

mod addresses;
mod bucket;

pub(crate) use addresses::{AddressLimit, AddressPermit};
pub(crate) use bucket::TokenBucket;
