//! Integration tests of this crate, one program: linking costs more than running.

mod killed;
mod videos;
