//! The page's certificate: this machine's own, made once and kept, so that a phone asks only once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

const CERTIFICATE: &str = "certificate.der";
const KEY: &str = "key.der";
/// Phones refuse certificates that are good for longer than 825 days; a new one is made before.
const LIFE: Duration = Duration::from_secs(800 * 24 * 60 * 60);
const RENEWAL: Duration = Duration::from_secs(700 * 24 * 60 * 60);

/// What TLS needs.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, as browsers show it: `AB:CD:..`.
    pub(super) fingerprint: String,
}

/// The certificate that this machine has, or a new one.
///
/// # Errors
/// The folder for it cannot be used, or what is in it is no certificate and key.
pub(super) fn load_or_make() -> Result<Tls> {
    let dir = folder().context("there is no home folder to keep it in (set XDG_DATA_HOME)")?;
    let (certificate, key) = match load(&dir) {
        Some(found) => found,
        None => make(&dir).with_context(|| format!("cannot keep one in {}", dir.display()))?,
    };
    let fingerprint = fingerprint(&certificate);
    let provider = Arc::new(crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key)
        .with_context(|| format!("remove {} and start again", dir.display()))?;
    Ok(Tls {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        fingerprint,
    })
}

/// `$XDG_DATA_HOME/sleap-stream/view`, or the same in `~/.local/share`.
fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let data = set("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")))?;
    Some(data.join("sleap-stream/view"))
}

/// Certificate and key, unless they are missing or old.
fn load(dir: &Path) -> Option<(Vec<u8>, Vec<u8>)> {
    let file = dir.join(CERTIFICATE);
    let made = std::fs::metadata(&file).ok()?.modified().ok()?;
    if made.elapsed().is_ok_and(|age| age > RENEWAL) {
        return None;
    }
    Some((
        std::fs::read(file).ok()?,
        std::fs::read(dir.join(KEY)).ok()?,
    ))
}

fn make(dir: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(link::own_addresses().iter().map(|ip| ip.to_string()));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    let words = "sleap-stream live view";
    params.distinguished_name.push(DnType::CommonName, words);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now;
    params.not_after = epoch + now + LIFE;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.der().to_vec();
    let key = key.serialize_der();
    std::fs::create_dir_all(dir)?;
    // The key first: a certificate without it is never found.
    write_private(&dir.join(KEY), &key)?;
    std::fs::write(dir.join(CERTIFICATE), &certificate)?;
    Ok((certificate, key))
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, data: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    options.open(path)?.write_all(data)
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = Sha256::digest(certificate);
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("view");
        assert!(load(&dir).is_none());
        let made = make(&dir).unwrap();
        assert_eq!(load(&dir).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.join(KEY))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_ne!(make(&dir).unwrap(), made, "made anew over the old one");
    }

    #[test]
    fn fingerprints_are_as_browsers_show_them() {
        let text = fingerprint(b"");
        assert!(
            text.starts_with("E3:B0:C4:42:") && text.len() == 95,
            "{text}"
        );
    }
}
