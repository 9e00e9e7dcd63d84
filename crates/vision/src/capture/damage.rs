//! Which frames are damaged, for messages.

/// Frames that were asked for and are damaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Frames that could not be decoded at all.
    pub lost: u64,
    /// The first of them.
    pub first_lost: Option<u64>,
    /// Its file, in a sequence of images.
    pub first_file: Option<String>,
    /// Frames that were delivered although parts of them could not be decoded.
    pub concealed: u64,
    /// The first of them.
    pub first_concealed: Option<u64>,
    /// Frames that were read and that were expected, where the source ended early.
    pub ended: Option<(u64, u64)>,
}

impl Damage {
    /// Notes a frame that is lost.
    pub(super) fn lose(&mut self, frame_id: u64) {
        self.lost += 1;
        self.first_lost.get_or_insert(frame_id);
    }

    /// Notes an image that is lost.
    pub(super) fn lose_file(&mut self, frame_id: u64, file: String) {
        self.lose(frame_id);
        self.first_file.get_or_insert(file);
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
        text += &format!(" {count} {frames} could not be decoded (first: frame {first}");
        if let Some(file) = &damage.first_file {
            text += &format!(": {file} cannot be read as an image");
        }
        text.push(')');
    }
    if let Some(first) = damage.first_concealed {
        let count = damage.concealed;
        let (also, frames) = (if damage.lost > 0 { ";" } else { "" }, frames(count));
        text += &format!("{also} parts of {count} {frames} were filled in (first: frame {first})");
    }
    match damage.ended {
        Some((at, expected)) => text + &format!(". It ended at frame {at} of {expected} expected"),
        None => text + ". All other frames were read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_end_is_in_the_text() {
        let mut damage = Damage::default();
        damage.conceal(19);
        damage.ended = Some((30, 40));
        let text = damage_text("a.mkv", &damage);
        assert!(
            text.ends_with("It ended at frame 30 of 40 expected"),
            "{text}"
        );
    }

    #[test]
    fn the_text_counts_and_names_the_first() {
        let mut damage = Damage::default();
        damage.lose(20);
        let text = damage_text("a.avi", &damage);
        assert!(
            text.contains("1 frame could not be decoded") && text.contains("frame 20"),
            "{text}"
        );
        damage.lose_file(21, "img_0021.png".to_owned());
        let text = damage_text("img_%04d.png", &damage);
        assert!(
            text.contains("2 frames") && text.contains("img_0021.png cannot be read"),
            "{text}"
        );
        let mut damage = Damage::default();
        damage.lose(1);
        damage.conceal(7);
        damage.conceal(8);
        let text = damage_text("a.avi", &damage);
        assert!(
            text.contains("; parts of 2 frames were filled in (first: frame 7)"),
            "{text}"
        );
    }
}
