//! Integration tests of this crate that need no process of their own.

mod capture;
mod draw;
mod jpeg;
