//! The page's certificate: self-signed, made once and kept, so that each browser asks about it once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{ServerConfig, crypto};
use tracing::{debug, warn};

/// Certificate and key, in one file: neither is usable without the other.
const FILE: &str = "identity.pem";
/// The certificate's subject, as browsers show it.
const SUBJECT: &str = "sleap-stream live view";
/// Phones refuse certificates that are valid for longer than 825 days; a new one is made before the end.
const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(800 * 24 * 60 * 60);
const CERTIFICATE_RENEWAL: Duration = Duration::from_secs(700 * 24 * 60 * 60);

/// A certificate, ready for TLS.
pub(super) struct PageCertificate {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, as browsers show it: `AB:CD:..`.
    pub(super) fingerprint: String,
}

/// The kept certificate for a page at `listen`, or a new one. A new one that cannot be kept is used with
/// a warning.
///
/// # Errors
/// No certificate can be made.
pub(super) fn load_or_make(listen: IpAddr) -> Result<PageCertificate> {
    let addresses = addresses(listen);
    let path = folder().map(|dir| dir.join(FILE));
    if let Some(tls) = path.as_deref().and_then(|path| load(path, &addresses)) {
        return Ok(tls);
    }
    let pem = make(&addresses)?;
    let kept = match &path {
        Some(path) => keep(path, &pem, is_made_here)
            .with_context(|| format!("cannot write {}", path.display())),
        None => Err(anyhow::anyhow!(
            "neither XDG_DATA_HOME nor a home folder is known"
        )),
    };
    if let Err(error) = kept {
        warn!(
            "the page's certificate cannot be kept, so browsers ask about it after each start: {error:#}"
        );
    }
    tls(&pem)
}

/// The addresses at which browsers may open the page.
fn addresses(listen: IpAddr) -> Vec<IpAddr> {
    let mut addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    addresses.extend(link::own_addresses());
    if !listen.is_unspecified() && !addresses.contains(&listen) {
        addresses.push(listen);
    }
    addresses
}

/// `view` in the user's data folder. Without HOME the home folder comes from the system's user database.
pub(super) fn folder() -> Option<PathBuf> {
    Some(cli::data_folder_of(std::env::home_dir())?.join("view"))
}

/// The kept certificate, unless it is missing, old, damaged, or for other addresses.
fn load(path: &Path, addresses: &[IpAddr]) -> Option<PageCertificate> {
    let made = std::fs::metadata(path).ok()?.modified().ok()?;
    if made.elapsed().is_ok_and(|age| age > CERTIFICATE_RENEWAL) {
        return None;
    }
    let pem = std::fs::read_to_string(path).ok()?;
    let usable = tls(&pem).and_then(|tls| Ok((tls, names_all(&pem, addresses)?)));
    match usable {
        Ok((tls, true)) => Some(tls),
        Ok((_, false)) => {
            debug!("this machine has new addresses: the page gets a new certificate");
            None
        }
        Err(error) => {
            warn!("the page's certificate cannot be used: {error:#}");
            None
        }
    }
}

/// Whether the certificate names all of these addresses. IPv6 addresses are not required: systems change
/// them every day.
fn names_all(pem: &str, addresses: &[IpAddr]) -> Result<bool> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let certificate = ParsedCertificate::try_from(&der)?;
    let is_named = |ip: &IpAddr| {
        let name = ServerName::IpAddress((*ip).into());
        verify_server_name(&certificate, &name).is_ok()
    };
    Ok(addresses.iter().filter(|ip| ip.is_ipv4()).all(is_named))
}

/// A new certificate and its key.
fn make(addresses: &[IpAddr]) -> Result<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(addresses.iter().map(IpAddr::to_string));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    // Required by Apple's browsers.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now;
    params.not_after = epoch + now + CERTIFICATE_LIFETIME;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// Writes the file at once, so that another worker never reads a partial one. Its mode is 0600.
///
/// # Errors
/// It cannot be written, or a file is there that no worker has written (`is_own`).
pub(super) fn keep(path: &Path, text: &str, is_own: impl Fn(&str) -> bool) -> Result<()> {
    match atomic_file::write_private(path, text.as_bytes(), false) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        written => return Ok(written?),
    }
    // A symbolic link is never replaced.
    let is_file = std::fs::symlink_metadata(path)?.is_file();
    if !is_file || !std::fs::read_to_string(path).is_ok_and(|there| is_own(&there)) {
        bail!("the file there was not made by sleap-worker: move it away");
    }
    Ok(atomic_file::write_private(path, text.as_bytes(), true)?)
}

/// Whether a file was made by [`make`], however old.
fn is_made_here(pem: &str) -> bool {
    let subject = |der: CertificateDer<'_>| {
        let name = SUBJECT.as_bytes();
        der.windows(name.len()).any(|bytes| bytes == name)
    };
    CertificateDer::from_pem_slice(pem.as_bytes()).is_ok_and(subject)
}

/// # Errors
/// There is no certificate, no key, or they do not belong together.
fn tls(pem: &str) -> Result<PageCertificate> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())?;
    let fingerprint = fingerprint(&certificate);
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(PageCertificate {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        fingerprint,
    })
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let bytes: Vec<String> = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<IpAddr> {
        addresses(Ipv4Addr::UNSPECIFIED.into())
    }

    #[test]
    fn a_certificate_is_kept_in_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("view").join(FILE);
        assert!(load(&path, &own()).is_none());
        let pem = make(&own()).unwrap();
        keep(&path, &pem, is_made_here).unwrap();
        let made = tls(&pem).unwrap().fingerprint;
        assert_eq!(load(&path, &own()).unwrap().fingerprint, made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        keep(&path, &make(&own()).unwrap(), is_made_here).unwrap();
        assert_ne!(load(&path, &own()).unwrap().fingerprint, made, "over it");
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_unusable_certificate_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let pem = make(&own()).unwrap();
        keep(&path, &pem, is_made_here).unwrap();
        let with = |ip: &str| addresses(ip.parse().unwrap());
        assert!(load(&path, &own()).is_some());
        assert!(load(&path, &with("192.0.2.77")).is_none(), "a new address");
        assert!(load(&path, &with("2001:db8::77")).is_some());
        let key = pem.find("-----BEGIN PRIVATE KEY").unwrap();
        let other = make(&own()).unwrap();
        let other_key = &other[other.find("-----BEGIN PRIVATE KEY").unwrap()..];
        for damaged in [
            String::new(),
            "nonsense".into(),
            pem[..key].into(),
            pem[key..].into(),
            pem[..key].to_owned() + other_key,
        ] {
            std::fs::write(&path, &damaged).unwrap();
            assert!(load(&path, &own()).is_none(), "{damaged}");
        }
    }

    #[test]
    fn files_of_others_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let pem = make(&own()).unwrap();
        for other in ["", "-----BEGIN PRIVATE KEY-----\nmine\n", "notes"] {
            std::fs::write(&path, other).unwrap();
            let error = keep(&path, &pem, is_made_here).unwrap_err().to_string();
            assert!(error.contains("not made by sleap-worker"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
        // A certificate of a worker is recognized without its key.
        let key = pem.find("-----BEGIN PRIVATE KEY").unwrap();
        std::fs::write(&path, &pem[..key]).unwrap();
        keep(&path, &pem, is_made_here).unwrap();
        assert!(load(&path, &own()).is_some());
    }

    #[test]
    fn this_machine_is_named_by_loopback_too() {
        let pem = make(&own()).unwrap();
        assert!(names_all(&pem, &["127.0.0.1".parse().unwrap()]).unwrap());
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let certificate = ParsedCertificate::try_from(&der).unwrap();
        for name in ["localhost", "::1"] {
            let name = ServerName::try_from(name).unwrap();
            assert!(verify_server_name(&certificate, &name).is_ok(), "{name:?}");
        }
        let name = ServerName::try_from("example.org").unwrap();
        assert!(verify_server_name(&certificate, &name).is_err());
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
