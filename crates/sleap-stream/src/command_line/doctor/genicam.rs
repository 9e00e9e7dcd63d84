//! What this machine has for GenICam cameras: the library, buffers, MTU and permissions.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cli::doctor::CheckReport;
use vision::cameras::{self, GenICamCamera};

/// The buffer of a socket that holds some frames of a camera.
const WANTED_BUFFER: u64 = 16 << 20;

/// Packets of this size are jumbo frames.
const JUMBO: u32 = 9000;

/// What lets users open a USB3 Vision camera.
const USB_ADVICE: &str = "let users open it with a rule in /etc/udev/rules.d/80-cameras.rules: SUBSYSTEM==\"usb\", \
     ATTRS{idVendor}==\"VENDOR\", MODE=\"0666\" (VENDOR: the first four digits of the ID that lsusb shows), then plug it in \
     again";

pub(super) fn check(report: &mut CheckReport<impl Write>) {
    const SUBJECT: &str = "GenICam cameras";
    match cameras::genicam_library() {
        Ok(version) => report.ok(SUBJECT, format!("Aravis {version}")),
        Err(missing) => {
            report.absent(SUBJECT, missing.to_string(), "other cameras need no Aravis");
            return;
        }
    }
    let found = cameras::genicam().unwrap_or_default();
    for camera in &found {
        described(report, camera);
    }
    if found.iter().any(|camera| camera.protocol == "GigEVision") {
        socket_buffers(report, Path::new("/proc/sys/net/core/rmem_max"));
        packets(report, Path::new("/sys/class/net"));
    }
    for device in refused(Path::new("/sys/bus/usb/devices"), Path::new("/dev/bus/usb")) {
        let found = format!("no permission to open {}", device.display());
        report.warn("  USB3 Vision", found, USB_ADVICE);
    }
}

fn described(report: &mut CheckReport<impl Write>, camera: &GenICamCamera) {
    let subject = format!("  genicam:{}", camera.key);
    let name = format!("{} {}, {}", camera.vendor, camera.model, camera.protocol);
    match &camera.problem {
        None => report.ok(&subject, name),
        Some(problem) => report.warn(&subject, format!("{name}: {problem}"), ""),
    }
}

/// Whether a socket may hold some frames, so that none is lost while the program does something else.
fn socket_buffers(report: &mut CheckReport<impl Write>, file: &Path) {
    const SUBJECT: &str = "  socket buffers";
    let Some(bytes) = number(file) else { return };
    let found = format!("{} KiB", bytes >> 10);
    if bytes >= WANTED_BUFFER {
        return report.ok(SUBJECT, found);
    }
    let advice = [
        "large frames of a camera in the network lose packets:".to_owned(),
        format!("sudo sysctl -w net.core.rmem_max={WANTED_BUFFER}"),
        "(in a file below /etc/sysctl.d to keep it)".to_owned(),
    ];
    report.warn(SUBJECT, found, advice);
}

/// Whether the networks carry large packets.
fn packets(report: &mut CheckReport<impl Write>, folder: &Path) {
    for (name, mtu) in mtus(folder) {
        let subject = format!("  MTU of {name}");
        match mtu >= JUMBO {
            true => report.ok(&subject, format!("{mtu} bytes")),
            false => report.absent(
                &subject,
                format!("{mtu} bytes"),
                format!(
                    "if a camera is there, jumbo frames cost less: sudo ip link set {name} mtu {JUMBO}, where camera and \
                     switch have them"
                ),
            ),
        }
    }
}

/// The network interfaces that are up, with the largest packets that they carry.
fn mtus(folder: &Path) -> Vec<(String, u32)> {
    let interface = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let state = fs::read_to_string(entry.path().join("operstate")).ok()?;
        let mtu = number(&entry.path().join("mtu"))?;
        let is_up = name != "lo" && state.trim() == "up";
        Some((name, u32::try_from(mtu).ok()?)).filter(|_| is_up)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut mtus: Vec<_> = entries.filter_map(interface).collect();
    mtus.sort();
    mtus
}

/// The USB3 Vision cameras that this user may not open.
fn refused(devices: &Path, files: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(devices).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let interface = entry.path();
        let field = |name: &str| fs::read_to_string(interface.join(name)).ok();
        // The class of USB3 Vision: miscellaneous, 5, 0.
        let is_camera =
            field("bInterfaceClass")?.trim() == "ef" && field("bInterfaceSubClass")?.trim() == "05";
        let device = entry.file_name().into_string().ok()?;
        let device = devices.join(device.split(':').next()?);
        let bus = number(&device.join("busnum")).filter(|_| is_camera)?;
        let number = number(&device.join("devnum"))?;
        Some(files.join(format!("{bus:03}")).join(format!("{number:03}")))
    };
    let is_refused = |file: &PathBuf| {
        let opened = OpenOptions::new().read(true).write(true).open(file);
        opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    let mut found: Vec<PathBuf> = entries.filter_map(file).filter(is_refused).collect();
    found.sort();
    found.dedup();
    found
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }

    #[test]
    fn interfaces_that_are_up_tell_their_mtu() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("eth0/mtu", "1500\n"),
            ("eth0/operstate", "up\n"),
            ("cam0/mtu", "9000\n"),
            ("cam0/operstate", "up\n"),
            ("eth1/mtu", "1500\n"),
            ("eth1/operstate", "down\n"),
            ("lo/mtu", "65536\n"),
            ("lo/operstate", "up\n"),
            ("odd/mtu", "many\n"),
            ("odd/operstate", "up\n"),
        ];
        write(folder.path(), &files);
        let expected = [("cam0".to_owned(), 9000), ("eth0".to_owned(), 1500)];
        assert_eq!(mtus(folder.path()), expected);
        assert!(mtus(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn small_buffers_come_with_the_command_that_raises_them() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[("small", "212992\n"), ("large", "33554432\n")],
        );
        let text = |name: &str| {
            let mut out = Vec::new();
            let mut report = CheckReport::new(&mut out, false);
            socket_buffers(&mut report, &folder.path().join(name));
            drop(report);
            String::from_utf8(out).unwrap()
        };
        assert!(text("small").contains("sysctl -w net.core.rmem_max=16777216"));
        assert!(!text("large").contains("sysctl"));
    }

    #[cfg(unix)]
    #[test]
    fn usb_cameras_are_found_by_their_class() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("devices/1-2/busnum", "1\n"),
            ("devices/1-2/devnum", "7\n"),
            ("devices/1-2:1.0/bInterfaceClass", "ef\n"),
            ("devices/1-2:1.0/bInterfaceSubClass", "05\n"),
            ("devices/1-3:1.0/bInterfaceClass", "08\n"),
            ("files/001/007", ""),
        ];
        write(folder.path(), &files);
        let refused = || refused(&folder.path().join("devices"), &folder.path().join("files"));
        assert!(refused().is_empty());
        let file = folder.path().join("files/001/007");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        // Root may open everything.
        let is_root = OpenOptions::new().write(true).open(&file).is_ok();
        assert_eq!(refused().len(), usize::from(!is_root));
    }
}
