//! Capture from files and the test pattern.

mod common;
mod field_cases;
mod files;
mod forms;
mod kinds;
mod pattern;
mod pixels;
