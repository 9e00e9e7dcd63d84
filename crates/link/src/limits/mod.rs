//! Limits of what unauthenticated peers may ask for.

mod token_bucket;

pub(crate) use token_bucket::TokenBucket;
