//! Where people find the page.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The page's links, one for each address of this machine that it is served at.
#[derive(Debug)]
pub(super) struct Links {
    links: Vec<String>,
    /// SHA-256 of the certificate, where there is one.
    fingerprint: Option<String>,
}

impl Links {
    /// The token stands behind `#`, which browsers keep to themselves.
    pub(super) fn new(bound: SocketAddr, token: &str, fingerprint: Option<String>) -> Self {
        let scheme = if fingerprint.is_some() {
            "https"
        } else {
            "http"
        };
        let ips = match bound.ip().is_unspecified() {
            true => everywhere(bound.is_ipv6(), link::own_addresses()),
            false => vec![bound.ip()],
        };
        let link = |ip| {
            let at = SocketAddr::new(ip, bound.port());
            format!("{scheme}://{at}/#{token}")
        };
        Self {
            links: ips.into_iter().map(link).collect(),
            fingerprint,
        }
    }

    /// Prints the links for people and scripts, and for phones a code on a terminal.
    pub(super) fn print(&self) {
        let mut stdout = std::io::stdout();
        for link in &self.links {
            // A closed standard output is no reason to stop serving.
            let _ = writeln!(stdout, "view: {link}");
        }
        let _ = stdout.flush();
        let Some(fingerprint) = &self.fingerprint else {
            return;
        };
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "Browsers ask once about the page's certificate, SHA-256 {fingerprint}"
        );
        if let (true, Some(code)) = (stderr.is_terminal(), self.code()) {
            let _ = writeln!(stderr, "{code}");
        }
    }

    /// The first link as a picture of characters.
    fn code(&self) -> Option<String> {
        let code = QrCode::new(self.links.first()?).ok()?;
        // Cameras want dark on light, whatever the terminal's colours are: most are dark.
        let drawn = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        Some(drawn)
    }
}

/// This machine's addresses; other machines reach those that are not loopback, so these come first.
fn everywhere(v6: bool, own: Vec<IpAddr>) -> Vec<IpAddr> {
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
        let links = Links::new("127.0.0.1:81".parse().unwrap(), "secret", None);
        assert_eq!(links.links, ["http://127.0.0.1:81/#secret"]);
        let links = Links::new("[::1]:81".parse().unwrap(), "s", Some("ab".into()));
        assert_eq!(links.links, ["https://[::1]:81/#s"]);
        let own = ["fd00::7".parse().unwrap(), "10.0.0.7".parse().unwrap()];
        let texts = |v6| {
            everywhere(v6, own.to_vec())
                .iter()
                .map(IpAddr::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(true), ["10.0.0.7", "fd00::7", "127.0.0.1"]);
        assert_eq!(texts(false), ["10.0.0.7", "127.0.0.1"]);
    }

    #[test]
    fn the_code_is_square() {
        let links = Links::new("127.0.0.1:8081".parse().unwrap(), "secret", None);
        let code = links.code().unwrap();
        let lines: Vec<&str> = code.lines().collect();
        let width = lines[0].chars().count();
        assert!(
            lines.len() * 2 >= width && lines.len() * 2 <= width + 1,
            "{code}"
        );
    }
}
