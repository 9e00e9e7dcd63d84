//! A window that shows the newest pictures of any threads.
//!
//! Threads with pictures have a [`WindowTile`] each, which never waits; the main thread runs the [`WindowLoop`], which draws
//! and shows the newest ones. Pictures in between are skipped. One tile fills the window; several are side by side, and one
//! of them can be made large.

mod frame;
mod grid;
mod rate;
mod tiles;
mod view;

use std::time::{Duration, Instant};

use crate::window::{Window, WindowError, WindowStatus};
pub use frame::{AnnotatedFrame, DrawError};
pub use rate::RateMeter;
use tiles::{SharedTiles, TileId, WindowEvent};
use view::View;

/// The least time between two drawings: more are not visible, and drawing takes time from the stream.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(25);

/// Between two looks at the rates of streams of which nothing comes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Why [`WindowLoop::run`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// The user closed the window.
    ByUser,
    /// All handles and tiles were dropped.
    Done,
}

/// Makes tiles of the window: any number of clones, on any thread.
pub struct WindowHandle(SharedTiles);

/// A place in the window for the pictures of one stream, which it leaves when this is dropped.
pub struct WindowTile {
    window: WindowHandle,
    id: TileId,
}

/// Shows what tiles have, for the main thread.
pub struct WindowLoop(SharedTiles);

/// A handle and the loop that shows the pictures of its tiles.
pub fn channel() -> (WindowHandle, WindowLoop) {
    let shared = SharedTiles::default();
    shared.lock().handles = 1;
    (WindowHandle(shared.clone()), WindowLoop(shared))
}

impl WindowHandle {
    /// A further tile. `name`: what it is called beside others; control characters are not shown.
    pub fn tile(&self, name: &str) -> WindowTile {
        let id = self.0.lock().add(name);
        self.0.notify();
        WindowTile {
            window: self.clone(),
            id,
        }
    }

    /// Gives the window this title, which must have no control characters.
    pub fn set_title(&self, title: String) {
        self.0.lock().title = Some(title);
    }

    /// Whether pictures are shown: false once the loop has ended, so that none need be made.
    pub fn is_open(&self) -> bool {
        !self.0.lock().loop_ended
    }
}

impl Clone for WindowHandle {
    fn clone(&self) -> WindowHandle {
        self.0.lock().handles += 1;
        WindowHandle(self.0.clone())
    }
}

impl Drop for WindowHandle {
    fn drop(&mut self) {
        self.0.lock().handles -= 1;
        self.0.notify();
    }
}

impl WindowTile {
    /// Makes `picture` the newest one of the tile. Never waits; after the end of the loop it does nothing.
    pub fn show(&self, picture: AnnotatedFrame) {
        let skipped = self.window.0.lock().show(self.id, picture, Instant::now());
        self.window.0.notify();
        // Freeing a frame takes a while: not under the lock.
        drop(skipped);
    }

    /// Whether pictures are shown: false once the loop has ended, so that none need be made.
    pub fn is_open(&self) -> bool {
        self.window.is_open()
    }
}

impl Drop for WindowTile {
    fn drop(&mut self) {
        let unseen = self.window.0.lock().remove(self.id);
        self.window.0.notify();
        drop(unseen);
    }
}

impl WindowLoop {
    /// Shows pictures until the user closes the window or all handles and tiles are dropped.
    ///
    /// The window opens at once, and shows a note while no picture has come. Must run on the
    /// main thread where the system demands that of windows.
    pub fn run(self, title: &str) -> Result<WindowEnd, WindowError> {
        let mut window = Window::open(title)?;
        let mut view = View::default();
        let mut status = View::wait(&mut window)?;
        let (mut due, mut looked) = (Instant::now(), Instant::now());
        while status == WindowStatus::Open {
            let title = self.0.lock().title.take();
            if let Some(title) = title {
                window.set_title(&title);
            }
            let changed = match self.0.next(due, looked + REFRESH_INTERVAL) {
                WindowEvent::Tiles(tiles) => {
                    looked = Instant::now();
                    view.take(tiles)
                }
                WindowEvent::Nothing => false,
                WindowEvent::End => return Ok(WindowEnd::Done),
            };
            let chosen = view.choose(window.take_inputs());
            if changed || chosen {
                let began = Instant::now();
                status = view.show(&mut window)?;
                // At most half of the time is spent on drawing.
                due = Instant::now() + MIN_FRAME_INTERVAL.max(began.elapsed());
            } else {
                status = window.poll()?;
            }
        }
        Ok(WindowEnd::ByUser)
    }
}

impl Drop for WindowLoop {
    fn drop(&mut self) {
        let unseen = self.0.lock().end();
        drop(unseen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(caption: &str) -> AnnotatedFrame {
        AnnotatedFrame {
            caption: caption.into(),
            ..AnnotatedFrame::waiting()
        }
    }

    /// The captions of the new pictures, tile by tile; `None` where nothing has changed.
    fn seen(window_loop: &WindowLoop, due: Instant) -> Option<Vec<Option<String>>> {
        let never = Instant::now() + Duration::from_secs(3600);
        match window_loop.0.next(due, never) {
            WindowEvent::Tiles(tiles) => {
                let caption = |tile: tiles::NewTile| tile.newest.map(|picture| picture.caption);
                Some(tiles.into_iter().map(caption).collect())
            }
            WindowEvent::Nothing => None,
            WindowEvent::End => panic!("it has ended"),
        }
    }

    fn some(caption: &str) -> Option<String> {
        Some(caption.to_owned())
    }

    #[test]
    fn the_loop_sees_the_newest_picture_of_each_tile_once() {
        let (handle, window_loop) = channel();
        assert_eq!(seen(&window_loop, Instant::now()), None);
        let (one, other) = (handle.tile("one"), handle.tile("other"));
        one.show(picture("first"));
        one.show(picture("second"));
        let now = Instant::now();
        assert_eq!(seen(&window_loop, now), Some(vec![some("second"), None]));
        other.show(picture("third"));
        drop(one);
        assert_eq!(seen(&window_loop, now), Some(vec![some("third")]));
        assert_eq!(seen(&window_loop, now), None);
    }

    #[test]
    fn a_picture_waits_until_it_is_due() {
        let (handle, window_loop) = channel();
        let tile = handle.tile("");
        tile.show(picture("early"));
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(seen(&window_loop, later), None);
        tile.show(picture("newest"));
        let now = Instant::now();
        assert_eq!(seen(&window_loop, now), Some(vec![some("newest")]));
    }

    #[test]
    fn the_loop_ends_with_the_last_handle_and_tile() {
        let (handle, window_loop) = channel();
        let tile = handle.tile("");
        drop(handle);
        assert!(seen(&window_loop, Instant::now()).is_some());
        drop(tile);
        assert!(matches!(
            window_loop.0.next(Instant::now(), Instant::now()),
            WindowEvent::End
        ));
    }

    #[test]
    fn a_tile_tells_when_the_window_is_closed() {
        let (handle, window_loop) = channel();
        let tile = handle.tile("");
        assert!(handle.is_open() && tile.is_open());
        drop(window_loop);
        assert!(!handle.is_open() && !tile.is_open());
        tile.show(picture("unseen"));
        assert!(handle.0.lock().has_no_pictures());
    }
}
