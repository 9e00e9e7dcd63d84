//! The token that a server asks for.

use std::path::Path;

use tonic::metadata::{Ascii, MetadataValue};

use crate::{error::StartError, model_url::ModelUrl};

/// The longest file of a token.
const MAX_BYTES: u64 = 64 << 10;

/// Reads the token in `file`, as the value of the header `authorization`.
pub(crate) fn read(url: &ModelUrl, file: &Path) -> Result<MetadataValue<Ascii>, StartError> {
    let problem = |problem: String| StartError::Token {
        file: file.to_owned(),
        problem,
    };
    if !url.is_encrypted() && !url.is_loopback() {
        let reason = "would be sent unencrypted to another machine: use grpcs://";
        return Err(problem(reason.to_owned()));
    }
    let text = atomic_file::read_text(file, MAX_BYTES)
        .map_err(|error| problem(format!("cannot be read: {error}")))?;
    let token = text.trim();
    let is_plain = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || !is_plain(token) {
        return Err(problem(
            "does not hold one token: a line without spaces is expected".to_owned(),
        ));
    }
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}")
        .parse()
        .map_err(|_| problem("does not hold a token".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_stays_on_encrypted_ways() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let read_from = |url: &str, text: &[u8]| {
            std::fs::write(&file, text).unwrap();
            read(&url.parse().unwrap(), &file).map_err(|error| error.to_string())
        };
        for url in ["grpcs://gpu.lab/m", "grpc://127.0.0.1/m"] {
            let value = read_from(url, b"eyJ.abc-_\n").unwrap();
            assert_eq!(value.to_str().unwrap(), "Bearer eyJ.abc-_");
            assert!(!format!("{value:?}").contains("eyJ"), "it is not shown");
        }
        let error = read_from("grpc://gpu.lab/m", b"eyJ").unwrap_err();
        assert!(error.contains("grpcs://"), "{error}");
        for text in [
            &b""[..],
            b"\n",
            b"two words",
            b"a\nb",
            b"caf\xc3\xa9",
            b"\xff",
        ] {
            let error = read_from("grpcs://gpu.lab/m", text).unwrap_err();
            assert!(error.contains("token"), "{error}");
        }
        let missing = read(&"grpcs://gpu/m".parse().unwrap(), Path::new("/nowhere"));
        assert!(missing.unwrap_err().to_string().contains("/nowhere"));
    }
}
