//! The links of the page, and how they are printed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use cli::terminal;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tracing::info;

use super::tls;
use super::tokens::{LinkKind, ViewLinks, ViewTokens};

/// The links of the page: for each kind, one for each address of this machine at which it is served.
pub(super) struct PageLinks {
    links: Vec<(LinkKind, String)>,
    port: u16,
    /// SHA-256 of the certificate, where there is one.
    fingerprint: Option<String>,
}

impl PageLinks {
    /// The token follows `#`: browsers do not send that part of an address.
    pub(super) fn new(
        bound: SocketAddr,
        tokens: &ViewTokens,
        served: ViewLinks,
        fingerprint: Option<String>,
    ) -> Self {
        let scheme = if fingerprint.is_some() {
            "https"
        } else {
            "http"
        };
        let ips = match bound.ip().is_unspecified() {
            true => all_addresses(bound.is_ipv6(), link::own_addresses()),
            false => vec![bound.ip()],
        };
        let link = |kind, ip: &IpAddr| {
            let at = SocketAddr::new(*ip, bound.port());
            (kind, format!("{scheme}://{at}/#{}", tokens.of(kind)))
        };
        let kinds = LinkKind::ALL
            .into_iter()
            .filter(|kind| kind.is_served(served));
        Self {
            links: kinds
                .flat_map(|kind| ips.iter().map(move |ip| link(kind, ip)))
                .collect(),
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
        for (kind, link) in &self.links {
            let shown = match prints_token {
                true => link,
                false => without_token(link),
            };
            terminal::tell(format_args!("{}: {shown}", printed_name(*kind)));
        }
        self.print_certificate();
        Ok(())
    }

    fn keep(&self, file: &Path) -> Result<()> {
        let lines = self.links.iter().map(|(_, link)| format!("{link}\n"));
        let kept = tls::keep(file, &lines.collect::<String>(), are_links);
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

    /// The QR code of the first link with which a phone can stream, or of the first one. Drawn with
    /// characters.
    fn code(&self) -> Option<String> {
        let streams = |(kind, _): &&(LinkKind, String)| *kind == LinkKind::Send;
        let link = self.links.iter().find(streams).or(self.links.first());
        let code = QrCode::new(&link?.1).ok()?;
        // Cameras need dark on light; most terminals are light on dark.
        let drawn = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        Some(drawn)
    }
}

/// The word in front of a link on standard output.
fn printed_name(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Look => "view",
        LinkKind::Send => "send",
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

    fn links(bound: &str, served: ViewLinks, fingerprint: Option<String>) -> PageLinks {
        let tokens = ViewTokens::load(None, false).unwrap();
        PageLinks::new(bound.parse().unwrap(), &tokens, served, fingerprint)
    }

    /// The addresses of the links, each with the kind of its token.
    fn heads(links: &PageLinks) -> Vec<&str> {
        let links = links.links.iter();
        let heads = links.filter_map(|(_, link)| Some(link.split_once('-')?.0));
        heads.collect()
    }

    #[test]
    fn there_is_a_link_of_each_kind_for_each_address() {
        let both = links("127.0.0.1:81", ViewLinks::Both, None);
        assert_eq!(
            heads(&both),
            ["http://127.0.0.1:81/#look", "http://127.0.0.1:81/#send"]
        );
        let look = links("[::1]:81", ViewLinks::Look, Some("ab".into()));
        assert_eq!(heads(&look), ["https://[::1]:81/#look"]);
        let send = links("[::1]:81", ViewLinks::Send, Some("ab".into()));
        assert_eq!(heads(&send), ["https://[::1]:81/#send"]);
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
    fn kept_links_are_in_a_private_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("view/link-81");
        let links = links("127.0.0.1:81", ViewLinks::Both, None);
        links.keep(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, [&links.links[0].1, &links.links[1].1]);
        links.keep(&file).unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "precious").unwrap();
        assert!(links.keep(&other).is_err());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
        assert_eq!(without_token(lines[0]), "http://127.0.0.1:81/");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_code_is_square() {
        let code = links("127.0.0.1:8081", ViewLinks::Both, None)
            .code()
            .unwrap();
        let lines: Vec<&str> = code.lines().collect();
        let width = lines[0].chars().count();
        assert!(
            lines.len() * 2 >= width && lines.len() * 2 <= width + 1,
            "{code}"
        );
    }
}
