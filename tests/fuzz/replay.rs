// Included by the tests of the crates that have fuzz targets.

/// Runs the body of a fuzz target with each committed input.
fn replay(target: &str, body: fn(&[u8])) {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus");
    let folder = std::path::Path::new(corpus).join(target);
    let inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .collect();
    assert!(!inputs.is_empty(), "{} has no inputs", folder.display());
    for input in inputs {
        let path = input.expect("an entry of the folder").path();
        body(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
}
