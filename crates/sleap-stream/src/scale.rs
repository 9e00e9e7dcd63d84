//! Poses of resized frames, back in the source's pixels.

use protocol::Prediction;

/// The ratio of source size to sent size along each axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    x: f64,
    y: f64,
}

impl Scale {
    /// `None` where frames are sent in their own size.
    pub(crate) fn new(source: (u32, u32), sent: (u32, u32)) -> Option<Self> {
        (source != sent).then(|| Self {
            x: f64::from(source.0) / f64::from(sent.0),
            y: f64::from(source.1) / f64::from(sent.1),
        })
    }

    /// Moves all points. Pixel centres are at whole numbers and resizing keeps the picture's
    /// edges in place, so half a pixel goes to and fro: x' = (x + 1/2) s - 1/2.
    pub(crate) fn apply(&self, prediction: &mut Prediction) {
        for point in prediction.instances.iter_mut().flatten().flatten() {
            let back = |value: f32, scale: f64| ((f64::from(value) + 0.5) * scale - 0.5) as f32;
            *point = [back(point[0], self.x), back(point[1], self.y)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_stay_corners() {
        let mut prediction = Prediction {
            instances: vec![vec![Some([-0.5, -0.5]), None, Some([319.5, 119.5])]],
            ..Prediction::default()
        };
        Scale::new((640, 480), (320, 120))
            .unwrap()
            .apply(&mut prediction);
        assert_eq!(
            prediction.instances[0],
            [Some([-0.5, -0.5]), None, Some([639.5, 479.5])]
        );
    }

    #[test]
    fn same_size_needs_nothing() {
        assert!(Scale::new((640, 480), (640, 480)).is_none());
    }
}
