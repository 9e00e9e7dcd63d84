//! Capture from files and the test pattern.

mod common;
mod files;
mod pattern;
