//! `--rules`: what is switched, what is written down, and what is left on: nothing.

mod lsl;
mod refused;
mod several;
mod switching;

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use e2e::{Client, Place, Worker, demo, events, text};
use serde_json::Value;

pub(crate) fn model() -> String {
    text(&demo("model"))
}

/// Pixels of the demonstration's video: the right half.
const ZONE: [f64; 4] = [256.0, 0.0, 512.0, 384.0];

/// A file of rules: the nose in the right half switches a port, and sends events and bytes over UDP.
pub(crate) fn rules(
    place: &Place,
    more: &str,
    port: &str,
    switched: &UdpSocket,
    informed: &UdpSocket,
) -> String {
    let [left, top, right, bottom] = ZONE;
    let address = |socket: &UdpSocket| socket.local_addr().unwrap();
    let text = format!(
        "{more}\n[zone.half]\nrectangle = [{left}, {top}, {right}, {bottom}]\n\
         [output.light]\nserial = \"{port}\"\non = \"1\"\noff = \"0\"\n\
         [output.laser]\nto = \"udp://{}\"\non = \"on\"\noff = \"off\"\n\
         [output.log]\nto = \"udp://{}\"\n\
         [rule.in_half]\nwhen = {{ node = \"nose\", in = \"half\" }}\ndo = [\"light\", \"laser\", \"log\"]\n",
        address(switched),
        address(informed),
    );
    place.write("rules.toml", text.as_bytes())
}

pub(crate) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Only so that a test that fails does not wait for ever.
    socket
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    socket
}

pub(crate) fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let bytes = socket.recv(&mut buffer).expect("a datagram");
    buffer[..bytes].to_vec()
}

/// A pseudo-terminal in place of a serial port: the end of the apparatus, and the port's name.
#[cfg(unix)]
pub(crate) struct Port {
    controller: serialport::TTYPort,
    pub(crate) name: String,
    /// Without a process that has the port open, reading at the other end is an error.
    _port: serialport::TTYPort,
}

#[cfg(unix)]
impl Port {
    pub(crate) fn open() -> Self {
        use serialport::SerialPort;
        let (controller, port) = serialport::TTYPort::pair().unwrap();
        // Copies, which programs that are started do not inherit.
        let (copy, own) = (controller.try_clone_native(), port.try_clone_native());
        let name = port.name().unwrap();
        drop((controller, port));
        let (mut controller, port) = (copy.unwrap(), own.unwrap());
        // Only so that a test that fails does not wait for ever.
        controller.set_timeout(Duration::from_secs(120)).unwrap();
        Self {
            controller,
            name,
            _port: port,
        }
    }

    /// So many bytes that were sent to the port.
    pub(crate) fn read(&mut self, bytes: usize) -> String {
        use std::io::Read;
        let mut read = vec![0; bytes];
        self.controller.read_exact(&mut read).unwrap();
        String::from_utf8(read).unwrap()
    }
}

/// Frames at which the nose of saved poses enters (true) or leaves (false) the zone.
pub(crate) fn crossings(predictions: &[Value]) -> Vec<(u64, bool)> {
    let [left, top, right, bottom] = ZONE;
    let mut inside = false;
    let mut found = Vec::new();
    for prediction in predictions {
        let nose = &prediction["instances"][0][0];
        let [x, y] = [0, 1].map(|axis| nose[axis].as_f64());
        let is_inside = x
            .zip(y)
            .is_some_and(|(x, y)| (left..=right).contains(&x) && (top..=bottom).contains(&y));
        if is_inside != inside {
            inside = is_inside;
            found.push((prediction["frame_id"].as_u64().unwrap(), inside));
        }
    }
    found
}

/// The rows of a file of events, as `frame edge cause`.
pub(crate) fn rows(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[2], cells.len()), ("in_half", 8), "{line}");
        let (captured, acted) = (cells[5].parse::<u64>(), cells[6].parse::<u64>());
        assert!(captured.unwrap() < acted.unwrap(), "{line}");
        format!("{} {} {}", cells[0], cells[3], cells[4])
    });
    rows.collect()
}

/// A rule that is in effect as soon as there is an animal.
#[cfg(unix)]
pub(crate) fn while_present(place: &Place, silence: u32, port: &str) -> String {
    let text = format!(
        "silence = {silence}\n[output.light]\nserial = \"{port}\"\non = \"1\"\noff = \"0\"\n\
         [rule.in_half]\nwhen = {{ present = true }}\ndo = \"light\"\n"
    );
    place.write("rules.toml", text.as_bytes())
}
