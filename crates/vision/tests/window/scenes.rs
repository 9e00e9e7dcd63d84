//! What happens in the child processes, and what the test expects of it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use vision::Image;
use vision::capture::FrameContent;
use vision::frame_window::{self, AnnotatedFrame};
use vision::window::{NoDisplay, Window, WindowError, WindowStatus, probe};

use crate::xserver::XServer;

pub(crate) const VARIABLE: &str = "WINDOW_TEST_SCENE";
pub(crate) const TITLE: &str = "frames";
const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

/// BGR of the left and right half of every frame.
const HALVES: [[u8; 3]; 2] = [[40, 80, 200], [200, 160, 20]];

fn frame(width: u32, height: u32) -> Image {
    let half = |x| HALVES[usize::from(x >= width / 2)];
    let row: Vec<u8> = (0..width).flat_map(half).collect();
    Image::new(width, height, 3, row.repeat(height as usize)).unwrap()
}

/// In the child: `show WIDTH HEIGHT` until the window is closed, `view WIDTH HEIGHT` with one
/// frame once a line comes on standard input, `probe`, or `threads`.
pub(crate) fn play(scene: &str) {
    let words: Vec<&str> = scene.split(' ').collect();
    match words[..] {
        ["show", width, height] => show(width.parse().unwrap(), height.parse().unwrap()),
        ["view", width, height] => view(width.parse().unwrap(), height.parse().unwrap()),
        ["tiles"] => crate::tiles::play(),
        ["probe"] => println!("{:?}", probe()),
        ["threads"] => {
            let _window = Window::open(TITLE).unwrap();
            let other = std::thread::spawn(|| Window::open("other").map(drop));
            let refused = matches!(other.join().unwrap(), Err(WindowError::WrongThread));
            println!("refused {refused}");
        }
        _ => unreachable!("no scene {scene}"),
    }
}

fn show(width: u32, height: u32) {
    vision::silence_native_logs();
    let image = frame(width, height);
    let mut window = Window::open(TITLE).unwrap();
    loop {
        match window.show(&image) {
            Ok(WindowStatus::Open) => println!("shown"),
            Ok(WindowStatus::Closed) => break,
            Err(error) => return println!("lost: {error}"),
        }
    }
    assert_eq!(window.show(&image).unwrap(), WindowStatus::Closed);
    println!("closed");
}

/// A picture with nothing on it.
pub(crate) fn plain(image: Image) -> AnnotatedFrame {
    AnnotatedFrame {
        content: FrameContent::Pixels(image),
        nodes: Arc::default(),
        edges: Arc::default(),
        instances: Vec::new(),
        tracks: Vec::new(),
        zones: Vec::new(),
        caption: String::new(),
    }
}

/// The end of standard input is the end of the pictures.
fn view(width: u32, height: u32) {
    vision::silence_native_logs();
    let (screen, view) = frame_window::channel();
    std::thread::spawn(move || {
        let tile = screen.tile("");
        for _ in std::io::stdin().lines() {
            tile.show(plain(frame(width, height)));
        }
    });
    println!("{:?}", view.run(TITLE).unwrap());
}

pub(crate) struct Scene {
    pub(crate) process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Scene {
    pub(crate) fn start(scene: &str, display: Option<&str>) -> Scene {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(VARIABLE, scene).env_remove("DISPLAY");
        command.env_remove("WAYLAND_DISPLAY");
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Scene { process, lines }
    }

    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("the scene ended early").unwrap()
    }

    /// Frames that were shown after now, and not merely before.
    fn wait_for_frames(&mut self) {
        for _ in 0..50 {
            assert_eq!(self.line(), "shown");
        }
    }

    fn wait_for_close(mut self) {
        while self.line() != "closed" {}
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn no_display() {
    let expected = format!("{:?}", Err::<(), _>(NoDisplay::NotSet));
    assert_eq!(Scene::start("probe", None).line(), expected);
    assert_eq!(Scene::start("probe", Some("")).line(), expected);
    assert!(NoDisplay::NotSet.to_string().contains("DISPLAY is not set"));
}

pub(crate) fn unusable_display() {
    for display in [":65000", "nonsense"] {
        let line = Scene::start("probe", Some(display)).line();
        assert!(line.starts_with("Err(Unusable"), "{line}");
        assert!(line.contains(display), "{line}");
    }
}

pub(crate) fn frame_is_shown() {
    let server = XServer::start("640x480x24");
    let mut scene = Scene::start(&format!("show {WIDTH} {HEIGHT}"), Some(&server.display));
    let window = server.wait_for_window(TITLE);
    scene.wait_for_frames();
    assert_eq!(server.size(window), (WIDTH, HEIGHT));
    let pixels = server.pixels(window);
    let middle = (HEIGHT / 2 * WIDTH) as usize;
    for (x, color) in [(WIDTH / 4, HALVES[0]), (WIDTH * 3 / 4, HALVES[1])] {
        let at = (middle + x as usize) * 4;
        assert_eq!(pixels[at..at + 3], color);
    }
}

pub(crate) fn keys_close() {
    const ESCAPE: u32 = 0xFF1B;
    for symbol in [u32::from(b'q'), u32::from(b'Q'), ESCAPE] {
        let server = XServer::start("640x480x24");
        let mut scene = Scene::start(&format!("show {WIDTH} {HEIGHT}"), Some(&server.display));
        let window = server.wait_for_window(TITLE);
        server.press(window, u32::from(b'x'));
        scene.wait_for_frames();
        server.press(window, symbol);
        scene.wait_for_close();
    }
}

pub(crate) fn button_closes() {
    let server = XServer::start("640x480x24");
    let mut scene = Scene::start(&format!("show {WIDTH} {HEIGHT}"), Some(&server.display));
    let window = server.wait_for_window(TITLE);
    scene.wait_for_frames();
    server.click_close(window);
    scene.wait_for_close();
}

pub(crate) fn server_ends() {
    let mut server = XServer::start("640x480x24");
    let mut scene = Scene::start(&format!("show {WIDTH} {HEIGHT}"), Some(&server.display));
    server.wait_for_window(TITLE);
    scene.wait_for_frames();
    server.end();
    let mut line = scene.line();
    while line == "shown" {
        line = scene.line();
    }
    assert!(line.starts_with("lost: the display"), "{line}");
    assert!(scene.process.wait().unwrap().success());
}

pub(crate) fn user_resizes() {
    let server = XServer::start("640x480x24");
    let mut scene = Scene::start(&format!("show {WIDTH} {HEIGHT}"), Some(&server.display));
    let window = server.wait_for_window(TITLE);
    scene.wait_for_frames();
    server.resize(window, (WIDTH * 2, HEIGHT * 3));
    server.wait_for_size(window, (WIDTH * 2, HEIGHT * 3));
    scene.wait_for_frames();
    // The picture keeps its ratio, in the middle of the window.
    let pixels = server.pixels(window);
    let at = |x: u32, y: u32| {
        let start = ((y * WIDTH * 2 + x) * 4) as usize;
        [pixels[start], pixels[start + 1], pixels[start + 2]]
    };
    assert_eq!(at(WIDTH / 4, HEIGHT * 3 / 2), HALVES[0]);
    assert_eq!(at(WIDTH * 7 / 4, HEIGHT * 3 / 2), HALVES[1]);
    assert_eq!(at(WIDTH / 4, HEIGHT / 2 + 2), HALVES[0]);
    assert_eq!(at(WIDTH / 4, HEIGHT / 2 - 2), [0; 3]);
    assert_eq!(at(WIDTH / 4, HEIGHT * 5 / 2 + 2), [0; 3]);
}

pub(crate) fn large_frame() {
    let server = XServer::start("640x480x24");
    let mut scene = Scene::start("show 1920 1080", Some(&server.display));
    let window = server.wait_for_window(TITLE);
    scene.wait_for_frames();
    let (width, height) = server.size(window);
    assert!(width <= 640 && height <= 480, "{width}x{height}");
    assert!(width >= 500 && height >= 250, "{width}x{height}");
}

pub(crate) fn second_thread() {
    let server = XServer::start("640x480x24");
    let line = Scene::start("threads", Some(&server.display)).line();
    assert_eq!(line, "refused true");
}

pub(crate) fn viewer_waits() {
    let server = XServer::start("1024x768x24");
    let mut scene = Scene::start("view 160 120", Some(&server.display));
    let window = server.wait_for_window(TITLE);
    server.wait_for_size(window, (640, 360));
    server.press(window, u32::from(b'q'));
    assert_eq!(scene.line(), "ByUser");
}

pub(crate) fn viewer_follows() {
    let server = XServer::start("1024x768x24");
    let mut scene = Scene::start("view 160 120", Some(&server.display));
    let window = server.wait_for_window(TITLE);
    let mut input = scene.process.stdin.take().unwrap();
    input.write_all(b"frame\n").unwrap();
    server.wait_for_size(window, (WIDTH, HEIGHT));
    drop(input);
    assert_eq!(scene.line(), "Done");
}
