//! Whose turn it is among streams that wait.

use std::time::{Duration, Instant};

/// A class that waits for longer gets one turn before those above it: 5 in a second, whatever streams it has.
pub(super) const MAX_CLASS_WAIT: Duration = Duration::from_millis(200);

/// Frames of other classes before such a turn, where the model is slow.
pub(super) const MIN_PASSED_OVER: u32 = 4;

/// How urgent the frames of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamClass {
    /// Their age counts.
    Live,
    /// They come as fast as they are taken.
    File,
    /// They are read from a file that the worker has.
    Job,
}

impl StreamClass {
    /// The most urgent first.
    const ALL: [Self; 3] = [Self::Live, Self::File, Self::Job];
}

/// The share that a stream has had.
#[derive(Debug)]
pub(super) struct Share {
    class: StreamClass,
    /// Frames that were taken, as if the stream had always been there.
    frames: u64,
    /// It waited at the last look.
    waits: bool,
}

impl Share {
    pub(super) fn new(class: StreamClass) -> Self {
        Self {
            class,
            frames: 0,
            waits: false,
        }
    }
}

/// The stream that is next.
#[derive(Debug)]
pub(super) struct Turn {
    /// In the order of the streams.
    pub(super) index: usize,
    /// Its class has waited for so long that it goes before others.
    pub(super) is_overdue: bool,
}

/// Decides whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    classes: [ClassTurns; 3],
}

#[derive(Debug, Clone, Copy, Default)]
struct ClassTurns {
    /// The frames that its last stream had had before its turn.
    had: u64,
    /// Since when streams of it wait without a turn.
    waits_since: Option<Instant>,
    /// Frames of other classes in that time.
    passed_over: u32,
    /// Of its streams that wait: the one that has had least, and that number.
    first: Option<(usize, u64)>,
}

impl Turns {
    /// The next of these streams, of which some wait; `only`: of this class. [`served`](Self::served) has to follow.
    pub(super) fn next<'a>(
        &mut self,
        shares: impl Iterator<Item = &'a mut Share>,
        waits: &[bool],
        only: Option<StreamClass>,
        now: Instant,
    ) -> Option<Turn> {
        self.look(shares, waits, now);
        let first_of = |class: StreamClass| self.classes[class as usize].first;
        if let Some(only) = only {
            let (index, _) = first_of(only)?;
            let is_overdue = false;
            return Some(Turn { index, is_overdue });
        }
        let mut waiting = StreamClass::ALL.into_iter();
        let (first, _) = waiting.find_map(first_of)?;
        let overdue = waiting.filter(|class| self.classes[*class as usize].is_overdue(now));
        let longest = overdue.min_by_key(|class| self.classes[*class as usize].waits_since);
        let turn = longest.and_then(first_of).map(|(index, _)| Turn {
            index,
            is_overdue: true,
        });
        Some(turn.unwrap_or(Turn {
            index: first,
            is_overdue: false,
        }))
    }

    /// So many frames of a stream were taken.
    pub(super) fn served(&mut self, share: &mut Share, frames: usize, now: Instant) {
        for class in &mut self.classes {
            let frames = u32::try_from(frames).unwrap_or(u32::MAX);
            class.passed_over = class.passed_over.saturating_add(frames);
        }
        let class = &mut self.classes[share.class as usize];
        class.had = share.frames;
        class.waits_since = Some(now);
        class.passed_over = 0;
        share.frames = share.frames.saturating_add(frames as u64);
    }

    /// Notes which streams wait.
    fn look<'a>(
        &mut self,
        shares: impl Iterator<Item = &'a mut Share>,
        waits: &[bool],
        now: Instant,
    ) {
        for class in &mut self.classes {
            class.first = None;
        }
        for (index, (share, waits)) in shares.zip(waits).enumerate() {
            let class = &mut self.classes[share.class as usize];
            if *waits && !share.waits {
                // A stream that had nothing to do saves no turns for later.
                share.frames = share.frames.max(class.had);
            }
            share.waits = *waits;
            if *waits && class.first.is_none_or(|(_, least)| share.frames < least) {
                class.first = Some((index, share.frames));
            }
        }
        for class in &mut self.classes {
            match class.first {
                Some(_) => class.waits_since = class.waits_since.or(Some(now)),
                None => (class.waits_since, class.passed_over) = (None, 0),
            }
        }
    }
}

impl ClassTurns {
    fn is_overdue(&self, now: Instant) -> bool {
        let waited = |since| now.saturating_duration_since(since) >= MAX_CLASS_WAIT;
        self.first.is_some()
            && self.passed_over >= MIN_PASSED_OVER
            && self.waits_since.is_some_and(waited)
    }
}
