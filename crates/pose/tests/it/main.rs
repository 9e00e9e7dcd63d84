//! Integration tests of this crate, one program: linking costs more than running.

mod common;
mod fixtures;
mod kinds;
mod limits;
mod load_errors;
mod parity;
mod refine;
mod refine_demo;
mod toys;
