//! Bytes for a serial port.

use std::io::{self, Write};
use std::time::Duration;

use serialport::SerialPort;

/// A serial port that is written to without waiting.
pub struct SerialSender(Box<dyn SerialPort>);

impl SerialSender {
    /// Opens a port for this process alone, with 8 data bits, no parity and one stop bit.
    ///
    /// # Errors
    /// There is no such port, or it cannot be used.
    pub fn open(port: &str, baud: u32) -> io::Result<Self> {
        // A port that takes nothing at once is a failure: what is written later would act too late.
        let port = serialport::new(port, baud).timeout(Duration::ZERO).open()?;
        Ok(Self(port))
    }

    /// Writes all bytes at once, 255 at most.
    ///
    /// # Errors
    /// The port is gone, or has not taken all of them.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => 0,
            taken => taken?,
        };
        match taken == bytes.len() {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("the port took {taken} of {} bytes", bytes.len()),
            )),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use serialport::TTYPort;

    use super::*;

    fn pair() -> (TTYPort, String) {
        let (controller, port) = TTYPort::pair().unwrap();
        let name = port.name().unwrap();
        (controller, name)
    }

    #[test]
    fn bytes_arrive_as_they_are() {
        let (mut controller, name) = pair();
        let mut sender = SerialSender::open(&name, 115_200).unwrap();
        controller.set_timeout(Duration::from_secs(60)).unwrap();
        let bytes: Vec<u8> = (0..=254).collect();
        sender.send(&bytes).unwrap();
        let mut read = vec![0; bytes.len()];
        controller.read_exact(&mut read).unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn a_port_that_is_gone_or_takes_nothing_is_an_error() {
        assert!(SerialSender::open("/dev/no-such-port", 9600).is_err());
        let (controller, name) = pair();
        let mut sender = SerialSender::open(&name, 115_200).unwrap();
        // Nothing reads: the buffers of the system fill up, and no call waits.
        let filled = (0..10_000).find_map(|_| sender.send(&[7; 255]).err());
        assert_eq!(
            filled.map(|error| error.kind()),
            Some(io::ErrorKind::WouldBlock)
        );
        drop(controller);
        let (controller, name) = pair();
        let mut sender = SerialSender::open(&name, 115_200).unwrap();
        drop(controller);
        let gone = sender.send(b"1").unwrap_err();
        assert_ne!(gone.kind(), io::ErrorKind::WouldBlock);
    }
}
