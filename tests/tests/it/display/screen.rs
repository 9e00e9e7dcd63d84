//! An X server of a test's own, and what a user does there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Pixels of a row of the screen.
const WIDTH: usize = 1024;

/// An Xvfb on a display number that it chooses itself.
pub(super) struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    pub(super) fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1024x768x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed by tests/run.sh");
        let mut number = String::new();
        let mut stdout = BufReader::new(server.stdout.take().expect("stdout is piped"));
        stdout
            .read_line(&mut number)
            .expect("Xvfb prints its display number");
        Self {
            server,
            display: format!(":{}", number.trim()),
        }
    }

    /// Lets a program show its window here.
    pub(super) fn show(&self, command: &mut Command) {
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY");
    }

    /// Waits until the program's window is there.
    pub(super) fn wait_for(&self, program: &str) {
        self.xdotool(&["search", "--sync", "--onlyvisible", "--name", program]);
    }

    pub(super) fn xdotool(&self, args: &[&str]) {
        let output = Command::new("xdotool")
            .args(args)
            .env("DISPLAY", &self.display)
            .output()
            .expect("xdotool is installed by tests/run.sh");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Ends the server.
    pub(super) fn end(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// What the screen shows now.
    pub(super) fn shot(&self) -> Shot {
        let output = Command::new("import")
            .args(["-window", "root", "-depth", "8", "rgb:-"])
            .env("DISPLAY", &self.display)
            .output()
            .expect("imagemagick is installed by tests/run.sh");
        Shot(output.stdout.as_chunks::<3>().0.to_vec())
    }

    /// How many pixels of the screen are not gray.
    pub(super) fn coloured_pixels(&self) -> usize {
        let spread =
            |pixel: &&[u8; 3]| pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 60;
        self.shot().0.iter().filter(spread).count()
    }
}

/// What a screen has shown.
pub(super) struct Shot(Vec<[u8; 3]>);

impl Shot {
    /// What is at a place of the screen.
    pub(super) fn at(&self, (x, y): (usize, usize)) -> Shade {
        match self.0[y * WIDTH + x] {
            [_, green, _] if green > 200 => Shade::Light,
            [_, green, _] if (80..140).contains(&green) => Shade::Dark,
            _ => Shade::Other,
        }
    }
}

/// What a place of the screen shows: the pictures of the tests have one shade each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    Light,
    Dark,
    Other,
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
