//! The size of a model's input.

use crate::{metadata::Metadata, training_config::TrainingConfig};

/// The default size that `sleap-nn export` traces with.
const DEFAULT_SIDE: u32 = 512;

/// The longest side of an input, far beyond what fits a GPU: damaged metadata must not make the
/// warm-up allocate without bound.
pub const MAX_SIDE: u32 = 16_384;

/// The size of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Rows.
    pub height: u32,
    /// Pixels per row.
    pub width: u32,
    /// 1 gray, 3 RGB.
    pub channels: u32,
}

impl InputSize {
    /// Bytes of one frame.
    pub fn bytes(self) -> usize {
        [self.channels, self.height, self.width]
            .map(|n| n as usize)
            .into_iter()
            .product()
    }
}

/// A side of the input is zero or beyond [`MAX_SIDE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model's input of {width}x{height} pixels is out of range: export it again")]
pub struct InputSizeError {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The size that the graph was traced with. It is right for this size only, although its axes look
/// dynamic, and the size is not in every export's metadata.
pub(crate) fn input_size(
    metadata: &Metadata,
    config: &TrainingConfig,
    fixed: (Option<u32>, Option<u32>),
) -> Result<InputSize, InputSizeError> {
    let height = fixed.0.or(metadata.max_height).or(config.max_height);
    let width = fixed.1.or(metadata.max_width).or(config.max_width);
    let (height, width) = (
        height.unwrap_or(DEFAULT_SIDE),
        width.unwrap_or(DEFAULT_SIDE),
    );
    if !(1..=MAX_SIDE).contains(&height) || !(1..=MAX_SIDE).contains(&width) {
        return Err(InputSizeError { width, height });
    }
    Ok(InputSize {
        height,
        width,
        channels: metadata.channels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::ModelKind;

    fn metadata(max: [Option<u32>; 2], edges: &[[u32; 2]]) -> Metadata {
        Metadata {
            kind: ModelKind::SingleInstance,
            name: "fly".to_owned(),
            node_names: ["head", "thorax", "tail"].map(str::to_owned).to_vec(),
            edges: edges.to_vec(),
            channels: 1,
            max_height: max[0],
            max_width: max[1],
            input_scale: 1.0,
            output_stride: None,
            crop_size: None,
            peak_threshold: None,
            class_names: None,
        }
    }

    fn config(max: [Option<u32>; 2], edges: &[[&str; 2]]) -> TrainingConfig {
        TrainingConfig {
            max_height: max[0],
            max_width: max[1],
            skeleton_name: None,
            edges: edges.iter().map(|edge| edge.map(str::to_owned)).collect(),
        }
    }

    #[test]
    fn the_size_is_the_graph_s_or_the_metadata_s_or_the_configuration_s_or_512() {
        let none = [None, None];
        for (fixed, in_metadata, in_config, height, width) in [
            (none, none, none, 512, 512),
            (none, none, [Some(30), Some(40)], 30, 40),
            (none, none, [Some(30), None], 30, 512),
            (none, [Some(50), Some(60)], [Some(30), Some(40)], 50, 60),
            (none, [None, Some(60)], [Some(30), Some(40)], 30, 60),
            ([Some(7), Some(8)], [Some(50), Some(60)], none, 7, 8),
        ] {
            let metadata = metadata(in_metadata, &[]);
            let fixed = (fixed[0], fixed[1]);
            let size = input_size(&metadata, &config(in_config, &[]), fixed).expect("in range");
            assert_eq!((size.height, size.width), (height, width));
        }
    }
}
