//! The pixel formats of GenICam cameras that are read here, by their names and numbers (Pixel Format Naming
//! Convention, PFNC).

/// A pixel format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    /// `BayerRG8`.
    pub(crate) name: &'static str,
    /// Its number in frames and in the feature `PixelFormat`.
    pub(crate) code: u32,
    pub(crate) layout: Layout,
    pub(crate) packing: Packing,
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Mono,
    /// One colour at each pixel.
    Bayer(BayerOrder),
    Rgb,
    Bgr,
    /// Two pixels share their colour.
    Yuv422(YuvOrder, YuvRange),
}

/// The colours of the first two pixels of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BayerOrder {
    BlueGreen,
    GreenBlue,
    GreenRed,
    RedGreen,
}

/// Which byte is which of four that make two pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum YuvOrder {
    Yuyv,
    Uyvy,
}

/// How colours follow from Y, U and V.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum YuvRange {
    /// BT.601, 0 to 255.
    Full,
    /// BT.601, luma from 16 to 235.
    Limited601,
    /// BT.709, luma from 16 to 235.
    Limited709,
}

/// How samples follow each other in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// A byte each.
    Bytes,
    /// Two bytes each, the low one first; so many bits of them count.
    Words(u8),
    /// Three bytes for two samples: the high eight bits of each around a byte with the low bits of both
    /// (`Mono12Packed`).
    Triples(u8),
    /// Without gaps, from the lowest bit of the first byte on (`Mono12p`).
    Dense(u8),
}

impl PixelFormat {
    pub(crate) fn by_code(code: u32) -> Option<PixelFormat> {
        FORMATS.into_iter().find(|format| format.code == code)
    }

    pub(crate) fn by_name(name: &str) -> Option<PixelFormat> {
        let format = FORMATS.into_iter().find(|format| format.name == name);
        let code = || ALIASES.into_iter().find(|(alias, _)| *alias == name);
        format.or_else(|| PixelFormat::by_code(code()?.1))
    }

    /// Colours of the image that becomes of it: 1 or 3.
    pub(crate) fn channels(self) -> u8 {
        match self.layout {
            Layout::Mono => 1,
            _ => 3,
        }
    }

    /// Bits of a sample that count.
    pub(crate) fn significant_bits(self) -> u8 {
        match self.packing {
            Packing::Bytes => 8,
            Packing::Words(bits) | Packing::Triples(bits) | Packing::Dense(bits) => bits,
        }
    }

    /// Samples of a pixel.
    pub(crate) fn samples(self) -> usize {
        match self.layout {
            Layout::Mono | Layout::Bayer(_) => 1,
            Layout::Yuv422(..) => 2,
            Layout::Rgb | Layout::Bgr => 3,
        }
    }

    /// The names of all that are read, those that need the fewest bytes first.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.into_iter().map(|format| format.name)
    }
}

const fn format(name: &'static str, code: u32, layout: Layout, packing: Packing) -> PixelFormat {
    PixelFormat {
        name,
        code,
        layout,
        packing,
    }
}

const BG: Layout = Layout::Bayer(BayerOrder::BlueGreen);
const GB: Layout = Layout::Bayer(BayerOrder::GreenBlue);
const GR: Layout = Layout::Bayer(BayerOrder::GreenRed);
const RG: Layout = Layout::Bayer(BayerOrder::RedGreen);

const FORMATS: [PixelFormat; 49] = {
    use Layout::{Bgr, Mono, Rgb, Yuv422};
    use Packing::{Bytes, Dense, Triples, Words};
    use YuvOrder::{Uyvy, Yuyv};
    use YuvRange::{Full, Limited601, Limited709};
    [
        format("Mono8", 0x0108_0001, Mono, Bytes),
        format("BayerBG8", 0x0108_000b, BG, Bytes),
        format("BayerGB8", 0x0108_000a, GB, Bytes),
        format("BayerGR8", 0x0108_0008, GR, Bytes),
        format("BayerRG8", 0x0108_0009, RG, Bytes),
        format("Mono10p", 0x010a_0046, Mono, Dense(10)),
        format("BayerBG10p", 0x010a_0052, BG, Dense(10)),
        format("BayerGB10p", 0x010a_0054, GB, Dense(10)),
        format("BayerGR10p", 0x010a_0056, GR, Dense(10)),
        format("BayerRG10p", 0x010a_0058, RG, Dense(10)),
        format("Mono12p", 0x010c_0047, Mono, Dense(12)),
        format("BayerBG12p", 0x010c_0053, BG, Dense(12)),
        format("BayerGB12p", 0x010c_0055, GB, Dense(12)),
        format("BayerGR12p", 0x010c_0057, GR, Dense(12)),
        format("BayerRG12p", 0x010c_0059, RG, Dense(12)),
        format("Mono10Packed", 0x010c_0004, Mono, Triples(10)),
        format("BayerGR10Packed", 0x010c_0026, GR, Triples(10)),
        format("BayerRG10Packed", 0x010c_0027, RG, Triples(10)),
        format("BayerGB10Packed", 0x010c_0028, GB, Triples(10)),
        format("BayerBG10Packed", 0x010c_0029, BG, Triples(10)),
        format("Mono12Packed", 0x010c_0006, Mono, Triples(12)),
        format("BayerGR12Packed", 0x010c_002a, GR, Triples(12)),
        format("BayerRG12Packed", 0x010c_002b, RG, Triples(12)),
        format("BayerGB12Packed", 0x010c_002c, GB, Triples(12)),
        format("BayerBG12Packed", 0x010c_002d, BG, Triples(12)),
        format("Mono10", 0x0110_0003, Mono, Words(10)),
        format("BayerBG10", 0x0110_000f, BG, Words(10)),
        format("BayerGB10", 0x0110_000e, GB, Words(10)),
        format("BayerGR10", 0x0110_000c, GR, Words(10)),
        format("BayerRG10", 0x0110_000d, RG, Words(10)),
        format("Mono12", 0x0110_0005, Mono, Words(12)),
        format("BayerBG12", 0x0110_0013, BG, Words(12)),
        format("BayerGB12", 0x0110_0012, GB, Words(12)),
        format("BayerGR12", 0x0110_0010, GR, Words(12)),
        format("BayerRG12", 0x0110_0011, RG, Words(12)),
        format("Mono14", 0x0110_0025, Mono, Words(14)),
        format("Mono16", 0x0110_0007, Mono, Words(16)),
        format("BayerBG16", 0x0110_0031, BG, Words(16)),
        format("BayerGB16", 0x0110_0030, GB, Words(16)),
        format("BayerGR16", 0x0110_002e, GR, Words(16)),
        format("BayerRG16", 0x0110_002f, RG, Words(16)),
        format("YUV422_8", 0x0210_0032, Yuv422(Yuyv, Full), Bytes),
        format("YUV422_8_UYVY", 0x0210_001f, Yuv422(Uyvy, Full), Bytes),
        format("YCbCr422_8", 0x0210_003b, Yuv422(Yuyv, Full), Bytes),
        format("YCbCr422_8_CbYCrY", 0x0210_0043, Yuv422(Uyvy, Full), Bytes),
        format(
            "YCbCr601_422_8",
            0x0210_003e,
            Yuv422(Yuyv, Limited601),
            Bytes,
        ),
        format(
            "YCbCr709_422_8",
            0x0210_0041,
            Yuv422(Yuyv, Limited709),
            Bytes,
        ),
        format("RGB8", 0x0218_0014, Rgb, Bytes),
        format("BGR8", 0x0218_0015, Bgr, Bytes),
    ]
};

/// Names that older cameras give formats.
const ALIASES: [(&str, u32); 5] = [
    ("RGB8Packed", 0x0218_0014),
    ("BGR8Packed", 0x0218_0015),
    ("YUV422Packed", 0x0210_001f),
    ("YUV422_YUYV_Packed", 0x0210_0032),
    ("YUYVPacked", 0x0210_0032),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_a_name_and_a_number_of_its_own() {
        for format in FORMATS {
            assert_eq!(PixelFormat::by_code(format.code), Some(format));
            assert_eq!(PixelFormat::by_name(format.name), Some(format));
        }
        assert_eq!(PixelFormat::by_code(0), None);
        assert_eq!(PixelFormat::by_name("Coord3D_ABC32f"), None);
        let packed = PixelFormat::by_name("RGB8Packed").unwrap();
        assert_eq!(packed.name, "RGB8");
    }

    #[test]
    fn the_numbers_tell_the_bits_of_a_pixel() {
        for format in FORMATS {
            // Bits 16 to 23 of a number are the bits of a pixel.
            let bits = (format.code >> 16 & 0xff) as usize;
            let sample = match format.packing {
                Packing::Bytes => 8,
                Packing::Words(_) => 16,
                Packing::Triples(_) => 12,
                Packing::Dense(bits) => usize::from(bits),
            };
            assert_eq!(bits, sample * format.samples(), "{}", format.name);
        }
    }
}
