//! Bytes in messages and files: URL-safe base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Without padding, as the Python peers write it; padding is read.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn encode(data: &[u8]) -> String {
    ENGINE.encode(data)
}

/// `None` for what is not base64. `+` and `/` stand for `-` and `_`, as Python reads them.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text.replace('+', "-").replace('/', "_")).ok()
}

/// Exactly `N` bytes.
pub(super) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}
