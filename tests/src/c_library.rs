//! Stand-ins for libraries that the programs load, written in C.

use std::path::Path;
use std::process::Command;

/// Compiles `source` to the library `name` in `folder`; `definitions` are macros of the source, as `NAME=VALUE`.
pub(crate) fn build(folder: &Path, name: &str, source: &str, definitions: &[String]) {
    let file = folder.join("library.c");
    std::fs::write(&file, source).expect("the source is written");
    let definitions = definitions.iter().map(|it| format!("-D{it}"));
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(folder.join(name))
        .args(definitions)
        .arg(&file)
        .arg("-ldl")
        .status();
    assert!(built.expect("a C compiler").success(), "{source}");
}
