//! Which frames are damaged, for messages.

/// Frames that were asked for and are damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Frames that could not be decoded at all.
    pub lost: u64,
    /// The first of them.
    pub first_lost: Option<u64>,
    /// Frames that were delivered although parts of them could not be decoded.
    pub concealed: u64,
    /// The first of them.
    pub first_concealed: Option<u64>,
}

impl Damage {
    /// Notes a frame that is lost.
    pub(super) fn lose(&mut self, frame_id: u64) {
        self.lost += 1;
        self.first_lost.get_or_insert(frame_id);
    }

    /// Notes a frame that is delivered in spite of damage.
    pub(super) fn conceal(&mut self, frame_id: u64) {
        self.concealed += 1;
        self.first_concealed.get_or_insert(frame_id);
    }
}

/// What a message says of it.
pub(super) fn damage_text(name: &str, damage: &Damage) -> String {
    let mut text = format!("{name} is damaged:");
    let frames = |count| if count == 1 { "frame" } else { "frames" };
    if let Some(first) = damage.first_lost {
        let count = damage.lost;
        let frames = frames(count);
        text += &format!(
            " {count} {frames} could not be decoded and have no prediction (first: frame {first})"
        );
    }
    if let Some(first) = damage.first_concealed {
        let count = damage.concealed;
        let (also, frames) = (if damage.lost > 0 { ";" } else { "" }, frames(count));
        text += &format!("{also} parts of {count} {frames} were filled in (first: frame {first})");
    }
    text + ". All other frames were read"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_counts_and_names_the_first() {
        let mut damage = Damage::default();
        damage.lose(20);
        let text = damage_text("a.avi", &damage);
        assert!(
            text.contains("1 frame could not be decoded") && text.contains("frame 20"),
            "{text}"
        );
        damage.conceal(7);
        damage.conceal(8);
        let text = damage_text("a.avi", &damage);
        assert!(
            text.contains("; parts of 2 frames were filled in (first: frame 7)"),
            "{text}"
        );
    }
}
