//! TLS with the certificate authorities that the system trusts.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Encrypts a connection with TLS, and makes sure that the other end is `host` (a name or an address).
///
/// # Errors
/// The other end has no certificate for this host that the system trusts, or does not use TLS.
pub async fn encrypted(
    stream: TcpStream,
    host: &str,
) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
    secure(stream, host).await
}

/// As [`encrypted`], for this crate.
pub(crate) async fn secure(stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other(format!("`{host}` cannot be in a certificate")))?;
    let settings = settings().await?;
    TlsConnector::from(settings).connect(name, stream).await
}

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
