//! TLS to a TURN server, with the certificate authorities that the system trusts.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls;

/// Encrypts `stream` and makes sure that the other end is `host` (a name or an address).
pub(super) async fn secure(stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other(format!("`{host}` cannot be in a certificate")))?;
    let settings = tls::settings().await?;
    TlsConnector::from(settings).connect(name, stream).await
}
