//! Suggestions for a word with a typing error.

/// Names that are at least so similar are suggested.
const SIMILAR: f64 = 0.8;

/// The name that is most similar to a word, where one is similar enough.
pub fn nearest(word: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let names = names.into_iter();
    let rated = names.map(|name| (strsim::jaro_winkler(word, &name), name));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILAR).then_some(best.1)
}
