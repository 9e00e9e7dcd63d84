//! Poses of resized frames, back in the source's pixels.

use crate::prediction::Prediction;

/// The ratio of source size to sent size along each axis.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    x: f64,
    y: f64,
}

impl Scale {
    /// From sizes in pixels, width first. `None` where frames are sent in their own size, or a size is
    /// not known (0).
    pub fn new(source: (u32, u32), sent: (u32, u32)) -> Option<Self> {
        let known = [source.0, source.1, sent.0, sent.1]
            .iter()
            .all(|side| *side > 0);
        (known && source != sent).then(|| Self {
            x: f64::from(source.0) / f64::from(sent.0),
            y: f64::from(source.1) / f64::from(sent.1),
        })
    }

    /// By how much x and y are multiplied.
    pub fn factors(&self) -> [f64; 2] {
        [self.x, self.y]
    }

    /// Moves all points as SLEAP does wherever it resizes: x' = s x. Models are trained with that
    /// convention, so a shift by half a pixel, right for the picture, would be wrong for the poses.
    pub fn apply(&self, prediction: &mut Prediction) {
        for point in prediction.instances.iter_mut().flatten().flatten() {
            let back = |value: f32, scale: f64| (f64::from(value) * scale) as f32;
            *point = [back(point[0], self.x), back(point[1], self.y)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_scale_with_the_picture() {
        let mut prediction = Prediction {
            instances: vec![vec![Some([0.0, 1.5]), None, Some([319.0, 119.0])]],
            ..Prediction::default()
        };
        Scale::new((640, 480), (320, 120))
            .unwrap()
            .apply(&mut prediction);
        assert_eq!(
            prediction.instances[0],
            [Some([0.0, 6.0]), None, Some([638.0, 476.0])]
        );
    }

    #[test]
    fn same_or_unknown_size_needs_nothing() {
        assert!(Scale::new((640, 480), (640, 480)).is_none());
        assert!(Scale::new((0, 0), (640, 480)).is_none());
    }
}
