//! An X server without a screen, and what a user does with a mouse and keys.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, ButtonPressEvent, ChangeWindowAttributesAux, ClientMessageEvent,
    ConfigureWindowAux, ConnectionExt, EventMask, ImageFormat, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
    KeyButMask, KeyPressEvent, Window,
};
use x11rb::rust_connection::RustConnection;

pub(crate) struct XServer {
    process: Child,
    pub(crate) display: String,
    connection: RustConnection,
    root: Window,
}

impl XServer {
    /// Starts one with a free number and waits until it is ready.
    pub(crate) fn start(screen: &str) -> XServer {
        let mut process = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                screen,
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Xvfb");
        let mut number = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        let (connection, screen) = RustConnection::connect(Some(&display)).unwrap();
        let root = connection.setup().roots[screen].root;
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection
            .change_window_attributes(root, &events)
            .unwrap()
            .check()
            .unwrap();
        XServer {
            process,
            display,
            connection,
            root,
        }
    }

    /// Waits until a window with this title is on the screen.
    pub(crate) fn wait_for_window(&self, title: &str) -> Window {
        loop {
            if let Event::MapNotify(event) = self.connection.wait_for_event().unwrap()
                && self.title(event.window) == title
            {
                return event.window;
            }
        }
    }

    /// Waits until the window has this size.
    pub(crate) fn wait_for_size(&self, window: Window, size: (u32, u32)) {
        while self.size(window) != size {
            self.connection.wait_for_event().unwrap();
        }
    }

    /// Gives the window another size, as a user does.
    pub(crate) fn resize(&self, window: Window, (width, height): (u32, u32)) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        let sent = self.connection.configure_window(window, &size);
        sent.unwrap().check().unwrap();
    }

    /// Ends the server.
    pub(crate) fn end(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn title(&self, window: Window) -> String {
        let name = AtomEnum::WM_NAME;
        let cookie = self
            .connection
            .get_property(false, window, name, AtomEnum::ANY, 0, 1024);
        let value = cookie.unwrap().reply().map(|reply| reply.value);
        String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
    }

    pub(crate) fn size(&self, window: Window) -> (u32, u32) {
        let geometry = self.connection.get_geometry(window).unwrap();
        let geometry = geometry.reply().unwrap();
        (geometry.width.into(), geometry.height.into())
    }

    /// The window's pixels as BGRX.
    pub(crate) fn pixels(&self, window: Window) -> Vec<u8> {
        let (width, height) = self.size(window);
        let (width, height) = (width as u16, height as u16);
        let format = ImageFormat::Z_PIXMAP;
        let image = self
            .connection
            .get_image(format, window, 0, 0, width, height, !0);
        image.unwrap().reply().unwrap().data
    }

    /// Presses and releases the key that types `symbol`.
    pub(crate) fn press(&self, window: Window, symbol: u32) {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self
            .connection
            .get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        let at = mapping.keysyms.iter().position(|&s| s == symbol).unwrap();
        let shifted = at % per_key == 1;
        for (kind, mask) in [
            (KEY_PRESS_EVENT, EventMask::KEY_PRESS),
            (KEY_RELEASE_EVENT, EventMask::KEY_RELEASE),
        ] {
            let event = KeyPressEvent {
                response_type: kind,
                detail: first + (at / per_key) as u8,
                root: self.root,
                event: window,
                same_screen: true,
                state: if shifted {
                    KeyButMask::SHIFT
                } else {
                    KeyButMask::default()
                },
                ..KeyPressEvent::default()
            };
            let sent = self.connection.send_event(true, window, mask, event);
            let sent = sent.unwrap().check();
            // A window that the key closes may be gone before it is released.
            assert!(sent.is_ok() || kind == KEY_RELEASE_EVENT, "{sent:?}");
        }
    }

    /// Presses a button of the mouse at a place of the window.
    pub(crate) fn click(&self, window: Window, button: u8, (x, y): (i16, i16)) {
        let event = ButtonPressEvent {
            response_type: BUTTON_PRESS_EVENT,
            detail: button,
            root: self.root,
            event: window,
            event_x: x,
            event_y: y,
            same_screen: true,
            ..ButtonPressEvent::default()
        };
        let mask = EventMask::BUTTON_PRESS;
        let sent = self.connection.send_event(true, window, mask, event);
        sent.unwrap().check().unwrap();
    }

    /// What a window manager sends when the close button is clicked.
    pub(crate) fn click_close(&self, window: Window) {
        let atom = |name: &[u8]| {
            let cookie = self.connection.intern_atom(false, name).unwrap();
            cookie.reply().unwrap().atom
        };
        let data = [atom(b"WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, atom(b"WM_PROTOCOLS"), data);
        let sent = self
            .connection
            .send_event(false, window, EventMask::NO_EVENT, event);
        sent.unwrap().check().unwrap();
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
