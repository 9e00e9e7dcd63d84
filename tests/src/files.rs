use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use serde_json::Value;
use vision::Image;
use vision::capture::{
    Capture, Config, FrameContent, FrameSelection, PixelForm, Source, SourceOptions,
};

/// A committed file of the demo.
pub fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/demo")
        .join(name)
}

/// sleap-nn's own predictions for a video.
pub struct Fixture(Value);

impl Fixture {
    /// Reads a file of the form that `examples/demo/sleap_nn.json` has.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_str(&text).expect("predictions are JSON"))
    }

    pub fn frames(&self) -> usize {
        self.0["frames"].as_array().expect("a list of frames").len()
    }

    /// Largest distance along x or y between a PREDICTION and sleap-nn's points for the same frame.
    /// Instances and missing points must be the same.
    #[track_caller]
    pub fn distance(&self, prediction: &Value) -> f64 {
        let id = prediction["frame_id"].as_u64().expect("a frame id");
        let frame = self.0["frames"]
            .as_array()
            .and_then(|frames| frames.iter().find(|frame| frame["frame_idx"] == id))
            .unwrap_or_else(|| panic!("sleap-nn has no frame {id}"));
        let ours = prediction["instances"]
            .as_array()
            .expect("a list of instances");
        let theirs = frame["instances"].as_array().expect("a list of instances");
        assert_eq!(ours.len(), theirs.len(), "instances in frame {id}");
        let mut largest = 0f64;
        for (ours, theirs) in ours.iter().zip(theirs) {
            let (ours, theirs) = (
                ours.as_array().unwrap(),
                theirs["points"].as_array().unwrap(),
            );
            assert_eq!(ours.len(), theirs.len(), "nodes in frame {id}");
            for (our, their) in ours.iter().zip(theirs) {
                let missing = their.is_null() || their[0].is_null();
                assert_eq!(our.is_null(), missing, "a missing point in frame {id}");
                for axis in 0..2 {
                    if !missing {
                        largest = largest.max(
                            (our[axis].as_f64().unwrap() - their[axis].as_f64().unwrap()).abs(),
                        );
                    }
                }
            }
        }
        largest
    }
}

/// All frames of a source with their numbers, as they are decoded here.
pub fn frames_of(source: Source, selection: FrameSelection) -> Vec<(u64, Image)> {
    let contents = contents_of(source, selection, PixelForm::Plain);
    let frames = contents.into_iter();
    frames.map(|(id, content)| (id, pixels(content))).collect()
}

/// All frames of a source with their numbers, in a form.
pub fn contents_of(
    source: Source,
    selection: FrameSelection,
    pixels: PixelForm,
) -> Vec<(u64, FrameContent)> {
    let capture = Capture::open(Config {
        source,
        selection,
        fps: None,
        real_time: false,
        options: SourceOptions {
            pixels,
            ..SourceOptions::default()
        },
    })
    .expect("the source opens");
    let (out, frames) = channel();
    let running = capture.start(
        move |frame| match out.send((frame.frame_id, frame.content)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        },
    );
    let frames = frames.into_iter().collect();
    running.join().expect("the source is read to its end");
    frames
}

fn pixels(content: FrameContent) -> Image {
    match content {
        FrameContent::Pixels(image) => image,
        FrameContent::Jpeg(jpeg) => jpeg.decode().expect("a camera's JPEG decodes"),
        FrameContent::Deep(deep) => deep.narrow(),
        FrameContent::Planar(planar) => planar.to_bgr(),
    }
}

/// An 8-bit PNG as gray or BGR pixels.
pub fn read_png(path: &Path) -> Image {
    let file =
        std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .expect("a PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("a picture that fits")];
    let info = reader.next_frame(&mut data).expect("a whole PNG");
    let channels = info.color_type.samples() as u8;
    if channels == 3 {
        data.as_chunks_mut::<3>()
            .0
            .iter_mut()
            .for_each(|pixel| pixel.swap(0, 2));
    }
    Image::new(info.width, info.height, channels, data).expect("size and bytes agree")
}

/// Fails, without printing megabytes, unless two images are the same to the last bit.
#[track_caller]
pub fn same_pixels(what: &str, one: &Image, other: &Image) {
    let shape = |image: &Image| (image.width, image.height, image.channels);
    assert_eq!(shape(one), shape(other), "{what}: shape");
    let differing = one
        .data
        .iter()
        .zip(&other.data)
        .filter(|(one, other)| one != other)
        .count();
    assert_eq!(differing, 0, "{what}: bytes that differ");
}

/// The SHA-256 of bytes, in 64 hexadecimal digits.
pub fn sha256(data: &[u8]) -> String {
    protocol::hex(ring::digest::digest(&ring::digest::SHA256, data).as_ref())
}
