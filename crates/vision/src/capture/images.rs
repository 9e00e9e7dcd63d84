//! Lists of images, as one numbered sequence.
//!
//! FFmpeg reads images in the order of the numbers in their names. A list may have any names, so the images
//! are read through numbered links in a folder of this process.

use std::ffi::OsStr;
#[cfg(any(test, not(unix)))]
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use tempfile::TempDir;

use super::file;
use super::reader::{FrameReader, Grab, OpenedReader, ReadFault, SourceBehaviour, display_name};
use super::stop::StopSignal;
use super::{FrameContent, OpenError, Source, SourceOptions};

/// Ends of the names of images that can be read.
const EXTENSIONS: [&str; 12] = [
    "png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "jp2", "pbm", "pgm", "ppm", "pam",
];

/// Whether a file is an image by the end of its name.
pub fn is_image_name(path: &Path) -> bool {
    extension(path).is_some_and(|end| EXTENSIONS.contains(&&*end))
}

fn extension(path: &Path) -> Option<String> {
    let end = path.extension().and_then(OsStr::to_str)?;
    Some(end.to_ascii_lowercase())
}

/// Opens the images in their order; each is a frame.
pub(super) fn open(
    source: &Source,
    images: &[PathBuf],
    options: &SourceOptions,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let name = display_name(source);
    let Some(first) = images.first() else {
        return Err(OpenError::NoFrame { name });
    };
    let end = extension(first).unwrap_or_default();
    for image in images {
        file::check_file(image)?;
        file::check_tiff(image)?;
        if extension(image).as_ref() != Some(&end) {
            return Err(OpenError::MixedImages {
                one: first.display().to_string(),
                other: image.display().to_string(),
            });
        }
    }
    let links = links(images, &end).map_err(|source| OpenError::Links {
        name: name.clone(),
        source,
    })?;
    // In a pattern `%` begins a number.
    let folder = links.path().to_string_lossy().replace('%', "%%");
    let pattern = format!("{folder}/%09d.{end}");
    let mut opened =
        file::open_numbered(&pattern, name, options, stop).map_err(|error| match error {
            OpenError::NoFrame { .. } => OpenError::NoFrame {
                name: first.display().to_string(),
            },
            other => other,
        })?;
    opened.info.total_frames = Some(images.len() as u64);
    opened.kind = SourceBehaviour::Stored {
        exact: true,
        cut_off: false,
    };
    opened.reader = Box::new(ImageReader {
        reader: opened.reader,
        images: images.to_vec(),
        read: 0,
        _links: links,
    });
    Ok(opened)
}

/// Reads the links.
struct ImageReader {
    reader: Box<dyn FrameReader>,
    images: Vec<PathBuf>,
    /// Images that were read.
    read: usize,
    /// Their folder, which goes after the reader.
    _links: TempDir,
}

impl FrameReader for ImageReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        let grab = self.reader.grab()?;
        match (self.images.get(self.read), grab) {
            (Some(image), Grab::Lost(_) | Grab::End) => {
                Err(ReadFault::ImageFile(image.display().to_string()))
            }
            _ => {
                self.read += usize::from(matches!(grab, Grab::Frame(_)));
                Ok(grab)
            }
        }
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        self.reader.retrieve()
    }
}

/// A folder with a numbered link to each image. Dropping it removes the folder.
fn links(images: &[PathBuf], end: &str) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("sleap-stream-images-")
        .tempdir()?;
    for (number, image) in images.iter().enumerate() {
        let link = folder.path().join(format!("{number:09}.{end}"));
        make_link(&absolute(image)?, &link)?;
    }
    Ok(folder)
}

#[cfg(unix)]
fn make_link(image: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(image, link)
}

/// Symbolic links need a privilege there, hard links the same disk.
#[cfg(not(unix))]
fn make_link(image: &Path, link: &Path) -> io::Result<()> {
    fs::hard_link(image, link).or_else(|_| fs::copy(image, link).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_by_the_end_of_their_names() {
        for image in ["a.png", "/x/b.JPG", "c.1.tif"] {
            assert!(is_image_name(Path::new(image)), "{image}");
        }
        for other in ["a.mp4", "png", "a.", "a.png.mp4"] {
            assert!(!is_image_name(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn links_lead_to_the_images_and_go_with_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let images = ["b.png", "a.png"].map(|name| folder.path().join(name));
        for image in &images {
            fs::write(image, image.to_str().unwrap()).unwrap();
        }
        let links = links(&images, "png").unwrap();
        let path = links.path().to_owned();
        for (number, image) in images.iter().enumerate() {
            let link = path.join(format!("{number:09}.png"));
            assert_eq!(fs::read_to_string(link).unwrap(), image.to_str().unwrap());
        }
        drop(links);
        assert!(!path.exists() && images[0].exists());
    }
}
