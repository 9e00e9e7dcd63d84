//! Why a source cannot be opened.

use std::io;

use super::allowed::{KINDS, schemes};
use super::genicam_error::GenICamError;
use super::selection::SelectionError;
use super::tiff::TiffProblem;
use crate::cameras::ControlError;
use crate::mat::ImageError;

/// Why a source was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Frames that a program hands in.
    #[error("{name}: a program hands these frames in, and there is nothing to open")]
    Pushed {
        /// What they are called.
        name: String,
    },
    /// No such file.
    #[error("{path}: no such file. Check the spelling and the folder")]
    Missing {
        /// As given.
        path: String,
    },
    /// A folder.
    #[error(
        "{path} is a folder. Give a video file, or an image sequence such as {path}/img_%04d.png"
    )]
    Folder {
        /// As given.
        path: String,
    },
    /// A file of no bytes.
    #[error("{path} is empty (0 bytes). The recording or the copy was interrupted")]
    Empty {
        /// As given.
        path: String,
    },
    /// The system refused to read the file.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// As given.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A text that names other files.
    #[error(
        "{path} is no video but a text that names other files (a playlist, as of HLS or DASH), which are not opened. Give the video itself; `ffmpeg -i {path} -c copy video.mp4` makes one of a playlist"
    )]
    Playlist {
        /// As given.
        path: String,
    },
    /// A file from another machine does not begin as a video.
    #[error("{path} is no video file of a kind that is read here: {KINDS}")]
    NoContainer {
        /// As given.
        path: String,
    },
    /// FFmpeg finds no video in it.
    #[error(
        "{path} ({bytes} bytes) is not a video that can be read. It is of another type than those that are read here ({KINDS}), or its index is missing because the recording did not finish; `ffprobe {path}` says more"
    )]
    NotAVideo {
        /// As given.
        path: String,
        /// Size of the file.
        bytes: u64,
    },
    /// FFmpeg cannot read it.
    #[error(
        "{path} is an animated WebP, which FFmpeg does not read. Make a video of it first, or give its pictures as files of their own"
    )]
    AnimatedWebP {
        /// As given.
        path: String,
    },
    /// No file of an image sequence.
    #[error(
        "{pattern}: no image sequence found. The folder has no file of that name; %04d stands for a number of four digits or more, %d for one of any length"
    )]
    NoSequence {
        /// As given.
        pattern: String,
    },
    /// What a pipe brings is no video.
    #[error(
        "{path} brings no video that can be read: {reason}. Write Y4M, MKV, MJPEG or MPEG-TS into it, or bare frames with --format rawvideo --size WIDTHxHEIGHT --pixel-format bgr24"
    )]
    Pipe {
        /// As given.
        path: String,
        /// FFmpeg's message.
        reason: String,
    },
    /// Standard input is no pipe.
    #[error(
        "- stands for standard input, which is a terminal here. Let a program write into it: PROGRAM | sleap-stream --stream -"
    )]
    Terminal,
    /// Numbers are missing in an image sequence.
    #[error(
        "{pattern}: {} missing. Put the images there, or give --allow-gaps: the others then keep their numbers", gap_text(*from, *to)
    )]
    Gap {
        /// As given.
        pattern: String,
        /// The first number of the first gap.
        from: u64,
        /// Its last number.
        to: u64,
    },
    /// The place for a number is in the name of a folder.
    #[error(
        "{path}: there is no folder of that name, and `%d` stands for numbers only in the name of a file, as in FOLDER/img_%04d.png. Give the folder's own name"
    )]
    PatternInFolder {
        /// As given.
        path: String,
    },
    /// A TIFF file that would be read wrongly, or not at all.
    #[error("{path} {problem}")]
    Tiff {
        /// The file; of a sequence the first.
        path: String,
        /// What is wrong.
        problem: TiffProblem,
    },
    /// An address of a kind that is not opened.
    #[error("{scheme}:// is no address that is opened here: {}", schemes())]
    Scheme {
        /// As given.
        scheme: String,
    },
    /// An address of a kind that this FFmpeg was built without.
    #[error(
        "{scheme}:// cannot be opened: the FFmpeg in this program was built without it. Let the sender offer rtsp:// or http://, or build the program from source on a system whose FFmpeg has it (`ffmpeg -protocols`)"
    )]
    NoProtocol {
        /// As given.
        scheme: String,
    },
    /// An address that does not answer with video.
    #[error(
        "{url} did not open as video within {timeout_s} s. Check the address, that the sender is running, and the firewall"
    )]
    Url {
        /// As given.
        url: String,
        /// How long was waited at most, seconds.
        timeout_s: u64,
    },
    /// It opens, but not one frame can be decoded.
    #[error("{name} opens, but no frame can be read from it: it is damaged")]
    NoFrame {
        /// The source's name.
        name: String,
    },
    /// Sound, or sound with a picture as its cover.
    #[error("{name} has no video track (the picture on a sound file's cover is none)")]
    NoVideoTrack {
        /// The source's name.
        name: String,
    },
    /// The system's FFmpeg has no decoder for it.
    #[error(
        "the video in {name} cannot be decoded by the FFmpeg that this program uses: {reason}. `ffmpeg -i INPUT -c:v libx264 -crf 12 video.mp4` on another machine makes one that can"
    )]
    NoDecoder {
        /// The source's name.
        name: String,
        /// FFmpeg's message.
        reason: String,
    },
    /// No camera of that number.
    #[error("there is no webcam {index}. {}", present_text(present))]
    NoSuchWebcam {
        /// As given.
        index: u32,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// The system refuses access to the camera.
    #[error(
        "no permission to use {device}. Add yourself to the group `video` (`sudo usermod -aG video $USER`), then log in again"
    )]
    WebcamPermission {
        /// `/dev/video0`.
        device: String,
    },
    /// It exists and cannot be opened as a camera.
    #[error(
        "webcam {index} cannot be opened. Another program may be using it, or it is not a capture device. {}",
        present_text(present)
    )]
    WebcamUnusable {
        /// As given.
        index: u32,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// It opens, and delivers no frame.
    #[error(
        "webcam {index} opens but delivered no frame in {attempts} attempts. Unplug it and plug it in again, close other programs that use it, or try a smaller size"
    )]
    WebcamSilent {
        /// As given.
        index: u32,
        /// How often it was tried.
        attempts: u32,
    },
    /// The camera's own JPEGs were asked for, and it makes none.
    #[error(
        "webcam {index} delivers {format}, not JPEG (MJPG), at this size. Give --jpeg-quality a number, or another --webcam-size; `v4l2-ctl --list-formats-ext` lists what a camera offers"
    )]
    NoCameraJpeg {
        /// As given.
        index: u32,
        /// The format that the driver reports.
        format: String,
    },
    /// The camera does not deliver in the format that was asked for.
    #[error(
        "webcam {index} delivers {found}, not {wanted}, at this size and rate. `sleap-stream cameras` lists the formats with their sizes"
    )]
    WebcamFormat {
        /// As given.
        index: u32,
        /// The format that was asked for.
        wanted: String,
        /// The format that the driver reports.
        found: String,
    },
    /// The camera delivers in no format that is read here.
    #[error(
        "webcam {index} delivers {found}, which is not read here. Those of its formats are that `sleap-stream cameras` lists and that are among {read}: give one as --camera-format"
    )]
    WebcamPixels {
        /// As given.
        index: u32,
        /// The format that the driver reports.
        found: String,
        /// Formats that are read here.
        read: String,
    },
    /// The camera's driver refuses to deliver.
    #[error(
        "webcam {index} opens but does not begin to deliver: {source}. Try a smaller size or another format (`sleap-stream cameras` lists them), or unplug it and plug it in again"
    )]
    WebcamDriver {
        /// As given.
        index: u32,
        /// The driver's error.
        source: io::Error,
    },
    /// A control of the camera is not set.
    #[error("webcam {index}: {reason}")]
    Control {
        /// As given.
        index: u32,
        /// Why.
        reason: ControlError,
    },
    /// The camera's driver has no controls that can be set here.
    #[error(
        "webcam {index} has no controls that can be set: they are those of V4L2, on Linux. Use the camera's own program"
    )]
    NoControls {
        /// As given.
        index: u32,
    },
    /// A GenICam camera was not opened.
    #[error(transparent)]
    GenICam(#[from] GenICamError),
    /// Frames were asked for that the source does not have.
    #[error("frames {start}-{end} were asked for, but {name} has {total} frames (0-{})", total.saturating_sub(1))]
    RangeBeyondEnd {
        /// The source's name.
        name: String,
        /// First frame of the range.
        start: u64,
        /// Last frame of the range.
        end: u64,
        /// Frames that there are.
        total: u64,
    },
    /// The ranges do not fit each other.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A frame's pixels cannot be used.
    #[error("a frame of {name} cannot be used: {source}")]
    Image {
        /// The source's name.
        name: String,
        /// What is wrong with it.
        source: ImageError,
    },
    /// FFmpeg failed in an unexpected way.
    #[error("{name} cannot be read: {reason}")]
    Ffmpeg {
        /// The source's name.
        name: String,
        /// FFmpeg's message.
        reason: String,
    },
    /// The system refused a thread.
    #[error("no thread for the capture: {0}")]
    Thread(io::Error),
    /// The capture thread ended without an answer.
    #[error("the capture thread stopped while it was opening {name}")]
    ThreadLost {
        /// The source's name.
        name: String,
    },
}

fn gap_text(from: u64, to: u64) -> String {
    match from == to {
        true => format!("number {from} is"),
        false => format!("numbers {from} to {to} are"),
    }
}

pub(super) fn present_text(present: &[String]) -> String {
    if !present.is_empty() {
        let list = present.join(", ");
        return format!(
            "The system lists {list}; the number is the device's, and one camera may have several"
        );
    }
    let text = if cfg!(target_os = "linux") {
        "The system lists no camera at all: plug one in, or pass the host's camera into the \
         container or virtual machine"
    } else {
        "Cameras are numbered from 0; the system's privacy settings must allow this program to \
         use them"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_there_is_and_what_to_do() {
        let present = vec!["/dev/video0".to_owned(), "/dev/video2".to_owned()];
        let error = OpenError::NoSuchWebcam { index: 7, present };
        let words = error.to_string();
        assert!(words.contains("webcam 7") && words.contains("/dev/video0, /dev/video2"));
        let present = Vec::new();
        let words = OpenError::NoSuchWebcam { index: 0, present }.to_string();
        if cfg!(target_os = "linux") {
            assert!(words.contains("no camera at all"), "{words}");
        }
        let beyond = OpenError::RangeBeyondEnd {
            name: "a.mp4".into(),
            start: 0,
            end: 100,
            total: 100,
        };
        assert_eq!(
            beyond.to_string(),
            "frames 0-100 were asked for, but a.mp4 has 100 frames (0-99)"
        );
    }
}
