//! Several tiles in one window, each with pictures of one colour.

use std::io::Write;
use std::process::ChildStdin;

use vision::Image;
use vision::frame_window::{self, AnnotatedFrame, WindowTile};

use crate::scenes::{Scene, TITLE, plain};
use crate::xserver::XServer;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
/// Blue, green, red.
const COLORS: [[u8; 3]; 3] = [[40, 80, 200], [200, 160, 20], [30, 200, 60]];
const BLACK: [u8; 3] = [0; 3];

fn picture(color: [u8; 3]) -> AnnotatedFrame {
    let data = color.repeat((WIDTH * HEIGHT) as usize);
    plain(Image::new(WIDTH, HEIGHT, 3, data).unwrap())
}

/// In the child: `add COLOR` adds a tile with a picture, `remove INDEX` takes one away.
pub(crate) fn play() {
    vision::silence_native_logs();
    let (window, view) = frame_window::channel();
    std::thread::spawn(move || {
        let mut tiles: Vec<WindowTile> = Vec::new();
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            match line.split_once(' ').unwrap() {
                ("add", color) => {
                    let color: usize = color.parse().unwrap();
                    let tile = window.tile(&format!("camera {color}"));
                    tile.show(picture(COLORS[color]));
                    tiles.push(tile);
                }
                (_, index) => drop(tiles.remove(index.parse().unwrap())),
            }
        }
    });
    println!("{:?}", view.run(TITLE).unwrap());
}

/// A window with two tiles, which are those of the first two colours.
struct Tiles {
    server: XServer,
    scene: Scene,
    input: ChildStdin,
    window: u32,
}

impl Tiles {
    fn start() -> Self {
        let server = XServer::start("1024x768x24");
        let mut scene = Scene::start("tiles", Some(&server.display));
        let window = server.wait_for_window(TITLE);
        let input = scene.process.stdin.take().unwrap();
        let mut tiles = Self {
            server,
            scene,
            input,
            window,
        };
        tiles.say("add 0");
        tiles.say("add 1");
        tiles.server.wait_for_size(window, (2 * WIDTH, HEIGHT));
        tiles.until(&[((80, 100), COLORS[0]), ((240, 100), COLORS[1])]);
        tiles
    }

    fn say(&mut self, line: &str) {
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    /// Waits until these places have these colours.
    fn until(&self, expected: &[((u32, u32), [u8; 3])]) {
        loop {
            let (width, _) = self.server.size(self.window);
            let pixels = self.server.pixels(self.window);
            let is_there = |((x, y), color): &((u32, u32), [u8; 3])| {
                let at = ((y * width + x) * 4) as usize;
                *x < width && pixels.get(at..at + 3) == Some(&color[..])
            };
            if expected.iter().all(is_there) {
                return;
            }
        }
    }

    fn is_large(&self, color: [u8; 3]) {
        self.until(&[((160, 100), color), ((20, 100), BLACK), ((300, 100), BLACK)]);
    }

    fn is_grid(&self) {
        self.until(&[((80, 100), COLORS[0]), ((240, 100), COLORS[1])]);
    }

    fn press(&self, letter: char) {
        self.server.press(self.window, u32::from(letter));
    }
}

pub(crate) fn side_by_side() {
    let mut tiles = Tiles::start();
    // A window that the user has made larger is filled.
    let window = tiles.window;
    tiles.server.resize(window, (4 * WIDTH, 2 * HEIGHT));
    tiles.until(&[((20, 200), COLORS[0]), ((620, 200), COLORS[1])]);
    // A third one makes a second row.
    tiles.say("add 2");
    tiles.server.wait_for_size(window, (2 * WIDTH, 2 * HEIGHT));
    tiles.until(&[
        ((80, 100), COLORS[0]),
        ((240, 100), COLORS[1]),
        ((80, 220), COLORS[2]),
    ]);
    tiles.press('q');
    assert_eq!(tiles.scene.line(), "ByUser");
}

pub(crate) fn made_large() {
    const ESCAPE: u32 = 0xFF1B;
    let mut tiles = Tiles::start();
    tiles.press('2');
    tiles.is_large(COLORS[1]);
    tiles.press('1');
    tiles.is_large(COLORS[0]);
    tiles.press('g');
    tiles.is_grid();
    tiles.server.click(tiles.window, 1, (240, 60));
    tiles.is_large(COLORS[1]);
    tiles.server.click(tiles.window, 3, (10, 10));
    tiles.is_grid();
    tiles.server.click(tiles.window, 1, (80, 60));
    tiles.is_large(COLORS[0]);
    tiles.server.press(tiles.window, ESCAPE);
    tiles.is_grid();
    // Nothing is large: it closes the window.
    tiles.server.press(tiles.window, ESCAPE);
    assert_eq!(tiles.scene.line(), "ByUser");
}

pub(crate) fn come_and_go() {
    let mut tiles = Tiles::start();
    tiles.press('1');
    tiles.is_large(COLORS[0]);
    tiles.say("add 2");
    // It stays large, beside whatever comes.
    tiles.say("remove 0");
    tiles.until(&[((80, 100), COLORS[1]), ((240, 100), COLORS[2])]);
    tiles.say("remove 1");
    tiles.server.wait_for_size(tiles.window, (WIDTH, HEIGHT));
    tiles.until(&[((80, 100), COLORS[1])]);
    // One alone: no key makes it large, and Esc closes the window.
    tiles.press('1');
    tiles.press('g');
    let Tiles {
        mut scene, input, ..
    } = tiles;
    drop(input);
    assert_eq!(scene.line(), "Done");
}
