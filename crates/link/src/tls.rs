//! TLS with the certificate authorities that the system trusts.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Read once. A system without any authority is asked again: it may be repaired.
pub(crate) async fn settings() -> io::Result<Arc<ClientConfig>> {
    // Reads files.
    tokio::task::spawn_blocking(trusting_the_system)
        .await
        .map_err(io::Error::other)?
}

fn trusting_the_system() -> io::Result<Arc<ClientConfig>> {
    static SETTINGS: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);
    let mut settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(settings) = &*settings {
        return Ok(settings.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry old authorities that no longer parse; the others count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = match found.errors.first() {
            Some(error) => error.to_string(),
            None => "install ca-certificates, or name a file in SSL_CERT_FILE".to_owned(),
        };
        let message = format!("this system trusts no certificate authority: {reason}");
        return Err(io::Error::other(message));
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let built = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(settings.insert(Arc::new(built)).clone())
}
