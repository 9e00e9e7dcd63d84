//! Pictures as frames: numbered ones, lists, and the pages of a TIFF.

mod pattern;
mod still;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::container;
use super::reader::{
    FrameReader, Grab, GrabbedFrame, OpenedReader, ReadFault, SourceBehaviour, display_name,
};
use super::tiff::{self, TiffProblem};
use super::video::{Converter, VideoError};
use super::video_source::open_error;
use super::{ContentShape, FrameContent, OpenError, Source, SourceInfo, SourceOptions};
use crate::frame_pixels::significant_bits;
use pattern::NumberPattern;
use still::Still;

/// Ends of the names of images that can be read.
const EXTENSIONS: [&str; 12] = [
    "png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "jp2", "pbm", "pgm", "ppm", "pam",
];

/// Whether a file is an image by the end of its name.
pub fn is_image_name(path: &Path) -> bool {
    let end = path.extension().and_then(OsStr::to_str);
    end.is_some_and(|end| EXTENSIONS.contains(&&*end.to_ascii_lowercase()))
}

/// Whether a file is a TIFF, whose pages are read one by one.
pub(super) fn is_tiff(path: &Path) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let head = || container::read_at(&mut File::open(path)?, 0);
    is_file && head().is_ok_and(|head| still::is_tiff(&head))
}

/// Opens numbered images (`img_%04d.png`). There is no file whose own name this is.
pub(super) fn open_pattern(
    path: &str,
    name: String,
    options: &SourceOptions,
) -> Result<OpenedReader, OpenError> {
    let owned = || path.to_owned();
    let (folder, file) = pattern::split(path);
    if NumberPattern::of(folder).is_some() && !Path::new(folder).exists() {
        return Err(OpenError::PatternInFolder { path: owned() });
    }
    let pattern = NumberPattern::of(file).ok_or_else(|| OpenError::Missing { path: owned() })?;
    let none = || OpenError::NoSequence { pattern: owned() };
    let listed = match pattern::list(folder, &pattern) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
        Err(source) => return Err(unreadable(folder.as_ref(), source)),
        Ok(listed) => listed,
    };
    let (first, last) = match (listed.first(), listed.last()) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => return Err(none()),
    };
    let mut pairs = listed.windows(2);
    let gap = pairs.find(|pair| pair[1].0 != pair[0].0 + 1);
    if let Some(pair) = gap.filter(|_| !options.allow_gaps) {
        return Err(OpenError::Gap {
            pattern: owned(),
            from: pair[0].0 + 1,
            to: pair[1].0 - 1,
        });
    }
    check_tiff(&listed[0].1)?;
    let pictures = listed.into_iter().map(|(number, path)| Picture {
        number: number - first,
        path,
        page: None,
    });
    let total = (last - first).saturating_add(1);
    open(pictures.collect(), name, total, options)
}

/// Opens the images of a list in its order.
pub(super) fn open_list(
    source: &Source,
    images: &[PathBuf],
    options: &SourceOptions,
) -> Result<OpenedReader, OpenError> {
    let name = display_name(source);
    images.iter().try_for_each(|path| check_tiff(path))?;
    let pictures = (0..).zip(images).map(|(number, path)| Picture {
        number,
        path: path.clone(),
        page: None,
    });
    open(pictures.collect(), name, images.len() as u64, options)
}

/// Opens the pages of a TIFF.
pub(super) fn open_pages(
    path: &Path,
    name: String,
    options: &SourceOptions,
) -> Result<OpenedReader, OpenError> {
    let found = File::open(path).and_then(|mut file| tiff::pages(&mut file));
    let pages = match found.map_err(|source| unreadable(path, source))? {
        Ok(pages) => pages,
        Err(problem) => return Err(tiff_error(path, problem)),
    };
    let page = |(number, page)| Picture {
        number,
        path: path.to_owned(),
        page,
    };
    let pages: Vec<_> = match pages.is_empty() {
        // Its damage is found where it is decoded.
        true => vec![page((0, None))],
        false => (0..).zip(pages.into_iter().map(Some)).map(page).collect(),
    };
    let total = pages.len() as u64;
    open(pages, name, total, options)
}

/// Refuses a TIFF that is not one picture, or that FFmpeg would read wrongly.
fn check_tiff(path: &Path) -> Result<(), OpenError> {
    if !is_tiff(path) {
        return Ok(());
    }
    let found = File::open(path).and_then(|mut file| tiff::pages(&mut file));
    match found.map_err(|source| unreadable(path, source))? {
        Ok(pages) if pages.len() > 1 => Err(tiff_error(path, TiffProblem::Pages)),
        Ok(_) => Ok(()),
        Err(problem) => Err(tiff_error(path, problem)),
    }
}

fn tiff_error(path: &Path, problem: TiffProblem) -> OpenError {
    OpenError::Tiff {
        path: path.display().to_string(),
        problem,
    }
}

fn unreadable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unreadable {
        path: path.display().to_string(),
        source,
    }
}

fn open(
    pictures: Vec<Picture>,
    name: String,
    total: u64,
    options: &SourceOptions,
) -> Result<OpenedReader, OpenError> {
    let mut reader = PictureReader {
        pictures,
        next: 0,
        following: 0,
        still: None,
        converter: Converter::new(options.pixels),
        significant_bits: None,
    };
    let first = reader.first();
    let first = first.map_err(|fault| open_error(VideoError::Frame(fault), name.clone()))?;
    let info = SourceInfo {
        name,
        width: first.size.0,
        height: first.size.1,
        channels: first.channels,
        significant_bits: reader.significant_bits,
        fps: None,
        total_frames: Some(total),
        frames_to_send: None,
        is_live: false,
    };
    Ok(OpenedReader {
        reader: Box::new(reader),
        info,
        kind: SourceBehaviour::Stored {
            exact: true,
            cut_off: false,
        },
    })
}

/// A picture of a sequence.
struct Picture {
    /// Counted from the first one.
    number: u64,
    path: PathBuf,
    /// Where a page of a TIFF begins, where it is not the only one.
    page: Option<u32>,
}

struct PictureReader {
    pictures: Vec<Picture>,
    /// The picture that is grabbed next.
    next: usize,
    /// The number after that of the picture grabbed last.
    following: u64,
    /// The file that was read last, for its other pages.
    still: Option<(PathBuf, Still)>,
    converter: Converter,
    /// Bits of a sample of the picture that was decoded last, where they are more than 8.
    significant_bits: Option<u8>,
}

impl PictureReader {
    /// The first picture that can be decoded, which shows the size.
    fn first(&mut self) -> Result<ContentShape, ReadFault> {
        let mut fault = ReadFault::Undecodable;
        for index in 0..self.pictures.len() {
            match self.content(index) {
                Err(other @ ReadFault::ImageFile { .. }) if index == 0 => fault = other,
                Err(ReadFault::ImageFile { .. }) => {}
                done => return done.map(|content| content.shape()),
            }
        }
        Err(fault)
    }

    fn content(&mut self, index: usize) -> Result<FrameContent, ReadFault> {
        let Some(picture) = self.pictures.get(index) else {
            return Err(ReadFault::Undecodable);
        };
        let failed = |reason: String| ReadFault::ImageFile {
            file: picture.path.display().to_string(),
            reason,
        };
        let still = match &mut self.still {
            Some((path, still)) if *path == picture.path => still,
            other => {
                let still = Still::read(&picture.path).map_err(failed)?;
                &mut other.insert((picture.path.clone(), still)).1
            }
        };
        let frame = still.decode(picture.page).map_err(failed)?;
        self.significant_bits = significant_bits(&frame);
        self.converter.content(&frame, Default::default())
    }
}

impl FrameReader for PictureReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        let Some(picture) = self.pictures.get(self.next) else {
            return Ok(Grab::End);
        };
        let absent = picture.number - self.following;
        self.next += 1;
        self.following = picture.number + 1;
        Ok(Grab::Frame(GrabbedFrame {
            absent,
            ..GrabbedFrame::default()
        }))
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        self.content(self.next.saturating_sub(1))
    }
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
}
