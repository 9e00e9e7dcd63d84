//! Shared by the test programs.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program includes this and uses a part of it"
)]

pub mod kind_toys;
pub mod reference;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use pose::FrameView;

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

    /// Reads a PNG, gray or RGB.
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = png::Decoder::new(BufReader::new(file))
            .read_info()
            .expect("a PNG");
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
