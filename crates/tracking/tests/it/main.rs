//! Integration tests of this crate, one program: linking costs more than running.

mod animals;
mod hostile;
mod memory;
mod parity;
mod properties;
mod scene;
