//! What the fuzz target does with its input (`tests/fuzz`). The tests replay the committed inputs.

pub use crate::zmq::fuzzing::subscriber;

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn subscribers_of_the_corpus() {
        let corpus =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/subscriber");
        let inputs: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(!inputs.is_empty());
        for input in inputs {
            super::subscriber(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }
}
