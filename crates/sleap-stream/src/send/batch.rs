//! Where batches of frames begin and end on the wire. Pure.

use protocol::Message;

/// Where batches begin and end. Each frame leaves as soon as it is encoded.
pub(crate) struct BatchMarks {
    size: u32,
    /// Frames still to come, as far as is known.
    left: u64,
    declared: u32,
    sent: u32,
}

impl BatchMarks {
    /// `frames`: how many there will be, where that is known.
    pub(crate) fn new(size: u32, frames: Option<u64>) -> Self {
        Self {
            size,
            left: frames.unwrap_or(u64::MAX),
            declared: 0,
            sent: 0,
        }
    }

    /// What goes before and after the next frame.
    pub(crate) fn frame(&mut self) -> (Option<Message>, Option<Message>) {
        if self.size <= 1 {
            return (None, None);
        }
        let start = (self.declared == 0).then(|| {
            self.declared =
                u32::try_from(self.left).map_or(self.size, |left| left.clamp(1, self.size));
            Message::BatchStart(self.declared)
        });
        self.left = self.left.saturating_sub(1);
        self.sent += 1;
        let end = if self.sent == self.declared {
            self.close()
        } else {
            None
        };
        (start, end)
    }

    /// Closes the batch that is open, with as many frames as it got.
    pub(crate) fn close(&mut self) -> Option<Message> {
        let open = self.declared > 0;
        self.declared = 0;
        let sent = std::mem::take(&mut self.sent);
        open.then_some(Message::BatchEnd(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `S4` and `E4` for markers, a dot for a frame.
    fn sequence(size: u32, known: Option<u64>, frames: usize) -> String {
        let mut batch = BatchMarks::new(size, known);
        let mark = |item: Option<Message>| match item {
            Some(Message::BatchStart(n)) => format!("S{n}"),
            Some(Message::BatchEnd(n)) => format!("E{n}"),
            _ => String::new(),
        };
        let mut text = String::new();
        for _ in 0..frames {
            let (start, end) = batch.frame();
            text += &(mark(start) + "." + &mark(end));
        }
        text + &mark(batch.close())
    }

    #[test]
    fn a_last_batch_that_is_short_is_announced_so() {
        assert_eq!(sequence(4, Some(6), 6), "S4....E4S2..E2");
        assert_eq!(sequence(4, Some(8), 8), "S4....E4S4....E4");
    }

    #[test]
    fn a_source_that_ends_early_closes_its_batch_with_what_it_got() {
        assert_eq!(sequence(4, None, 6), "S4....E4S4..E2");
        assert_eq!(sequence(4, Some(3), 5), "S3...E3S1.E1S1.E1");
    }

    #[test]
    fn single_frames_have_no_markers() {
        assert_eq!(sequence(1, Some(3), 3), "...");
    }
}
