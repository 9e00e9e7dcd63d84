//! What was sent as shards and is not known to have arrived. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::coded::{ParityChooser, ShardCounts, max_parity};
use protocol::{FrameId, ShardReport};

/// Units that are remembered at most, and the bytes of the answers among them.
const MAX_UNITS: usize = 1024;
const MAX_BYTES: usize = 4 << 20;

/// Lost frames that are kept for the caller.
const MAX_LOST: usize = 4096;

/// Parity shards at first, and until when: nothing is known of losses before the first report, and little before the
/// first few.
const FIRST_PARITY: [(Duration, u8); 2] =
    [(Duration::from_secs(1), 6), (Duration::from_secs(3), 2)];

/// A unit on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SentUnit {
    /// A frame: newer ones are worth more than a second attempt.
    Frame(FrameId),
    /// An answer, which is sent again over the channel where it is lost.
    Answer(String),
}

#[derive(Debug)]
enum UnitState {
    OnItsWay(SentUnit),
    /// This answer is lost.
    Lost(String),
    /// It has arrived, or needs nothing more.
    Done,
}

/// The units of one direction, from the first one on that is not known to be over.
#[derive(Debug)]
pub(super) struct SentUnits {
    /// The number of the first.
    first: u32,
    units: VecDeque<UnitState>,
    /// Of answers.
    bytes: usize,
    lost_frames: VecDeque<FrameId>,
    parity: ParityChooser,
    /// When the first unit was sent.
    begun: Option<Instant>,
}

impl SentUnits {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            first: 0,
            units: VecDeque::new(),
            bytes: 0,
            lost_frames: VecDeque::new(),
            parity: ParityChooser::new(now),
            begun: None,
        }
    }

    /// The first unit that is not known to be over.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// Parity shards for each block of a unit with so many data shards.
    pub(super) fn parity(&mut self, data_shards: usize, now: Instant) -> u8 {
        let begun = *self.begun.get_or_insert(now);
        let passed = now.saturating_duration_since(begun);
        let first = FIRST_PARITY.iter().find(|(until, _)| passed < *until);
        let least = first.map_or(0, |(_, parity)| *parity);
        let least = least.min(max_parity(data_shards));
        self.parity.parity(data_shards, now).max(least)
    }

    /// Share of the shards that is lost, at present: 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        self.parity.loss()
    }

    /// The next unit is sent.
    pub(super) fn push(&mut self, unit: SentUnit) {
        if let SentUnit::Answer(text) = &unit {
            self.bytes += text.len();
        }
        self.units.push_back(UnitState::OnItsWay(unit));
        while self.units.len() > MAX_UNITS || self.bytes > MAX_BYTES {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        self.first = self.first.wrapping_add(1);
        if let Some(UnitState::OnItsWay(SentUnit::Answer(text)) | UnitState::Lost(text)) =
            self.units.pop_front()
        {
            self.bytes -= text.len();
        }
    }

    /// Takes the receiver's report. Whether it has lost answers.
    pub(super) fn reported(&mut self, report: &ShardReport, now: Instant) -> bool {
        let counts = ShardCounts {
            sent: report.sent,
            arrived: report.arrived,
            worst: report.worst,
        };
        self.parity.report(counts, now);
        let mut has_lost_answers = false;
        for &[first, count] in &report.lost {
            // A run may begin before the first unit that is remembered.
            let begin = i64::from(first.wrapping_sub(self.first) as i32);
            let end = begin + i64::from(count);
            let within = |at: i64| at.clamp(0, self.units.len() as i64) as usize;
            for at in within(begin)..within(end) {
                has_lost_answers |= self.lose(at);
            }
        }
        let closed = report.closed.wrapping_sub(self.first) as usize;
        // A number that was never sent closes nothing.
        if closed <= self.units.len() {
            for at in 0..closed {
                self.settle(at);
            }
        }
        while let Some(UnitState::Done) = self.units.front() {
            self.forget_first();
        }
        has_lost_answers
    }

    /// Whether it was an answer.
    fn lose(&mut self, at: usize) -> bool {
        let state = std::mem::replace(&mut self.units[at], UnitState::Done);
        match state {
            UnitState::OnItsWay(SentUnit::Frame(id)) => {
                if self.lost_frames.len() == MAX_LOST {
                    self.lost_frames.pop_front();
                }
                self.lost_frames.push_back(id);
                false
            }
            UnitState::OnItsWay(SentUnit::Answer(text)) | UnitState::Lost(text) => {
                self.units[at] = UnitState::Lost(text);
                true
            }
            UnitState::Done => false,
        }
    }

    /// What is on its way there has arrived.
    fn settle(&mut self, at: usize) {
        if let UnitState::OnItsWay(unit) = &self.units[at] {
            if let SentUnit::Answer(text) = unit {
                self.bytes -= text.len();
            }
            self.units[at] = UnitState::Done;
        }
    }

    /// The answers that are lost, to be sent again.
    pub(super) fn take_lost_answers(&mut self) -> Vec<String> {
        self.take_answers(|state| matches!(state, UnitState::Lost(_)))
    }

    /// All answers that are not known to have arrived, to be sent again.
    pub(super) fn take_answers_under_way(&mut self) -> Vec<String> {
        self.take_answers(|_| true)
    }

    fn take_answers(&mut self, is_due: impl Fn(&UnitState) -> bool) -> Vec<String> {
        let mut taken = Vec::new();
        for state in self.units.iter_mut().filter(|state| is_due(state)) {
            match std::mem::replace(state, UnitState::Done) {
                UnitState::OnItsWay(SentUnit::Answer(text)) | UnitState::Lost(text) => {
                    self.bytes -= text.len();
                    taken.push(text);
                }
                other => *state = other,
            }
        }
        taken
    }

    /// The frames that are lost since the last call.
    pub(super) fn take_lost_frames(&mut self) -> Vec<FrameId> {
        self.lost_frames.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(units: impl IntoIterator<Item = SentUnit>) -> SentUnits {
        let mut sent = SentUnits::new(Instant::now());
        units.into_iter().for_each(|unit| sent.push(unit));
        sent
    }

    fn answer(number: u32) -> SentUnit {
        SentUnit::Answer(format!("answer {number}"))
    }

    fn report(closed: u32, lost: &[[u32; 2]]) -> ShardReport {
        ShardReport {
            closed,
            lost: lost.to_vec(),
            ..ShardReport::default()
        }
    }

    #[test]
    fn lost_frames_are_told_once_and_lost_answers_sent_again_once() {
        let now = Instant::now();
        let mut frames = sent((10..16).map(SentUnit::Frame));
        assert!(!frames.reported(&report(2, &[[1, 1]]), now));
        assert!(!frames.reported(&report(5, &[[1, 1], [3, 2]]), now));
        assert_eq!(frames.take_lost_frames(), [11, 13, 14]);
        assert!(frames.take_lost_frames().is_empty());

        let mut answers = sent((0..6).map(answer));
        assert!(answers.reported(&report(3, &[[1, 1]]), now));
        assert_eq!(answers.take_lost_answers(), ["answer 1"]);
        assert!(answers.take_lost_answers().is_empty());
        let under_way = answers.take_answers_under_way();
        assert_eq!(under_way, ["answer 3", "answer 4", "answer 5"]);
        assert_eq!(answers.bytes, 0);
    }

    #[test]
    fn parity_is_there_before_the_first_report_and_not_without_losses() {
        let now = Instant::now();
        let mut sent = SentUnits::new(now);
        assert_eq!(sent.parity(22, now), FIRST_PARITY[0].1);
        for (until, parity) in FIRST_PARITY {
            assert_eq!(
                sent.parity(22, now + until - Duration::from_millis(1)),
                parity
            );
        }
        let later = now + Duration::from_secs(3);
        assert_eq!(sent.parity(22, later), 0);
        let lossy = ShardReport {
            sent: 1000,
            arrived: 980,
            worst: 3,
            ..ShardReport::default()
        };
        sent.reported(&lossy, later);
        assert!(sent.parity(22, later) >= 3);
    }

    #[test]
    fn reports_about_what_was_never_sent_change_nothing() {
        let mut answers = sent((0..3).map(answer));
        let wild = report(9, &[[7, u32::MAX], [u32::MAX, 1], [3, 1]]);
        answers.reported(&wild, Instant::now());
        assert_eq!(answers.take_answers_under_way().len(), 3);
        assert!(answers.take_lost_frames().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut many = sent((0..5000).map(SentUnit::Frame));
        assert_eq!(many.units.len(), MAX_UNITS);
        many.reported(&report(5000, &[[0, 5000]]), Instant::now());
        assert_eq!(many.take_lost_frames().len(), MAX_UNITS);
        assert!(many.units.is_empty());
        let large = (0..9).map(|_| SentUnit::Answer("x".repeat(1 << 20)));
        assert!(sent(large).bytes <= MAX_BYTES);
        // The numbers begin again after the largest.
        many.first = u32::MAX;
        many.push(SentUnit::Frame(1));
        many.push(SentUnit::Frame(2));
        many.reported(&report(1, &[[0, 1]]), Instant::now());
        assert_eq!(many.take_lost_frames(), [2]);
        assert!(many.units.is_empty());
    }
}
