//! Passes on which version of FFmpeg its bindings were built for.

use std::env;

/// The versions that the code tells apart, with the variables that the build script of `ffmpeg-sys-the-third` sets.
const VERSIONS: [(&str, &str); 2] = [
    ("ffmpeg_7", "DEP_FFMPEG_FFMPEG_7_0"),
    ("ffmpeg_8", "DEP_FFMPEG_FFMPEG_8_0"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (name, variable) in VERSIONS {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if env::var_os(variable).is_some() {
            println!("cargo::rustc-cfg={name}");
        }
    }
}
