//! What the fuzz target does with its input (`tests/fuzz`). The tests replay the committed inputs.

pub use crate::zmq::fuzzing::subscriber;

#[cfg(test)]
mod tests {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn subscribers_of_the_corpus() {
        replay("subscriber", super::subscriber);
    }
}
