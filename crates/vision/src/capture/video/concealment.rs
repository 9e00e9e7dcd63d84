//! Which frames were filled in, where a decoder works on several frames at once.
//!
//! FFmpeg marks such a frame itself. With several threads the mark may be late: the thread that hands a frame out copies
//! its marks while the one that decodes it still works on it, so that the frame comes out as if it were whole. What
//! the decoder writes to its log is written before, by the thread that decodes the packet: each packet has a number, a
//! message notes the number, and the frame is known by the packet's time stamp.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Packets whose frame may still come out: more than any decoder reorders, its threads included.
const MAX_SENT: usize = 128;

/// Numbers that no decoder has asked for yet, at most. One that is closed early leaves its own behind.
const MAX_NOTED: usize = 4096;

/// How the messages of FFmpeg's decoders begin that tell of a picture with parts that are filled in.
const MESSAGES: [&CStr; 2] = [c"concealing %d DC", c"error while decoding MB"];

/// The number of the next packet; 0 is that of none.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Packets of all decoders whose picture was filled in.
static NOTED: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Takes a message of a decoder that works on the packet of this number.
pub(super) fn note(packet: u64, message: &CStr) {
    let is_known = (1..NEXT.load(Ordering::Relaxed)).contains(&packet);
    let tells = |begin: &&CStr| message.to_bytes().starts_with(begin.to_bytes());
    if is_known && MESSAGES.iter().any(tells) {
        let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert(packet);
        if noted.len() > MAX_NOTED {
            noted.pop_first();
        }
    }
}

/// Follows the packets of one decoder.
#[derive(Debug, Default)]
pub(super) struct Concealment {
    /// Number and time stamp of packets that went to the decoder, the last ones.
    sent: VecDeque<(u64, Option<i64>)>,
    /// Time stamps of frames that were filled in and are not out yet.
    concealed: BTreeSet<i64>,
    /// Frames without a time stamp of their own that were filled in.
    unstamped: u64,
}

impl Concealment {
    /// A packet with this time stamp goes to the decoder; returns the packet's number.
    pub(super) fn sent(&mut self, pts: Option<i64>) -> u64 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.sent.push_back((number, pts));
        if self.sent.len() > MAX_SENT {
            self.sent.pop_front();
        }
        number
    }

    /// Whether the frame that has come out was filled in. `is_marked`: FFmpeg says so.
    pub(super) fn shown(&mut self, pts: Option<i64>, is_marked: bool) -> bool {
        self.collect();
        match pts {
            Some(pts) => self.concealed.remove(&pts) || is_marked,
            None => {
                let is_noted = self.unstamped > 0;
                self.unstamped -= u64::from(is_noted);
                is_noted || is_marked
            }
        }
    }

    /// Takes what was noted of this decoder's packets.
    fn collect(&mut self) {
        let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.is_empty() {
            return;
        }
        for (number, pts) in &self.sent {
            match pts {
                _ if !noted.remove(number) => {}
                Some(pts) => drop(self.concealed.insert(*pts)),
                None => self.unstamped += 1,
            }
        }
        while self.concealed.len() > MAX_SENT {
            // Of frames that never came out.
            self.concealed.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_by_the_packet_that_was_being_decoded() {
        let (mut one, mut other) = (Concealment::default(), Concealment::default());
        let packets: Vec<u64> = [0, 40, 20].map(|pts| one.sent(Some(pts))).into();
        let foreign = other.sent(Some(0));
        note(
            packets[2],
            c"concealing %d DC, %d AC, %d MV errors in %c frame\n",
        );
        note(
            packets[2],
            c"error while decoding MB %d %d, bytestream %td\n",
        );
        note(packets[1], c"mmco: unref short failure\n");
        note(0, c"concealing %d DC");
        note(u64::MAX, c"concealing %d DC");
        assert!(!other.shown(Some(0), false));
        assert!(!one.shown(Some(0), false));
        assert!(one.shown(Some(20), false));
        assert!(!one.shown(Some(20), false));
        assert!(!one.shown(Some(40), false));
        assert!(one.shown(Some(60), true));
        note(foreign, c"concealing %d DC");
        assert!(!one.shown(Some(0), false));
        assert!(other.shown(Some(0), false));
    }

    #[test]
    fn a_frame_without_a_time_stamp_counts_once() {
        let mut track = Concealment::default();
        let packets = [None, None, None].map(|pts| track.sent(pts));
        note(packets[0], MESSAGES[0]);
        assert!(track.shown(None, true));
        assert!(!track.shown(None, false));
        note(packets[2], MESSAGES[0]);
        assert!(track.shown(None, false));
        assert!(!track.shown(None, false));
    }
}
