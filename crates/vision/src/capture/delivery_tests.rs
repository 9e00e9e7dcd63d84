//! Sources that hand out damaged frames.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use super::*;
use crate::Image;
use crate::capture::SourceInfo;
use crate::capture::reader::FrameReader;

/// A source whose frames are whole or not.
struct Damaged {
    whole: Vec<bool>,
    /// Frames grabbed.
    position: usize,
}

impl FrameReader for Damaged {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        self.position += 1;
        Ok(match self.position <= self.whole.len() {
            true => Grab::Frame(GrabbedFrame::default()),
            false => Grab::End,
        })
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        if !self.whole[self.position - 1] {
            return Err(ReadFault::Undecodable);
        }
        let pixels = vec![self.position as u8 - 1];
        Ok(FrameContent::Pixels(Image::new(1, 1, 1, pixels).unwrap()))
    }
}

/// Frame ids and pixels that arrive of a source, and how it ends.
fn deliver(
    kind: SourceBehaviour,
    whole: &[bool],
    max_frames: u64,
) -> (Vec<(u64, u8)>, Result<CaptureSummary, ReadError>) {
    let opened = OpenedReader {
        reader: Box::new(Damaged {
            whole: whole.to_vec(),
            position: 0,
        }),
        info: SourceInfo {
            name: "damaged".into(),
            width: 1,
            height: 1,
            channels: 1,
            significant_bits: None,
            fps: None,
            total_frames: None,
            frames_to_send: None,
            is_live: kind.pushes(),
        },
        kind,
    };
    let stop = StopSignal::default();
    let delivery = FrameDelivery::new(opened, DeliveryRate::Free, &stop);
    let selection = FrameSelection {
        max_frames: Some(max_frames),
        ..FrameSelection::default()
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let result = delivery.run(
        &selection,
        Box::new(move |frame| {
            let seen = (frame.frame_id, frame.pixels().unwrap().data[0]);
            sink.lock().unwrap().push(seen);
            ControlFlow::Continue(())
        }),
    );
    let seen = seen.lock().unwrap().clone();
    (seen, result)
}

#[test]
fn a_camera_skips_what_cannot_be_decoded() {
    let (seen, result) = deliver(
        SourceBehaviour::Camera,
        &[true, false, false, true, true],
        3,
    );
    assert_eq!(seen, [(0, 0), (1, 3), (2, 4)]);
    let summary = result.unwrap();
    assert_eq!((summary.frames, summary.undecodable), (3, 2));
    assert_eq!(summary.end, CaptureEnd::Selected);
}

#[test]
fn a_camera_that_delivers_only_damage_has_failed() {
    let mut whole = vec![true];
    whole.resize(50, false);
    let (seen, result) = deliver(SourceBehaviour::Camera, &whole, 3);
    assert_eq!(seen, [(0, 0)]);
    assert!(
        matches!(result, Err(ReadError::Undecodable { frame_id: 1, .. })),
        "{result:?}"
    );
    let (_, result) = deliver(SourceBehaviour::Camera, &[true, false], 3);
    assert!(
        matches!(result, Err(ReadError::CameraLost { frames: 1, .. })),
        "{result:?}"
    );
}

#[test]
fn a_damaged_frame_of_a_file_keeps_its_number_and_the_rest_follows() {
    let stored = SourceBehaviour::Stored {
        exact: true,
        cut_off: false,
    };
    let (seen, result) = deliver(stored, &[true, true, false, true], 4);
    assert_eq!(seen, [(0, 0), (1, 1), (3, 3)]);
    let Err(ReadError::Damaged { damage, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!((damage.lost, damage.first_lost), (1, Some(2)));
}
