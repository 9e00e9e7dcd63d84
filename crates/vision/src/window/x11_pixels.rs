//! Images as an X server takes them.

use x11rb::protocol::xproto::{ImageOrder, Screen, Setup, VisualClass, Visualtype};

use crate::Image;

/// How the screen's pixels are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelFormat {
    /// Bytes of a pixel.
    bytes: usize,
    /// Each row is a multiple of so many bytes.
    row_multiple: usize,
    is_big_endian: bool,
    /// Where blue, green and red are.
    colours: [Bits; 3],
}

/// The bits of a colour in a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits {
    first: u32,
    count: u32,
}

impl Bits {
    /// Of a mask; `None` where it has no bits, or they are apart.
    fn of(mask: u32) -> Option<Bits> {
        let (first, count) = (mask.trailing_zeros(), mask.count_ones());
        let is_whole = mask != 0 && (mask >> first).trailing_ones() == count;
        is_whole.then_some(Bits { first, count })
    }

    fn place(self, level: u8) -> u32 {
        // A colour has 16 bits at most in practice, and never more than 32.
        let most = (1_u64 << self.count) - 1;
        let level = (u64::from(level) * most + 127) / 255;
        (level as u32) << self.first
    }
}

impl PixelFormat {
    /// That of a screen; `None` where it has no true colours.
    pub(super) fn of(setup: &Setup, screen: &Screen) -> Option<PixelFormat> {
        let mut visuals = screen.allowed_depths.iter().flat_map(|it| &it.visuals);
        let visual = visuals.find(|it| it.visual_id == screen.root_visual)?;
        let mut formats = setup.pixmap_formats.iter();
        let format = formats.find(|it| it.depth == screen.root_depth)?;
        PixelFormat::new(
            visual,
            (format.bits_per_pixel, format.scanline_pad),
            setup.image_byte_order,
        )
    }

    fn new(visual: &Visualtype, bits: (u8, u8), order: ImageOrder) -> Option<PixelFormat> {
        let has_colours = matches!(
            visual.class,
            VisualClass::TRUE_COLOR | VisualClass::DIRECT_COLOR
        );
        if !has_colours || !matches!(bits.0, 16 | 24 | 32) || !matches!(bits.1, 8 | 16 | 32) {
            return None;
        }
        Some(PixelFormat {
            bytes: usize::from(bits.0 / 8),
            row_multiple: usize::from(bits.1 / 8),
            is_big_endian: order == ImageOrder::MSB_FIRST,
            colours: [
                Bits::of(visual.blue_mask)?,
                Bits::of(visual.green_mask)?,
                Bits::of(visual.red_mask)?,
            ],
        })
    }

    /// Bytes of a row of so many pixels.
    pub(super) fn row_bytes(&self, width: u32) -> usize {
        (width as usize * self.bytes).next_multiple_of(self.row_multiple)
    }

    /// The image's pixels, row by row.
    pub(super) fn encode(&self, image: &Image, out: &mut Vec<u8>) {
        out.clear();
        let row_bytes = self.row_bytes(image.width);
        out.reserve(row_bytes * image.height as usize);
        let channels = usize::from(image.channels);
        for row in image.data.chunks_exact(image.row_bytes()) {
            let start = out.len();
            match (channels, self.is_usual()) {
                (1, true) => out.extend(row.iter().flat_map(|&level| [level, level, level, 0])),
                (_, true) => {
                    let pixels = row.chunks_exact(channels);
                    out.extend(pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 0]));
                }
                _ => row
                    .chunks_exact(channels)
                    .for_each(|pixel| self.push(pixel, out)),
            }
            out.resize(start + row_bytes, 0);
        }
    }

    /// Blue, green, red and an unused byte, as nearly all screens have it.
    fn is_usual(&self) -> bool {
        let byte = |first| Bits { first, count: 8 };
        (self.bytes, self.is_big_endian) == (4, false)
            && self.colours == [byte(0), byte(8), byte(16)]
    }

    fn push(&self, pixel: &[u8], out: &mut Vec<u8>) {
        let levels = match *pixel {
            [blue, green, red, ..] => [blue, green, red],
            [level, ..] => [level; 3],
            [] => return,
        };
        let places = self.colours.iter().zip(levels);
        let value = places.fold(0, |sum, (bits, level)| sum | bits.place(level));
        match self.is_big_endian {
            true => out.extend(&value.to_be_bytes()[4 - self.bytes..]),
            false => out.extend(&value.to_le_bytes()[..self.bytes]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visual(red_mask: u32, green_mask: u32, blue_mask: u32) -> Visualtype {
        Visualtype {
            class: VisualClass::TRUE_COLOR,
            red_mask,
            green_mask,
            blue_mask,
            ..Visualtype::default()
        }
    }

    fn encoded(format: &PixelFormat, image: &Image) -> Vec<u8> {
        let mut out = vec![99];
        format.encode(image, &mut out);
        out
    }

    #[test]
    fn every_order_of_bytes_and_colours_is_written() {
        let colour = Image::new(1, 2, 3, vec![10, 20, 30, 0, 255, 0]).unwrap();
        let gray = Image::new(1, 1, 1, vec![255]).unwrap();
        let usual = visual(0xff_0000, 0xff00, 0xff);
        let new = |visual: &Visualtype, bits, order| PixelFormat::new(visual, bits, order).unwrap();
        let format = new(&usual, (32, 32), ImageOrder::LSB_FIRST);
        assert!(format.is_usual());
        assert_eq!(encoded(&format, &colour), [10, 20, 30, 0, 0, 255, 0, 0]);
        assert_eq!(encoded(&format, &gray), [255, 255, 255, 0]);
        let format = new(&usual, (32, 32), ImageOrder::MSB_FIRST);
        assert_eq!(encoded(&format, &colour), [0, 30, 20, 10, 0, 0, 255, 0]);
        let format = new(&usual, (24, 32), ImageOrder::LSB_FIRST);
        assert_eq!(encoded(&format, &colour), [10, 20, 30, 0, 0, 255, 0, 0]);
        let format = new(
            &visual(0xf800, 0x7e0, 0x1f),
            (16, 32),
            ImageOrder::LSB_FIRST,
        );
        assert_eq!(encoded(&format, &colour)[4..], [0xe0, 0x07, 0, 0]);
        assert_eq!(encoded(&format, &gray), [0xff, 0xff, 0, 0]);
        let ten = visual(0x3ff0_0000, 0xf_fc00, 0x3ff);
        let format = new(&ten, (32, 32), ImageOrder::LSB_FIRST);
        assert_eq!(encoded(&format, &gray), 0x3fff_ffff_u32.to_le_bytes());
    }

    #[test]
    fn screens_without_true_colours_are_refused() {
        let palette = Visualtype {
            class: VisualClass::PSEUDO_COLOR,
            ..visual(0xff_0000, 0xff00, 0xff)
        };
        let new = |visual: &Visualtype, bits| PixelFormat::new(visual, bits, ImageOrder::LSB_FIRST);
        assert_eq!(new(&palette, (32, 32)), None);
        assert_eq!(new(&visual(0, 0xff00, 0xff), (32, 32)), None);
        assert_eq!(new(&visual(0xf0f, 0xff0000, 0xf0), (32, 32)), None);
        assert_eq!(new(&visual(0xff_0000, 0xff00, 0xff), (8, 32)), None);
    }
}
