//! Random numbers for ids and for spreading load. Secrets and nonces do not come from here.

/// `{role}-` and 16 random hexadecimal digits.
pub fn random_id(role: &str) -> String {
    format!("{role}-{:016x}", random_u64())
}

/// A random number; without a source of randomness one that is unlikely to repeat.
pub(crate) fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(std::process::id()))
}
