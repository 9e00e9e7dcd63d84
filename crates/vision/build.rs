//! Passes on which version of FFmpeg its bindings were built for.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ffmpeg_8)");
    println!("cargo::rerun-if-changed=build.rs");
    // Set by the build script of `ffmpeg-sys-the-third`.
    if env::var_os("DEP_FFMPEG_FFMPEG_8_0").is_some() {
        println!("cargo::rustc-cfg=ffmpeg_8");
    }
}
