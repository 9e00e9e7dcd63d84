//! Capture from files, the test pattern and GenICam cameras.

mod common;
mod damage;
mod field_cases;
mod files;
mod forms;
mod genicam;
mod kinds;
mod pattern;
mod pictures;
#[cfg(unix)]
mod pipes;
mod pixels;
