//! Options of several cameras at a time.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::command_line::values::tolerance;

/// The longest name of a camera.
const MAX_NAME_CHARS: usize = 64;

/// Options of several cameras at a time.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SeveralCamerasArgs {
    /// Name of a camera, where there are several: for files, messages and the worker.
    ///
    /// Repeated for each, in the order of --webcam, then --camera; else in that of the sources. Without names they are called
    /// after their sources.
    #[arg(long, value_name = "NAME", value_parser = camera_name, help_heading = "Input")]
    pub camera_name: Vec<String>,

    /// Time within which frames of several cameras belong to one moment (default: half the time between two frames).
    ///
    /// Of a moment each camera has one frame at most. Outputs have its number, and FILE-moments.csv all frames of each.
    #[arg(long, value_name = "MS", value_parser = tolerance, help_heading = "Input")]
    pub sync_tolerance: Option<Duration>,
}

/// A name that can be a part of a file's name everywhere.
fn camera_name(text: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || text.len() > MAX_NAME_CHARS || !text.chars().all(is_plain) {
        bail!(
            "a camera's name is a part of files' names: up to {MAX_NAME_CHARS} letters a to z, digits, and . - _ after the \
             first one"
        );
    }
    Ok(text.to_owned())
}

/// A source's name as the name of a camera.
pub(super) fn plain(source: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') => c,
        _ => '_',
    };
    let name: String = source.chars().map(plain).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    match &name[..name.len().min(MAX_NAME_CHARS)] {
        "" => "camera".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_the_names_of_files() {
        for name in ["back", "cam.2", "A-b_c", "0"] {
            assert_eq!(camera_name(name).unwrap(), name);
        }
        let long = "x".repeat(MAX_NAME_CHARS + 1);
        for name in ["", ".", "..", "a/b", "-o", "é", "a b", "=1", &long] {
            assert!(camera_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_of_sources_become_names_of_cameras() {
        let long = "y".repeat(200);
        for (source, name) in [
            ("rtsp://cam/1?x=*", "rtsp___cam_1_x__"),
            ("../a.mp4", "a.mp4"),
            ("é", "camera"),
            ("", "camera"),
            ("Fake_1", "Fake_1"),
            (&long, &long[..MAX_NAME_CHARS]),
        ] {
            assert_eq!(plain(source), name);
            assert!(camera_name(&plain(source)).is_ok());
        }
    }
}
