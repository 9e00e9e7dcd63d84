//! Lossless files: PNG, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ::png::{BitDepth, ColorType, Compression};

use crate::{Image, ShapeError};

/// Why a PNG was not written.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The image contradicts itself.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The file system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The encoder refused.
    #[error("cannot encode {}: {reason}", path.display())]
    Encode {
        /// The file that was to be written.
        path: PathBuf,
        /// The encoder's words.
        reason: String,
    },
}

/// Writes an image as an 8-bit PNG (gray, RGB or RGBA), fast rather than small.
///
/// The file appears under its name only once it is complete: readers never see half of it.
pub fn write(path: impl AsRef<Path>, image: &Image) -> Result<(), PngError> {
    image.check()?;
    let color = match image.channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    };
    let swapped;
    let pixels = if image.channels == 1 {
        &image.data[..]
    } else {
        swapped = swap_red_blue(&image.data, usize::from(image.channels));
        &swapped
    };
    let size = (image.width, image.height);
    write_file(path.as_ref(), size, color, BitDepth::Eight, pixels)
}

/// Writes 16-bit pixels as a PNG: `channels` 1 (gray), 3 (BGR) or 4 (BGRA), rows packed.
pub fn write_u16(
    path: impl AsRef<Path>,
    width: u32,
    height: u32,
    channels: u8,
    pixels: &[u16],
) -> Result<(), PngError> {
    let expected = u64::from(width) * u64::from(height) * u64::from(channels);
    if width == 0 || height == 0 || width > Image::MAX_SIDE || height > Image::MAX_SIDE {
        return Err(ShapeError::Size { width, height }.into());
    }
    let color = match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        other => return Err(ShapeError::Channels(other).into()),
    };
    if expected != pixels.len() as u64 {
        let (expected, got) = (expected * 2, pixels.len() as u64 * 2);
        return Err(ShapeError::Bytes { expected, got }.into());
    }
    let mut big_endian = Vec::with_capacity(pixels.len() * 2);
    for pixel in pixels.chunks_exact(usize::from(channels)) {
        for index in 0..pixel.len() {
            big_endian.extend_from_slice(&pixel[rgb_index(index)(pixel.len())].to_be_bytes());
        }
    }
    write_file(
        path.as_ref(),
        (width, height),
        color,
        BitDepth::Sixteen,
        &big_endian,
    )
}

/// Where output sample `index` of a pixel comes from: red and blue change places.
fn rgb_index(index: usize) -> impl Fn(usize) -> usize {
    move |channels| {
        if channels >= 3 && index < 3 {
            2 - index
        } else {
            index
        }
    }
}

fn swap_red_blue(pixels: &[u8], channels: usize) -> Vec<u8> {
    let mut swapped = pixels.to_vec();
    for pixel in swapped.chunks_exact_mut(channels) {
        pixel.swap(0, 2);
    }
    swapped
}

fn write_file(
    path: &Path,
    size: (u32, u32),
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
) -> Result<(), PngError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = encode(&temporary, size, color, depth, pixels)
        .and_then(|()| fs::rename(&temporary, path).map_err(Failure::Io));
    written.map_err(|failure| {
        // Best effort: the first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
        let path = path.to_owned();
        match failure {
            Failure::Io(source) => PngError::Io { path, source },
            Failure::Encode(reason) => PngError::Encode { path, reason },
        }
    })
}

enum Failure {
    Io(io::Error),
    Encode(String),
}

impl From<::png::EncodingError> for Failure {
    fn from(error: ::png::EncodingError) -> Failure {
        match error {
            ::png::EncodingError::IoError(error) => Failure::Io(error),
            other => Failure::Encode(other.to_string()),
        }
    }
}

fn encode(
    path: &Path,
    (width, height): (u32, u32),
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
) -> Result<(), Failure> {
    let mut file = BufWriter::new(File::create(path).map_err(Failure::Io)?);
    let mut encoder = ::png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    file.flush().map_err(Failure::Io)
}
