//! All datasets that grow.

use super::table::RowDataset;

/// The datasets that grow.
pub(super) struct RowDatasets<T> {
    pub(super) videos_json: T,
    pub(super) tracks_json: T,
    pub(super) pred_points: T,
    pub(super) instances: T,
    pub(super) frame_times: T,
    pub(super) frames: T,
}

impl<T> RowDatasets<T> {
    /// In the order in which they are written: each refers to what stands before it.
    pub(super) fn in_order(&mut self) -> [&mut T; 6] {
        [
            &mut self.videos_json,
            &mut self.tracks_json,
            &mut self.pred_points,
            &mut self.instances,
            &mut self.frame_times,
            &mut self.frames,
        ]
    }

    pub(super) fn try_map<U, E>(
        self,
        mut map: impl FnMut(T) -> Result<U, E>,
    ) -> Result<RowDatasets<U>, E> {
        Ok(RowDatasets {
            videos_json: map(self.videos_json)?,
            tracks_json: map(self.tracks_json)?,
            pred_points: map(self.pred_points)?,
            instances: map(self.instances)?,
            frame_times: map(self.frame_times)?,
            frames: map(self.frames)?,
        })
    }
}

impl RowDatasets<RowDataset> {
    /// Bytes of rows that wait, texts aside.
    pub(super) fn waiting(&self) -> usize {
        self.of_frames().into_iter().map(RowDataset::waiting).sum()
    }

    /// Whether an append would end on a chunk's border everywhere, texts aside.
    pub(super) fn is_even(&self) -> bool {
        self.of_frames().into_iter().all(RowDataset::is_even)
    }

    /// Those that grow with each frame.
    fn of_frames(&self) -> [&RowDataset; 4] {
        [
            &self.pred_points,
            &self.instances,
            &self.frame_times,
            &self.frames,
        ]
    }
}
