//! Finding the X server.

use x11rb::connection::Connection;
use x11rb::rust_connection::RustConnection;

use super::NoDisplay;
use super::x11_pixels::PixelFormat;

/// X servers listen on this TCP port plus the display's number.
const X_PORT: u16 = 6000;

/// The 10 of `host:10.0`.
fn display_number(display: &str) -> Option<u16> {
    let (_, rest) = display.rsplit_once(':')?;
    rest.split('.').next()?.parse().ok()
}

/// The value of `DISPLAY`, a connection to that server, and the number of the screen.
pub(super) fn connect() -> Result<(String, RustConnection, usize), NoDisplay> {
    let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(display) = value("DISPLAY") else {
        return Err(match value("WAYLAND_DISPLAY") {
            Some(wayland) => NoDisplay::WaylandOnly(wayland),
            None => NoDisplay::NotSet,
        });
    };
    if display_number(&display).is_some_and(|number| number > u16::MAX - X_PORT) {
        // x11rb 0.14 adds the two without a check.
        let reason = "there is no display of so high a number".to_owned();
        return Err(NoDisplay::Unusable { display, reason });
    }
    match RustConnection::connect(None) {
        Ok((connection, screen)) => Ok((display, connection, screen)),
        Err(error) => Err(NoDisplay::Unusable {
            display,
            reason: error.to_string(),
        }),
    }
}

/// How the pixels of a screen are written.
pub(super) fn pixel_format(
    display: &str,
    connection: &RustConnection,
    screen: usize,
) -> Result<PixelFormat, NoDisplay> {
    let setup = connection.setup();
    let screen = setup.roots.get(screen);
    let format = screen.and_then(|screen| PixelFormat::of(setup, screen));
    format.ok_or_else(|| NoDisplay::Unusable {
        display: display.to_owned(),
        reason: "its screen has no true colours".to_owned(),
    })
}
