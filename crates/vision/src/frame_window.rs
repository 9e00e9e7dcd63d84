//! A window that shows the newest picture of any thread.
//!
//! Threads with pictures have a [`WindowHandle`], which never waits; the main thread runs the
//! [`WindowLoop`], which draws and shows the newest picture. Pictures in between are skipped.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::FrameContent;
use crate::draw::{self, Overlay, TrackMark, Trails, ZoneMark};
use crate::jpeg::JpegDecodeError;
use crate::window::{Window, WindowError, WindowStatus};
use crate::{Image, ImageError};

/// How often keys and clicks are handled while no picture comes.
const POLL_INTERVAL: Duration = Duration::from_millis(15);

/// The least time between pictures: more are not visible, and drawing takes time from the stream.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(25);

/// Size of the picture before the first frame, pixels.
const EMPTY_WINDOW_SIZE: (u32, u32) = (640, 360);

/// Its shade of gray.
const EMPTY_WINDOW_SHADE: u8 = 40;

/// A frame and what is drawn on it.
#[derive(Debug, Clone)]
pub struct AnnotatedFrame {
    /// The frame; a JPEG is decoded where the picture is drawn, since most are never shown.
    pub content: FrameContent,
    /// Names of the skeleton's nodes.
    pub nodes: Arc<[String]>,
    /// Pairs of indices into `nodes`.
    pub edges: Arc<[[u32; 2]]>,
    /// One list of points (x, y in pixels) per animal; `None` where a node was not found.
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// The track of each animal; empty where animals are not told apart.
    pub tracks: Vec<Option<TrackMark>>,
    /// Areas of the picture.
    pub zones: Vec<ZoneMark>,
    /// Text for the upper left corner.
    pub caption: String,
}

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The frame is a JPEG that cannot be decoded.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] JpegDecodeError),
    /// OpenCV reported an error.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl AnnotatedFrame {
    /// A BGR copy of the frame with skeletons and caption drawn on it.
    pub fn draw(&self) -> Result<Image, DrawError> {
        self.draw_after(&mut Trails::default())
    }

    /// The same with the trails of the pictures before it, to which it is added.
    fn draw_after(&self, trails: &mut Trails) -> Result<Image, DrawError> {
        let (image, now) = (self.content.image()?, Instant::now());
        let size = (image.width, image.height);
        trails.add(now, size, &self.tracks, &self.instances);
        let overlay = Overlay {
            nodes: &self.nodes,
            edges: &self.edges,
            instances: &self.instances,
            tracks: &self.tracks,
            trails: &trails.pieces(now),
            zones: &self.zones,
            caption: &self.caption,
        };
        Ok(draw::overlay(&image, &overlay)?)
    }

    /// What the window shows until the first frame.
    fn waiting() -> AnnotatedFrame {
        let (width, height) = EMPTY_WINDOW_SIZE;
        AnnotatedFrame {
            content: FrameContent::Pixels(Image {
                width,
                height,
                channels: 1,
                data: vec![EMPTY_WINDOW_SHADE; (width * height) as usize].into(),
            }),
            nodes: Arc::default(),
            edges: Arc::default(),
            instances: Vec::new(),
            tracks: Vec::new(),
            zones: Vec::new(),
            caption: "waiting for frames".into(),
        }
    }
}

/// Why [`WindowLoop::run`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// The user closed the window.
    ByUser,
    /// All handles were dropped.
    Done,
}

/// Sends pictures to the window: any number of clones, on any thread.
pub struct WindowHandle(Arc<LatestFrame>);

/// The receiver of a [`WindowHandle`]'s pictures, for the main thread.
pub struct WindowLoop(Arc<LatestFrame>);

#[derive(Default)]
struct LatestFrame {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: Option<AnnotatedFrame>,
    /// A title that the window does not have yet.
    title: Option<String>,
    handles: usize,
    loop_ended: bool,
}

/// A handle and the loop that shows its pictures.
pub fn channel() -> (WindowHandle, WindowLoop) {
    let shared = Arc::new(LatestFrame::default());
    shared.lock().handles = 1;
    (WindowHandle(Arc::clone(&shared)), WindowLoop(shared))
}

impl WindowHandle {
    /// Makes `picture` the newest one. Never waits; after the end of the loop it does nothing.
    pub fn show(&self, picture: AnnotatedFrame) {
        let mut state = self.0.lock();
        if state.loop_ended {
            return;
        }
        let skipped = state.newest.replace(picture);
        drop(state);
        self.0.changed.notify_one();
        // Freeing a frame takes a while: not under the lock.
        drop(skipped);
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
        WindowHandle(Arc::clone(&self.0))
    }
}

impl Drop for WindowHandle {
    fn drop(&mut self) {
        self.0.lock().handles -= 1;
        self.0.changed.notify_one();
    }
}

impl WindowLoop {
    /// Shows pictures until the user closes the window or all handles are dropped.
    ///
    /// The window opens at once, and shows a note while no picture has come. Must run on the
    /// main thread where the system demands that of windows.
    pub fn run(self, title: &str) -> Result<WindowEnd, WindowError> {
        let mut window = Window::open(title)?;
        let mut trails = Trails::default();
        let mut shown = show(&mut window, &AnnotatedFrame::waiting(), &mut trails)?;
        let mut due = Instant::now();
        while shown == WindowStatus::Open {
            if let Some(title) = self.take_title() {
                window.set_title(&title);
            }
            shown = match self.next(due) {
                WindowEvent::Picture(picture) => {
                    due = Instant::now() + MIN_FRAME_INTERVAL;
                    show(&mut window, &picture, &mut trails)?
                }
                WindowEvent::Nothing => window.poll()?,
                WindowEvent::End => return Ok(WindowEnd::Done),
            };
        }
        Ok(WindowEnd::ByUser)
    }

    /// A title that was set since the last call.
    fn take_title(&self) -> Option<String> {
        self.0.lock().title.take()
    }

    /// The newest picture that was not shown yet, once it is `due`, waiting [`POLL_INTERVAL`] for one.
    fn next(&self, due: Instant) -> WindowEvent {
        let none = |state: &State| state.newest.is_none() || Instant::now() < due;
        let idle = |state: &mut State| none(state) && state.handles > 0;
        let until_due = due.saturating_duration_since(Instant::now());
        let wait = if until_due.is_zero() {
            POLL_INTERVAL
        } else {
            until_due.min(POLL_INTERVAL)
        };
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), wait, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.handles == 0 {
            return WindowEvent::End;
        }
        if none(&state) {
            return WindowEvent::Nothing;
        }
        state
            .newest
            .take()
            .map_or(WindowEvent::Nothing, WindowEvent::Picture)
    }
}

impl Drop for WindowLoop {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.loop_ended = true;
        let unseen = state.newest.take();
        drop(state);
        drop(unseen);
    }
}

#[derive(Debug)]
enum WindowEvent {
    Picture(AnnotatedFrame),
    Nothing,
    End,
}

/// A picture that cannot be drawn is left out; the next may be better.
fn show(
    window: &mut Window,
    picture: &AnnotatedFrame,
    trails: &mut Trails,
) -> Result<WindowStatus, WindowError> {
    match picture.draw_after(trails) {
        Ok(drawn) => window.show(&drawn),
        Err(error) => {
            tracing::debug!(%error, "picture not shown");
            window.poll()
        }
    }
}

impl LatestFrame {
    // Every change under the lock is a single assignment: the state behind a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn the_view_sees_the_newest_picture_once() {
        let (handle, window_loop) = channel();
        assert!(matches!(
            window_loop.next(Instant::now()),
            WindowEvent::Nothing
        ));
        handle.show(picture("first"));
        handle.clone().show(picture("second"));
        assert!(
            matches!(window_loop.next(Instant::now()), WindowEvent::Picture(seen) if seen.caption == "second")
        );
        assert!(matches!(
            window_loop.next(Instant::now()),
            WindowEvent::Nothing
        ));
    }

    #[test]
    fn a_picture_shows_where_the_animals_of_those_before_it_were() {
        let seen = |x: f32| AnnotatedFrame {
            instances: vec![vec![Some([x, 200.0])]],
            tracks: vec![Some(TrackMark {
                color: 1,
                name: String::new(),
            })],
            ..picture("")
        };
        let mut trails = Trails::default();
        seen(100.0).draw_after(&mut trails).unwrap();
        let drawn = seen(300.0).draw_after(&mut trails).unwrap();
        let pixel = |x: usize| {
            let at = 3 * (200 * drawn.width as usize + x);
            [drawn.data[at], drawn.data[at + 1], drawn.data[at + 2]]
        };
        assert_eq!(pixel(200), draw::COLORS[1]);
        assert_eq!(pixel(500), [EMPTY_WINDOW_SHADE; 3]);
        assert_eq!(seen(300.0).draw().unwrap().data[3 * (200 * 640 + 200)], 40);
    }

    #[test]
    fn the_newest_title_is_taken_once() {
        let (handle, window_loop) = channel();
        assert_eq!(window_loop.take_title(), None);
        handle.set_title("first".into());
        handle.set_title("second".into());
        assert_eq!(window_loop.take_title().as_deref(), Some("second"));
        assert_eq!(window_loop.take_title(), None);
    }

    #[test]
    fn a_picture_waits_until_it_is_due() {
        let (handle, window_loop) = channel();
        handle.show(picture("early"));
        let later = Instant::now() + Duration::from_secs(3600);
        assert!(matches!(window_loop.next(later), WindowEvent::Nothing));
        handle.show(picture("newest"));
        assert!(
            matches!(window_loop.next(Instant::now()), WindowEvent::Picture(seen) if seen.caption == "newest")
        );
    }

    #[test]
    fn the_view_ends_with_its_last_screen() {
        let (handle, window_loop) = channel();
        let other = handle.clone();
        drop(handle);
        assert!(matches!(
            window_loop.next(Instant::now()),
            WindowEvent::Nothing
        ));
        drop(other);
        assert!(matches!(window_loop.next(Instant::now()), WindowEvent::End));
    }

    #[test]
    fn a_screen_knows_when_nobody_looks() {
        let (handle, window_loop) = channel();
        assert!(handle.is_open());
        drop(window_loop);
        assert!(!handle.is_open());
        handle.show(picture("unseen"));
        assert!(handle.0.lock().newest.is_none());
    }

    #[test]
    fn the_waiting_picture_has_words() {
        let drawn = AnnotatedFrame::waiting().draw().unwrap();
        assert_eq!((drawn.width, drawn.height, drawn.channels), (640, 360, 3));
        assert!(drawn.data.iter().any(|&value| value > 200));
        assert_eq!(drawn.data.last(), Some(&EMPTY_WINDOW_SHADE));
    }
}
