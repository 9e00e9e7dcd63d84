//! The checks that both programs have in common.

use std::{io::Write, num::NonZero, thread};

use link::UdpConfig;

use super::CheckReport;

/// Program, operating system and cores.
pub fn system<W: Write>(report: &mut CheckReport<W>, program: &str, version: &str) {
    report.ok(program, version);
    let os = std::fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| os_name(&text))
        .unwrap_or_else(|| std::env::consts::OS.to_owned());
    let arch = std::env::consts::ARCH;
    match thread::available_parallelism().map(NonZero::get) {
        Ok(1) => report.ok("system", format!("{os}, {arch}, 1 CPU core")),
        Ok(cores) => report.ok("system", format!("{os}, {arch}, {cores} CPU cores usable")),
        Err(_) => report.ok("system", format!("{os}, {arch}")),
    }
}

/// `Debian GNU/Linux 12 (bookworm)` of the file that names it.
fn os_name(os_release: &str) -> Option<String> {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}

/// What the kernel grants a connection's UDP sockets.
pub fn network<W: Write>(report: &mut CheckReport<W>) {
    const SUBJECT: &str = "UDP buffers";
    let wanted = UdpConfig::default().buffer_bytes;
    let granted = match link::granted_udp_buffers(wanted) {
        Ok(granted) => granted,
        Err(error) => {
            let advice = "streams need UDP: look at the firewall and at the sandbox, if any";
            return report.fail(SUBJECT, format!("no UDP socket: {error}"), advice);
        }
    };
    let (receive, send) = granted;
    let found = format!(
        "{} KiB to receive, {} KiB to send",
        receive >> 10,
        send >> 10
    );
    if receive.min(send) >= wanted {
        return report.ok(SUBJECT, found);
    }
    let advice = [
        format!("large frames arrive faster with {} KiB:", wanted >> 10),
        format!("sudo sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}"),
        "(in a file below /etc/sysctl.d to keep it)".to_owned(),
    ];
    report.warn(SUBJECT, found, advice);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_called_as_it_calls_itself() {
        let text = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
        let name = os_name(text);
        assert_eq!(name.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(os_name("ID=debian\n"), None);
    }
}
