//! A window of an X server, or of Xwayland. Spoken to over its socket, without a library of the system: a server
//! that ends is an error here, while Xlib would end the process.

use std::sync::OnceLock;

use x11rb::COPY_DEPTH_FROM_PARENT;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectionError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt, CreateGCAux, CreateWindowAux, EventMask,
    ImageFormat, PropMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::x11_connect::{connect, pixel_format};
use super::x11_keys::window_keys;
use super::x11_pixels::PixelFormat;
use super::{
    NoDisplay, WindowError, WindowInput, WindowInputs, WindowKey, WindowStatus, scale_into, scaled,
    size_on_screen,
};
use crate::{Image, resize};

/// Bytes of a request beside the pixels.
const REQUEST_BYTES: usize = 32;

/// What desktops call the program that a window belongs to.
const CLASS: &[u8] = b"sleap-stream\0sleap-stream\0";

/// Buttons of a mouse.
const LEFT_BUTTON: u8 = 1;
const RIGHT_BUTTON: u8 = 3;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        WM_PROTOCOLS,
        WM_DELETE_WINDOW,
        _NET_WM_NAME,
        UTF8_STRING,
    }
}

/// A window, and the connection to its server.
pub(super) struct SystemWindow {
    display: String,
    connection: RustConnection,
    /// The number of the screen.
    screen: usize,
    format: PixelFormat,
    atoms: Atoms,
    /// Keys that mean something.
    keys: Vec<(u8, WindowKey)>,
    title: String,
    shown: Option<Shown>,
    /// Of the picture that was drawn last; used again.
    pixels: Vec<u8>,
}

/// A window that is on the screen.
struct Shown {
    window: u32,
    context: u32,
    size: (u32, u32),
    picture: Image,
    /// The size of the picture that the window was given its size for.
    sized_for: (u32, u32),
    /// The size at which the picture was drawn.
    drawn: (u32, u32),
    /// The server has lost what was drawn.
    is_damaged: bool,
}

impl Shown {
    /// Where a place of the window is in the picture, which is in its middle.
    fn place_of(&self, (x, y): (i16, i16)) -> (f64, f64) {
        let part = |at: i16, room: u32, side: u32| {
            let begin = f64::from(room.saturating_sub(side) / 2);
            (f64::from(at) + 0.5 - begin) / f64::from(side.max(1))
        };
        let ((width, height), (drawn_width, drawn_height)) = (self.size, self.drawn);
        (part(x, width, drawn_width), part(y, height, drawn_height))
    }
}

impl SystemWindow {
    pub(super) fn probe() -> Result<(), NoDisplay> {
        /// An X server that loses its last client may restart, and refuses connections while it does:
        /// the first connection is kept.
        static KEPT: OnceLock<RustConnection> = OnceLock::new();
        let (display, connection, screen) = connect()?;
        pixel_format(&display, &connection, screen)?;
        // If one is kept already, this one is not needed.
        let _ = KEPT.set(connection);
        Ok(())
    }

    pub(super) fn open(title: &str) -> Result<SystemWindow, WindowError> {
        let (display, connection, screen) = connect()?;
        let format = pixel_format(&display, &connection, screen)?;
        let prepared = prepare(&connection);
        let (atoms, keys) = prepared.map_err(lost(&display))?;
        Ok(SystemWindow {
            display,
            connection,
            screen,
            format,
            atoms,
            keys,
            title: title.to_owned(),
            shown: None,
            pixels: Vec::new(),
        })
    }

    /// `resizes`: the window gets the size of the picture, where that is another one than it was given its size for.
    pub(super) fn show(
        &mut self,
        image: &Image,
        resizes: bool,
        inputs: &mut WindowInputs,
    ) -> Result<WindowStatus, WindowError> {
        if self.poll(inputs)? == WindowStatus::Closed {
            return Ok(WindowStatus::Closed);
        }
        let placed = self.place(image, resizes);
        placed.map_err(lost(&self.display))?;
        self.draw()?;
        // Once the server has answered, the picture is on the screen.
        let answered = self.synchronize();
        answered.map_err(lost(&self.display))?;
        self.poll(inputs)
    }

    /// Width and height of the inside.
    pub(super) fn room(&self) -> Option<(u32, u32)> {
        self.shown.as_ref().map(|shown| shown.size)
    }

    /// Makes the window where there is none; gives it the picture's size, or what of it fits on the screen. In between the
    /// user may give it another.
    fn place(&mut self, image: &Image, resizes: bool) -> Result<(), ReplyOrIdError> {
        let (width, height) = (image.width, image.height);
        let screen = &self.connection.setup().roots[self.screen];
        let screen_size = (
            screen.width_in_pixels.into(),
            screen.height_in_pixels.into(),
        );
        let size = size_on_screen((width, height), Some(screen_size));
        match &mut self.shown {
            None => self.shown = Some(self.make(size, image)?),
            Some(shown) => {
                shown.picture = image.clone();
                if resizes && shown.sized_for != (width, height) {
                    shown.sized_for = (width, height);
                    let wanted = ConfigureWindowAux::new().width(size.0).height(size.1);
                    self.connection.configure_window(shown.window, &wanted)?;
                    // A window manager may choose otherwise.
                    let found = self.connection.get_geometry(shown.window)?.reply()?;
                    shown.size = (found.width.into(), found.height.into());
                }
            }
        }
        Ok(())
    }

    fn make(&self, size: (u32, u32), image: &Image) -> Result<Shown, ReplyOrIdError> {
        let connection = &self.connection;
        let screen = &connection.setup().roots[self.screen];
        let (window, context) = (connection.generate_id()?, connection.generate_id()?);
        let keys_and_clicks = EventMask::KEY_PRESS | EventMask::BUTTON_PRESS;
        let events = keys_and_clicks | EventMask::EXPOSURE | EventMask::STRUCTURE_NOTIFY;
        let settings = CreateWindowAux::new()
            .background_pixel(screen.black_pixel)
            .event_mask(events);
        connection.create_window(
            COPY_DEPTH_FROM_PARENT,
            window,
            screen.root,
            0,
            0,
            // No larger than the screen.
            size.0 as u16,
            size.1 as u16,
            0,
            WindowClass::INPUT_OUTPUT,
            screen.root_visual,
            &settings,
        )?;
        connection.create_gc(context, window, &CreateGCAux::new())?;
        let replace = PropMode::REPLACE;
        let (class, text) = (AtomEnum::WM_CLASS, AtomEnum::STRING);
        connection.change_property8(replace, window, class, text, CLASS)?;
        let (protocols, delete) = (self.atoms.WM_PROTOCOLS, [self.atoms.WM_DELETE_WINDOW]);
        connection.change_property32(replace, window, protocols, AtomEnum::ATOM, &delete)?;
        self.name(window)?;
        connection.map_window(window)?;
        Ok(Shown {
            window,
            context,
            size,
            picture: image.clone(),
            sized_for: (image.width, image.height),
            drawn: (0, 0),
            is_damaged: true,
        })
    }

    pub(super) fn set_title(&mut self, title: &str) {
        title.clone_into(&mut self.title);
        let window = self.shown.as_ref().map(|shown| shown.window);
        let named = window.map_or(Ok(()), |window| self.name(window));
        if let Err(error) = named {
            tracing::debug!(%error, "the window keeps its title");
        }
    }

    fn name(&self, window: u32) -> Result<(), ConnectionError> {
        let letter = |letter: char| u8::try_from(u32::from(letter)).unwrap_or(b'?');
        let latin: Vec<u8> = self.title.chars().map(letter).collect();
        let (replace, unicode) = (PropMode::REPLACE, self.title.as_bytes());
        let Atoms {
            _NET_WM_NAME: name,
            UTF8_STRING: text,
            ..
        } = self.atoms;
        self.connection
            .change_property8(replace, window, name, text, unicode)?;
        let (name, text) = (AtomEnum::WM_NAME, AtomEnum::STRING);
        self.connection
            .change_property8(replace, window, name, text, &latin)?;
        self.connection.flush()
    }

    /// Draws the picture as large as the window has room, in its middle.
    fn draw(&mut self) -> Result<(), WindowError> {
        let Some(shown) = &mut self.shown else {
            return Ok(());
        };
        let picture = (shown.picture.width, shown.picture.height);
        let room = (f64::from(shown.size.0), f64::from(shown.size.1));
        let size = scaled(picture, scale_into(picture, room));
        let image = resize(&shown.picture, size.0, size.1)?;
        self.format.encode(&image, &mut self.pixels);
        shown.is_damaged = false;
        let is_moved = std::mem::replace(&mut shown.drawn, size) != size;
        self.send(size, is_moved).map_err(lost(&self.display))
    }

    fn send(&self, size: (u32, u32), is_moved: bool) -> Result<(), ReplyOrIdError> {
        let Some(shown) = &self.shown else {
            return Ok(());
        };
        let connection = &self.connection;
        if is_moved {
            connection.clear_area(false, shown.window, 0, 0, 0, 0)?;
        }
        // A window is no larger than 65,535 pixels a side, and its picture no larger than the window.
        let middle = |room: u32, side: u32| (room.saturating_sub(side) / 2) as i16;
        let x = middle(shown.size.0, size.0);
        let mut y = middle(shown.size.1, size.1);
        let row = self.format.row_bytes(size.0).max(1);
        let most = connection
            .maximum_request_bytes()
            .saturating_sub(REQUEST_BYTES);
        let rows = (most / row).clamp(1, usize::from(u16::MAX));
        for band in self.pixels.chunks(rows * row) {
            let height = (band.len() / row) as u16;
            connection.put_image(
                ImageFormat::Z_PIXMAP,
                shown.window,
                shown.context,
                size.0 as u16,
                height,
                x,
                y,
                0,
                connection.setup().roots[self.screen].root_depth,
                band,
            )?;
            y = y.saturating_add_unsigned(height);
        }
        Ok(connection.flush()?)
    }

    fn synchronize(&self) -> Result<(), ReplyOrIdError> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }

    /// Handles what has happened to the window, and draws it again where that is needed.
    pub(super) fn poll(&mut self, inputs: &mut WindowInputs) -> Result<WindowStatus, WindowError> {
        let mut status = WindowStatus::Open;
        loop {
            let event = self.connection.poll_for_event();
            let event = event.map_err(|error| lost(&self.display)(error.into()))?;
            let Some(event) = event else {
                break;
            };
            if self.is_closed_by(&event, inputs)? {
                status = WindowStatus::Closed;
            }
        }
        let is_damaged = self.shown.as_ref().is_some_and(|it| it.is_damaged);
        if status == WindowStatus::Open && is_damaged {
            self.draw()?;
        }
        Ok(status)
    }

    fn is_closed_by(
        &mut self,
        event: &Event,
        inputs: &mut WindowInputs,
    ) -> Result<bool, WindowError> {
        let Some(shown) = &mut self.shown else {
            return Ok(false);
        };
        match event {
            Event::KeyPress(pressed) => {
                let key = self.keys.iter().find(|(code, _)| *code == pressed.detail);
                return Ok(key.is_some_and(|(_, key)| inputs.closes(*key)));
            }
            Event::ButtonPress(pressed) => match pressed.detail {
                LEFT_BUTTON => {
                    let at = shown.place_of((pressed.event_x, pressed.event_y));
                    inputs.add(WindowInput::Click(at));
                }
                RIGHT_BUTTON => inputs.add(WindowInput::Back),
                _ => {}
            },
            Event::ClientMessage(message) => {
                let is_delete = message.data.as_data32()[0] == self.atoms.WM_DELETE_WINDOW;
                return Ok(is_delete && message.type_ == self.atoms.WM_PROTOCOLS);
            }
            Event::DestroyNotify(gone) => return Ok(gone.window == shown.window),
            Event::Expose(_) => shown.is_damaged = true,
            Event::ConfigureNotify(found) => {
                let size = (found.width.into(), found.height.into());
                shown.is_damaged |= shown.size != size;
                shown.size = size;
            }
            Event::MappingNotify(_) => {
                let keys = window_keys(&self.connection);
                self.keys = keys.map_err(lost(&self.display))?;
            }
            Event::Error(error) => tracing::debug!(?error, "the X server refused a request"),
            _ => {}
        }
        Ok(false)
    }

    pub(super) fn close(&mut self) {
        if let Some(shown) = self.shown.take() {
            let destroyed = self.connection.destroy_window(shown.window);
            // A server that is gone has no window either.
            let _ = destroyed.map(drop).and_then(|()| self.connection.flush());
        }
    }
}

fn lost(display: &str) -> impl Fn(ReplyOrIdError) -> WindowError + '_ {
    move |error| WindowError::Lost {
        display: display.to_owned(),
        reason: error.to_string(),
    }
}

fn prepare(connection: &RustConnection) -> Result<(Atoms, Vec<(u8, WindowKey)>), ReplyOrIdError> {
    let atoms = Atoms::new(connection)?;
    let keys = window_keys(connection)?;
    Ok((atoms.reply()?, keys))
}
