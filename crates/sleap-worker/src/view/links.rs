//! The links of the page, and how they are printed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use cli::terminal;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tracing::info;

use super::tls;

/// The links of the page: one for each address of this machine at which it is served.
#[derive(Debug)]
pub(super) struct PageLinks {
    links: Vec<String>,
    port: u16,
    /// SHA-256 of the certificate, where there is one.
    fingerprint: Option<String>,
}

impl PageLinks {
    /// The token follows `#`: browsers do not send that part of an address.
    pub(super) fn new(bound: SocketAddr, token: &str, fingerprint: Option<String>) -> Self {
        let scheme = if fingerprint.is_some() {
            "https"
        } else {
            "http"
        };
        let ips = match bound.ip().is_unspecified() {
            true => all_addresses(bound.is_ipv6(), link::own_addresses()),
            false => vec![bound.ip()],
        };
        let link = |ip| {
            let at = SocketAddr::new(ip, bound.port());
            format!("{scheme}://{at}/#{token}")
        };
        Self {
            links: ips.into_iter().map(link).collect(),
            port: bound.port(),
            fingerprint,
        }
    }

    /// Prints the links, and on a terminal a QR code. With `may_print_token` false and an output that is no
    /// terminal, the token is left out there, and the links are written to a private file.
    pub(super) fn announce(&self, may_print_token: bool) -> Result<()> {
        let prints_token = may_print_token || terminal::shows_output();
        if !prints_token {
            let folder = tls::folder().context(
                "the page's link cannot be kept: neither XDG_DATA_HOME nor a home folder is known",
            )?;
            self.keep(&folder.join(format!("link-{}", self.port)))?;
        }
        for link in &self.links {
            let shown = match prints_token {
                true => link,
                false => without_token(link),
            };
            terminal::tell(format_args!("view: {shown}"));
        }
        self.print_certificate();
        Ok(())
    }

    fn keep(&self, file: &Path) -> Result<()> {
        let kept = tls::keep(file, &(self.links.join("\n") + "\n"), are_links);
        kept.with_context(|| format!("cannot write the page's link to {}", file.display()))?;
        info!(file = %file.display(), "the page's links with their token are in this file");
        Ok(())
    }

    fn print_certificate(&self) {
        let Some(fingerprint) = &self.fingerprint else {
            return;
        };
        terminal::say(format_args!(
            "Each browser asks once about the page's certificate, SHA-256 {fingerprint}"
        ));
        if let (true, Some(code)) = (terminal::shows_errors(), self.code()) {
            terminal::say_lines(code.lines());
        }
    }

    /// The QR code of the first link, drawn with characters.
    fn code(&self) -> Option<String> {
        let code = QrCode::new(self.links.first()?).ok()?;
        // Cameras need dark on light; most terminals are light on dark.
        let drawn = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        Some(drawn)
    }
}

/// Whether a file is one that [`PageLinks::keep`] has written.
fn are_links(text: &str) -> bool {
    let is_link = |line: &str| line.starts_with("http") && line.contains("/#");
    !text.is_empty() && text.lines().all(is_link)
}

fn without_token(link: &str) -> &str {
    link.split('#').next().unwrap_or_default()
}

/// This machine's addresses. Loopback comes last, since other machines cannot reach it.
fn all_addresses(v6: bool, own: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = own.into_iter().filter(|ip| v6 || ip.is_ipv4()).collect();
    ips.sort_by_key(|ip| ip.is_ipv6());
    ips.push(Ipv4Addr::LOCALHOST.into());
    ips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_link_for_each_address() {
        let links = PageLinks::new("127.0.0.1:81".parse().unwrap(), "secret", None);
        assert_eq!(links.links, ["http://127.0.0.1:81/#secret"]);
        let links = PageLinks::new("[::1]:81".parse().unwrap(), "s", Some("ab".into()));
        assert_eq!(links.links, ["https://[::1]:81/#s"]);
        let own = ["fd00::7".parse().unwrap(), "10.0.0.7".parse().unwrap()];
        let texts = |v6| {
            all_addresses(v6, own.to_vec())
                .iter()
                .map(IpAddr::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(true), ["10.0.0.7", "fd00::7", "127.0.0.1"]);
        assert_eq!(texts(false), ["10.0.0.7", "127.0.0.1"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_kept_link_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("view/link-81");
        let links = PageLinks::new("127.0.0.1:81".parse().unwrap(), "token", None);
        links.keep(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, "http://127.0.0.1:81/#token\n");
        links.keep(&file).unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "precious").unwrap();
        assert!(links.keep(&other).is_err());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
        assert_eq!(without_token(text.trim()), "http://127.0.0.1:81/");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_code_is_square() {
        let links = PageLinks::new("127.0.0.1:8081".parse().unwrap(), "secret", None);
        let code = links.code().unwrap();
        let lines: Vec<&str> = code.lines().collect();
        let width = lines[0].chars().count();
        assert!(
            lines.len() * 2 >= width && lines.len() * 2 <= width + 1,
            "{code}"
        );
    }
}
