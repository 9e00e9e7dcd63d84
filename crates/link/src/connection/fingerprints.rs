//! Which certificates the two sides of a connection use.

use ring::digest::{SHA256, digest};
use webrtc::peer_connection::PeerConnection;

use super::error::ConnectionError;

/// SHA-256 of a certificate in DER form.
pub(crate) type Fingerprint = [u8; 32];

/// Of the certificates that the two sides of a connection use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprints {
    pub(crate) local: Fingerprint,
    pub(crate) remote: Fingerprint,
}

impl Fingerprints {
    /// The fingerprint of one certificate.
    pub(crate) fn of(certificate: &[u8]) -> Fingerprint {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
        fingerprint
    }
}

/// Fingerprints of the certificates of the DTLS handshake, which must be over: this side's as the
/// library announces it (it uses the certificate that it announces), the other's computed from the
/// certificate that was received and whose key signed the handshake.
pub(super) async fn of(connection: &dyn PeerConnection) -> Result<Fingerprints, ConnectionError> {
    let description = connection.local_description().await;
    let local = description.and_then(|it| announced(&it.sdp));
    let remote = match connection.sctp().await {
        Some(sctp) => sctp.transport().get_remote_certificates().await.ok(),
        None => None,
    };
    let remote = remote.and_then(|chain| chain.first().map(|it| Fingerprints::of(it)));
    match (local, remote) {
        (Some(local), Some(remote)) => Ok(Fingerprints { local, remote }),
        _ => Err(ConnectionError::Dtls),
    }
}

/// The SHA-256 fingerprint of a description (RFC 8122).
fn announced(sdp: &str) -> Option<Fingerprint> {
    let mut lines = sdp.lines();
    let hex = lines.find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "))?;
    let mut fingerprint = Fingerprint::default();
    let mut octets = hex.trim().split(':');
    for place in &mut fingerprint {
        *place = u8::from_str_radix(octets.next()?, 16).ok()?;
    }
    octets.next().is_none().then_some(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_one_certificate_of_32_bytes() {
        let octets = vec!["aB"; 32].join(":");
        let sdp = format!("v=0\r\na=fingerprint:sha-256 {octets}\r\n");
        assert_eq!(announced(&sdp), Some([0xab; 32]));
        for hex in [
            "",
            "AB:CD",
            &format!("{octets}:00"),
            &octets.replace('B', "x"),
        ] {
            let sdp = format!("a=fingerprint:sha-256 {hex}\r\n");
            assert_eq!(announced(&sdp), None, "{hex}");
        }
        assert_eq!(announced("a=fingerprint:sha-1 AB\r\n"), None);
    }
}
