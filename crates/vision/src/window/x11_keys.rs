//! Keys of an X server's keyboard.

use x11rb::connection::Connection;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::ConnectionExt;
use x11rb::rust_connection::RustConnection;

use super::WindowKey;

const ESCAPE: u32 = 0xff1b;

/// The digits of the number pad: 0 and those behind it.
const PAD_ZERO: u32 = 0xffb0;

/// The keys that mean something, whatever the layout of the keyboard.
pub(super) fn window_keys(
    connection: &RustConnection,
) -> Result<Vec<(u8, WindowKey)>, ReplyOrIdError> {
    let setup = connection.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let count = last.saturating_sub(first).saturating_add(1);
    let mapping = connection.get_keyboard_mapping(first, count)?.reply()?;
    let per_key = usize::from(mapping.keysyms_per_keycode).max(1);
    let keys = (first..=last).zip(mapping.keysyms.chunks(per_key));
    // A key types several symbols, with Shift for example.
    let key = |(code, symbols): (u8, &[u32])| Some((code, symbols.iter().find_map(meaning)?));
    Ok(keys.filter_map(key).collect())
}

/// What a symbol means in a window.
fn meaning(symbol: &u32) -> Option<WindowKey> {
    let pad = symbol.checked_sub(PAD_ZERO).filter(|digit| *digit <= 9);
    if let Some(digit) = pad.or_else(|| char::from_u32(*symbol)?.to_digit(10)) {
        let digit = u8::try_from(digit).ok().filter(|digit| *digit > 0);
        return digit.map(WindowKey::Digit);
    }
    match *symbol {
        ESCAPE => Some(WindowKey::Escape),
        symbol if char::from_u32(symbol)?.eq_ignore_ascii_case(&'q') => Some(WindowKey::Quit),
        symbol if char::from_u32(symbol)?.eq_ignore_ascii_case(&'g') => Some(WindowKey::Back),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_have_their_meanings() {
        let of = |letter: char| meaning(&u32::from(letter));
        assert_eq!(of('q'), Some(WindowKey::Quit));
        assert_eq!(of('Q'), Some(WindowKey::Quit));
        assert_eq!(of('g'), Some(WindowKey::Back));
        assert_eq!(of('1'), Some(WindowKey::Digit(1)));
        assert_eq!(of('9'), Some(WindowKey::Digit(9)));
        assert_eq!(of('0'), None);
        assert_eq!(of('x'), None);
        assert_eq!(meaning(&ESCAPE), Some(WindowKey::Escape));
        assert_eq!(meaning(&(PAD_ZERO + 7)), Some(WindowKey::Digit(7)));
        assert_eq!(meaning(&PAD_ZERO), None);
        assert_eq!(meaning(&0), None);
        assert_eq!(meaning(&u32::MAX), None);
    }
}
