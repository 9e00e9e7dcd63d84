//! Capture from files and the test pattern.

mod common;
mod damage;
mod field_cases;
mod files;
mod forms;
mod kinds;
mod pattern;
mod pictures;
#[cfg(unix)]
mod pipes;
mod pixels;
