//! A window that shows the newest picture of whoever has one.
//!
//! Threads with pictures hold a [`Screen`], which never waits; the main thread runs the
//! [`View`], which draws and shows what is newest. Pictures in between are skipped.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::Content;
use crate::draw::{self, Overlay};
use crate::jpeg::DecodeError;
use crate::window::{Shown, Window, WindowError};
use crate::{Image, ImageError};

/// How long keys and clicks wait at most while no picture comes.
const POLL: Duration = Duration::from_millis(15);

/// Time between pictures at least: eyes see no more, and drawing takes time from the stream.
const APART: Duration = Duration::from_millis(25);

/// Size of the picture before the first frame, pixels.
const WAITING: (u32, u32) = (640, 360);

/// Its shade of gray.
const WAITING_SHADE: u8 = 40;

/// A frame and what is drawn on it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The frame; a JPEG is decoded where the picture is drawn, since most are never looked at.
    pub content: Content,
    /// Names of the skeleton's nodes.
    pub nodes: Arc<[String]>,
    /// Pairs of indices into `nodes`.
    pub edges: Arc<[[u32; 2]]>,
    /// One list of points (x, y in pixels) per animal; `None` where a node was not found.
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// Words for the upper left corner.
    pub caption: String,
}

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The frame is a JPEG that is no good.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// OpenCV refused.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl Picture {
    /// A BGR copy of the frame with skeletons and caption drawn on it.
    pub fn draw(&self) -> Result<Image, DrawError> {
        let overlay = Overlay {
            nodes: &self.nodes,
            edges: &self.edges,
            instances: &self.instances,
            caption: &self.caption,
        };
        let image = match &self.content {
            Content::Pixels(image) => image,
            Content::Jpeg(jpeg) => &jpeg.decode()?,
        };
        Ok(draw::overlay(image, &overlay)?)
    }

    /// What the window shows until the first frame.
    fn waiting() -> Picture {
        let (width, height) = WAITING;
        Picture {
            content: Content::Pixels(Image {
                width,
                height,
                channels: 1,
                data: vec![WAITING_SHADE; (width * height) as usize].into(),
            }),
            nodes: Arc::default(),
            edges: Arc::default(),
            instances: Vec::new(),
            caption: "waiting for frames".into(),
        }
    }
}

/// Why [`View::run`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The user closed the window.
    ByUser,
    /// All screens were dropped.
    Done,
}

/// Where pictures go: any number of clones, on any thread.
pub struct Screen(Arc<Slot>);

/// The window's end of a [`Screen`], for the main thread.
pub struct View(Arc<Slot>);

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: Option<Picture>,
    screens: usize,
    view_gone: bool,
}

/// A screen and the view that shows its pictures.
pub fn pair() -> (Screen, View) {
    let slot = Arc::new(Slot::default());
    slot.lock().screens = 1;
    (Screen(Arc::clone(&slot)), View(slot))
}

impl Screen {
    /// Makes `picture` the newest one. Never waits; after the view's end it does nothing.
    pub fn show(&self, picture: Picture) {
        let mut state = self.0.lock();
        if state.view_gone {
            return;
        }
        let skipped = state.newest.replace(picture);
        drop(state);
        self.0.changed.notify_one();
        // Freeing a frame takes a while: not under the lock.
        drop(skipped);
    }

    /// Whether anyone looks: false once the view has ended, and pictures are not worth making.
    pub fn is_open(&self) -> bool {
        !self.0.lock().view_gone
    }
}

impl Clone for Screen {
    fn clone(&self) -> Screen {
        self.0.lock().screens += 1;
        Screen(Arc::clone(&self.0))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.0.lock().screens -= 1;
        self.0.changed.notify_one();
    }
}

impl View {
    /// Shows pictures until the user closes the window or all screens are gone.
    ///
    /// The window is there at once and says so while no picture has come. Must run on the
    /// main thread where the system demands that of windows.
    pub fn run(self, title: &str) -> Result<Ended, WindowError> {
        let mut window = Window::open(title)?;
        let mut shown = show(&mut window, &Picture::waiting())?;
        let mut due = Instant::now();
        while shown == Shown::Open {
            shown = match self.next(due) {
                Next::Picture(picture) => {
                    due = Instant::now() + APART;
                    show(&mut window, &picture)?
                }
                Next::Nothing => window.poll()?,
                Next::End => return Ok(Ended::Done),
            };
        }
        Ok(Ended::ByUser)
    }

    /// The newest picture not yet seen, once it is `due`, waiting [`POLL`] for one.
    fn next(&self, due: Instant) -> Next {
        let none = |state: &State| state.newest.is_none() || Instant::now() < due;
        let idle = |state: &mut State| none(state) && state.screens > 0;
        let until_due = due.saturating_duration_since(Instant::now());
        let wait = if until_due.is_zero() {
            POLL
        } else {
            until_due.min(POLL)
        };
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), wait, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.screens == 0 {
            return Next::End;
        }
        if none(&state) {
            return Next::Nothing;
        }
        state.newest.take().map_or(Next::Nothing, Next::Picture)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.view_gone = true;
        let unseen = state.newest.take();
        drop(state);
        drop(unseen);
    }
}

#[derive(Debug)]
enum Next {
    Picture(Picture),
    Nothing,
    End,
}

/// A picture that cannot be drawn is left out; the next may be better.
fn show(window: &mut Window, picture: &Picture) -> Result<Shown, WindowError> {
    match picture.draw() {
        Ok(drawn) => window.show(&drawn),
        Err(error) => {
            tracing::debug!(%error, "picture not shown");
            window.poll()
        }
    }
}

impl Slot {
    // Every change under the lock is a single assignment: a poisoned lock holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(caption: &str) -> Picture {
        Picture {
            caption: caption.into(),
            ..Picture::waiting()
        }
    }

    #[test]
    fn the_view_sees_the_newest_picture_once() {
        let (screen, view) = pair();
        assert!(matches!(view.next(Instant::now()), Next::Nothing));
        screen.show(picture("first"));
        screen.clone().show(picture("second"));
        assert!(
            matches!(view.next(Instant::now()), Next::Picture(seen) if seen.caption == "second")
        );
        assert!(matches!(view.next(Instant::now()), Next::Nothing));
    }

    #[test]
    fn a_picture_waits_until_it_is_due() {
        let (screen, view) = pair();
        screen.show(picture("early"));
        let later = Instant::now() + Duration::from_secs(3600);
        assert!(matches!(view.next(later), Next::Nothing));
        screen.show(picture("newest"));
        assert!(
            matches!(view.next(Instant::now()), Next::Picture(seen) if seen.caption == "newest")
        );
    }

    #[test]
    fn the_view_ends_with_its_last_screen() {
        let (screen, view) = pair();
        let other = screen.clone();
        drop(screen);
        assert!(matches!(view.next(Instant::now()), Next::Nothing));
        drop(other);
        assert!(matches!(view.next(Instant::now()), Next::End));
    }

    #[test]
    fn a_screen_knows_when_nobody_looks() {
        let (screen, view) = pair();
        assert!(screen.is_open());
        drop(view);
        assert!(!screen.is_open());
        screen.show(picture("unseen"));
        assert!(screen.0.lock().newest.is_none());
    }

    #[test]
    fn the_waiting_picture_has_words() {
        let drawn = Picture::waiting().draw().unwrap();
        assert_eq!((drawn.width, drawn.height, drawn.channels), (640, 360, 3));
        assert!(drawn.data.iter().any(|&value| value > 200));
        assert_eq!(drawn.data.last(), Some(&WAITING_SHADE));
    }
}
