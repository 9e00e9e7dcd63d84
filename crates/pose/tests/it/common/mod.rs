//! Shared by the test programs.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program includes this and uses a part of it"
)]

pub mod kind_toys;
pub mod reference;
pub mod truth;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use pose::{FrameView, Options};

/// Whether these are the same numbers, as far as devices round alike.
pub fn assert_nearly(found: &[f32], expected: &[f32]) {
    let same = |(found, expected): (&f32, &f32)| (found - expected).abs() < 1e-6;
    let all = found.len() == expected.len() && found.iter().zip(expected).all(same);
    assert!(all, "{found:?} {expected:?}");
}

/// Options with room for several frames in a call, where the device has it: a CPU gets one by default.
pub fn batched() -> Options {
    Options {
        max_batch: Some(8),
        ..Options::default()
    }
}

/// An 8-bit picture: gray or BGR.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub channels: u8,
    pub data: Vec<u8>,
}

impl Picture {
    pub fn view(&self) -> FrameView<'_> {
        FrameView::new(self.width, self.height, self.channels, &self.data).expect("a picture")
    }

    /// Roughly what a gray camera would record: the green of a colour picture.
    pub fn gray(&self) -> Self {
        let pixels = self.data.chunks_exact(self.channels.into());
        Self {
            channels: 1,
            data: pixels
                .map(|pixel| pixel[usize::from(self.channels / 2)])
                .collect(),
            ..*self
        }
    }

    /// The same in three equal channels.
    pub fn tripled(&self) -> Self {
        assert_eq!(self.channels, 1);
        Self {
            channels: 3,
            data: self.data.iter().flat_map(|&pixel| [pixel; 3]).collect(),
            ..*self
        }
    }

    /// Red where blue was and blue where red was.
    pub fn swapped(&self) -> Self {
        assert_eq!(self.channels, 3);
        let mut data = self.data.clone();
        let pixels = data.as_chunks_mut::<3>().0.iter_mut();
        pixels.for_each(|pixel| pixel.swap(0, 2));
        Self { data, ..*self }
    }

    /// Reads a PNG, gray or RGB or with a palette.
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut data = vec![0; reader.output_buffer_size().expect("a size that fits")];
        let info = reader.next_frame(&mut data).expect("pixels");
        data.truncate(info.buffer_size());
        let channels = match info.color_type {
            png::ColorType::Grayscale => 1,
            png::ColorType::Rgb => 3,
            other => panic!("{}: {other:?} is not expected", path.display()),
        };
        if channels == 3 {
            data.as_chunks_mut::<3>()
                .0
                .iter_mut()
                .for_each(|rgb| rgb.swap(0, 2));
        }
        Self {
            width: info.width,
            height: info.height,
            channels,
            data,
        }
    }
}

/// A path below this crate.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}
