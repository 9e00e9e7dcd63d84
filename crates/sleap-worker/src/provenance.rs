//! What labels keep of the worker that made them.

use protocol::ModelInfo;

/// Names and values for the provenance of labels. `source`: the name of the video or camera.
pub(crate) fn provenance(source: &str, model: Option<&ModelInfo>) -> Vec<(String, String)> {
    let mut provenance = vec![
        ("source".to_owned(), source.to_owned()),
        (
            "sleap_worker_version".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
    ];
    if let Some(model) = model {
        for (key, value) in [
            ("model", &model.name),
            ("model_type", &model.kind),
            ("device", &model.device),
        ] {
            provenance.push((key.to_owned(), value.clone()));
        }
    }
    provenance
}
