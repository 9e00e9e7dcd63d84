//! How alike predicted tracks and detections are.

use crate::detection::is_visible;
use crate::matrix::Matrix;
use crate::mot::boxes::{Box4, NO_BOX, area, center, iou_matrix};
use crate::mot::detections::BoxDetection;
use crate::mot::options::Similarity;
use crate::mot::track::MotTrack;
use crate::mot::tracks::MotTracks;
use crate::numeric::sum;

impl MotTracks {
    /// `[track][detection]`: of where the tracks are predicted.
    pub(crate) fn predicted_similarity(&self, detections: &[BoxDetection]) -> Matrix {
        let similarity = match self.kind_of_similarity() {
            Similarity::Oks => {
                let poses: Vec<_> = self.tracks.iter().map(|t| self.predicted_pose(t)).collect();
                let areas: Vec<_> = self.tracks.iter().map(|t| self.predicted_area(t)).collect();
                oks_matrix(&poses, &areas, detections, self.options.oks_stddev)
            }
            Similarity::Centroid => {
                let centers: Vec<_> = self
                    .tracks
                    .iter()
                    .map(|t| [t.state.mean[0], t.state.mean[1]])
                    .collect();
                centroid_matrix(&centers, detections, 0.5 * self.body_size())
            }
            Similarity::Iou | Similarity::Auto => {
                iou_matrix(&self.predicted_boxes(), &bounds(detections))
            }
        };
        finish(similarity, detections)
    }

    /// `[track][detection]`: of where the tracks were last seen.
    pub(crate) fn observed_similarity(
        &self,
        tracks: &[usize],
        detections: &[BoxDetection],
    ) -> Matrix {
        let tracks: Vec<&MotTrack> = tracks.iter().map(|index| &self.tracks[*index]).collect();
        let last: Vec<Box4> = tracks
            .iter()
            .map(|track| track.last_observation.unwrap_or(NO_BOX))
            .collect();
        let similarity = match self.kind_of_similarity() {
            Similarity::Oks => {
                let pose = |track: &&MotTrack| match track.last_observation {
                    Some(_) => track.last.points.clone(),
                    None => Vec::new(),
                };
                let poses: Vec<_> = tracks.iter().map(pose).collect();
                let areas: Vec<_> = tracks.iter().map(|track| area(&track.last.raw)).collect();
                oks_matrix(&poses, &areas, detections, self.options.oks_stddev)
            }
            Similarity::Centroid => {
                let centers: Vec<_> = last.iter().map(center).collect();
                centroid_matrix(&centers, detections, 0.5 * self.body_size())
            }
            Similarity::Iou | Similarity::Auto => iou_matrix(&last, &bounds(detections)),
        };
        finish(similarity, detections)
    }

    /// The boxes of all tracks as predicted.
    pub(crate) fn predicted_boxes(&self) -> Vec<Box4> {
        let kalman = self.options.kalman;
        self.tracks
            .iter()
            .map(|track| kalman.bounds(&track.state.mean))
            .collect()
    }

    /// The last pose of a track, moved along with its box.
    pub(crate) fn predicted_pose(&self, track: &MotTrack) -> Vec<[f64; 2]> {
        let by = [0, 1].map(|axis| track.state.mean[axis] - track.center_at_update[axis]);
        track
            .last
            .points
            .iter()
            .map(|p| [p[0] + by[0], p[1] + by[1]])
            .collect()
    }

    fn predicted_area(&self, track: &MotTrack) -> f64 {
        let last = area(&track.last.bounds);
        let predicted = area(&self.options.kalman.bounds(&track.state.mean));
        let ratio = if last > 0.0 { predicted / last } else { 1.0 };
        area(&track.last.raw) * ratio
    }
}

pub(crate) fn bounds(detections: &[BoxDetection]) -> Vec<Box4> {
    detections
        .iter()
        .map(|detection| detection.bounds)
        .collect()
}

/// Numbers from 0 to 1, and 0 for detections without a visible node.
pub(crate) fn finish(mut similarity: Matrix, detections: &[BoxDetection]) -> Matrix {
    for row in 0..similarity.rows() {
        for (col, detection) in detections.iter().enumerate() {
            let value = similarity[(row, col)];
            let usable = value.is_finite() && detection.is_valid();
            similarity[(row, col)] = if usable { value.clamp(0.0, 1.0) } else { 0.0 };
        }
    }
    similarity
}

fn centroid_matrix(centers: &[[f64; 2]], detections: &[BoxDetection], scale: f64) -> Matrix {
    let mut similarity = Matrix::zeros(centers.len(), detections.len());
    for (row, center) in centers.iter().enumerate() {
        for (col, detection) in detections.iter().enumerate() {
            let [dx, dy] = [0, 1].map(|axis| center[axis] - detection.centroid[axis]);
            let squares = dx * dx + dy * dy;
            if squares.is_finite() {
                similarity[(row, col)] = (-squares / (2.0 * (scale * scale))).exp();
            }
        }
    }
    similarity
}

fn oks_matrix(
    poses: &[Vec<[f64; 2]>],
    areas: &[f64],
    detections: &[BoxDetection],
    tolerance: f64,
) -> Matrix {
    let spread = (2.0 * tolerance) * (2.0 * tolerance);
    let mut similarity = Matrix::zeros(poses.len(), detections.len());
    for (row, (pose, area)) in poses.iter().zip(areas).enumerate() {
        let area = if area.is_finite() { area.max(1.0) } else { 1.0 };
        for (col, detection) in detections.iter().enumerate() {
            let node = |(a, b): (&[f64; 2], &[f64; 2])| {
                let both = is_visible(a) && is_visible(b);
                let squares = (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
                let exponent = squares / spread / (area + f64::EPSILON) / 2.0;
                both.then(|| (-exponent).exp())
            };
            let nodes: Vec<_> = pose.iter().zip(&detection.points).map(node).collect();
            let shared = nodes.iter().flatten().count();
            let zeroed: Vec<f64> = nodes.into_iter().map(|node| node.unwrap_or(0.0)).collect();
            similarity[(row, col)] = sum(&zeroed) / shared.max(1) as f64;
        }
    }
    similarity
}
