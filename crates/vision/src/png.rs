//! Lossless files: PNG, written completely or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ::png::{BitDepth, ColorType, Compression};

use crate::{Image, ImageShapeError};

/// Why a PNG was not written.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The image's fields do not fit each other.
    #[error(transparent)]
    Shape(#[from] ImageShapeError),
    /// The file system reported an error.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The encoder reported an error.
    #[error("cannot encode {}: {reason}", path.display())]
    Encode {
        /// The file that was to be written.
        path: PathBuf,
        /// The encoder's message.
        reason: String,
    },
}

impl PngError {
    /// Whether a file of this name is there.
    pub fn exists(&self) -> bool {
        matches!(self, PngError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

/// Writes an image as an 8-bit PNG (gray, RGB or RGBA), fast rather than small.
///
/// The file appears under its name only once it is complete: readers never get part of it. One that is
/// there is an error ([`PngError::exists`]) unless `overwrite` is set.
pub fn write(path: impl AsRef<Path>, image: &Image, overwrite: bool) -> Result<(), PngError> {
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
    let layout = PixelLayout {
        size: (image.width, image.height),
        color,
        depth: BitDepth::Eight,
    };
    write_file(path.as_ref(), layout, pixels, overwrite)
}

/// Writes 16-bit pixels as a PNG: `channels` 1 (gray), 3 (BGR) or 4 (BGRA), rows packed. A file that is
/// there is an error.
pub fn write_u16(
    path: impl AsRef<Path>,
    width: u32,
    height: u32,
    channels: u8,
    pixels: &[u16],
) -> Result<(), PngError> {
    let expected = u64::from(width) * u64::from(height) * u64::from(channels);
    if width == 0 || height == 0 || width > Image::MAX_SIDE || height > Image::MAX_SIDE {
        return Err(ImageShapeError::Size { width, height }.into());
    }
    let color = match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        other => return Err(ImageShapeError::Channels(other).into()),
    };
    if expected != pixels.len() as u64 {
        let (expected, got) = (expected * 2, pixels.len() as u64 * 2);
        return Err(ImageShapeError::Bytes { expected, got }.into());
    }
    let mut big_endian = Vec::with_capacity(pixels.len() * 2);
    for pixel in pixels.chunks_exact(usize::from(channels)) {
        let rgb = match *pixel {
            [blue, green, red] => &[red, green, blue][..],
            [blue, green, red, alpha] => &[red, green, blue, alpha],
            _ => pixel,
        };
        big_endian.extend(rgb.iter().flat_map(|sample| sample.to_be_bytes()));
    }
    let layout = PixelLayout {
        size: (width, height),
        color,
        depth: BitDepth::Sixteen,
    };
    write_file(path.as_ref(), layout, &big_endian, false)
}

fn swap_red_blue(pixels: &[u8], channels: usize) -> Vec<u8> {
    let mut swapped = pixels.to_vec();
    for pixel in swapped.chunks_exact_mut(channels) {
        pixel.swap(0, 2);
    }
    swapped
}

/// The size and the format of the pixels.
struct PixelLayout {
    size: (u32, u32),
    color: ColorType,
    depth: BitDepth,
}

fn write_file(
    path: &Path,
    layout: PixelLayout,
    pixels: &[u8],
    overwrite: bool,
) -> Result<(), PngError> {
    let write = || {
        let mut draft = atomic_file::draft_beside(path)?;
        encode(draft.as_file_mut(), layout, pixels)?;
        atomic_file::save(draft, path, overwrite)
            .map(drop)
            .map_err(|failed| Failure::Io(failed.error))
    };
    write().map_err(|failure: Failure| {
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

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<::png::EncodingError> for Failure {
    fn from(error: ::png::EncodingError) -> Failure {
        match error {
            ::png::EncodingError::IoError(error) => Failure::Io(error),
            other => Failure::Encode(other.to_string()),
        }
    }
}

fn encode(file: &mut File, layout: PixelLayout, pixels: &[u8]) -> Result<(), Failure> {
    let mut file = BufWriter::new(file);
    let (width, height) = layout.size;
    let mut encoder = ::png::Encoder::new(&mut file, width, height);
    encoder.set_color(layout.color);
    encoder.set_depth(layout.depth);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::BufReader;

    fn read(path: &Path) -> (::png::OutputInfo, Vec<u8>) {
        let file = BufReader::new(File::open(path).unwrap());
        let mut reader = ::png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info, pixels)
    }

    #[test]
    fn colours_keep_their_meaning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let table: [(u8, &[u8], ColorType, &[u8]); 3] = [
            (1, &[1, 2], ColorType::Grayscale, &[1, 2]),
            (3, &[1, 2, 3, 4, 5, 6], ColorType::Rgb, &[3, 2, 1, 6, 5, 4]),
            (
                4,
                &[1, 2, 3, 4, 5, 6, 7, 8],
                ColorType::Rgba,
                &[3, 2, 1, 4, 7, 6, 5, 8],
            ),
        ];
        for (channels, bgr, color, rgb) in table {
            let image = Image::new(2, 1, channels, bgr.to_vec()).unwrap();
            write(&path, &image, true).unwrap();
            let (info, pixels) = read(&path);
            assert_eq!((info.width, info.height), (2, 1));
            assert_eq!((info.color_type, &pixels[..]), (color, rgb));
        }
    }

    #[test]
    fn sixteen_bits_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep.png");
        write_u16(&path, 2, 1, 1, &[0x0102, 0xFFFE]).unwrap();
        assert_eq!(read(&path).1, [1, 2, 0xFF, 0xFE]);
        let again = || {
            fs::remove_file(&path).unwrap();
            &path
        };
        write_u16(again(), 1, 1, 3, &[1, 2, 3]).unwrap();
        assert_eq!(read(&path).1, [0, 3, 0, 2, 0, 1]);
        write_u16(again(), 1, 1, 4, &[1, 2, 3, 4]).unwrap();
        assert_eq!(read(&path).1, [0, 3, 0, 2, 0, 1, 0, 4]);
        let wrong = [
            write_u16(&path, 1, 1, 2, &[1, 2]),
            write_u16(&path, 2, 1, 1, &[1]),
            write_u16(&path, 0, 1, 1, &[]),
        ];
        for result in wrong {
            assert!(matches!(result, Err(PngError::Shape(_))), "{result:?}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        // A name that a draft might have, too.
        let part = format!(".a.png.{}.part", std::process::id());
        fs::write(&path, "mine").unwrap();
        fs::write(folder.path().join(&part), "mine").unwrap();
        let image = Image::new(1, 1, 1, vec![0]).unwrap();
        for refused in [write(&path, &image, false), write_u16(&path, 1, 1, 1, &[0])] {
            assert!(refused.unwrap_err().exists());
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        }
        write(&path, &image, true).unwrap();
        assert_eq!(read(&path).1, [0]);
        let part = fs::read_to_string(folder.path().join(part));
        assert_eq!(part.unwrap(), "mine");
    }

    #[test]
    fn nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::new(1, 1, 1, vec![0]).unwrap();
        write(folder.path().join("a.png"), &image, false).unwrap();
        // A folder is in the way of the name: the rename fails after the writing.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        for overwrite in [false, true] {
            let refused = write(&taken, &image, overwrite);
            assert!(matches!(refused, Err(PngError::Io { .. })));
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a.png", "taken"]);
        let nowhere = folder.path().join("none").join("a.png");
        let error = write(&nowhere, &image, true).unwrap_err().to_string();
        assert!(error.contains("none/a.png"), "{error}");
    }
}
