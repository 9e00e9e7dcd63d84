//! Options of `--use-kalman`, by sleap-nn's names.

use std::str::FromStr;

use clap::Args;
use tracking::{KalmanFeatures, KalmanOptions};

/// The Kalman filters of `classic`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tracking")]
pub struct KalmanArgs {
    /// What the filters follow: centroid or keypoints (default centroid).
    #[arg(long, value_name = "NAME", requires = "use_kalman")]
    pub kf_track_features: Option<KalmanFeatures>,

    /// Frames after which they are fitted (default 10).
    #[arg(long, value_name = "N", requires = "use_kalman")]
    pub kf_init_frame_count: Option<usize>,

    /// Nodes that they follow, by their numbers from 0: 0,2,3 (default: all).
    #[arg(long, value_name = "N,N", requires = "use_kalman")]
    pub kf_node_indices: Option<NodeIndices>,

    /// Frames without a detection after which a track's filter is fitted again (default 5).
    #[arg(long, value_name = "N", requires = "use_kalman")]
    pub kf_reset_gap_size: Option<u16>,
}

/// Numbers of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIndices(pub Vec<usize>);

impl FromStr for NodeIndices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let part = part.trim();
            part.parse().map_err(|_| {
                format!("'{part}' is no node's number: give numbers from 0, as in 0,2,3")
            })
        };
        text.split(',')
            .map(number)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl KalmanArgs {
    /// Whether one of them is given; its name.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let all = [
            ("--kf-track-features", self.kf_track_features.is_some()),
            ("--kf-init-frame-count", self.kf_init_frame_count.is_some()),
            ("--kf-node-indices", self.kf_node_indices.is_some()),
            ("--kf-reset-gap-size", self.kf_reset_gap_size.is_some()),
        ];
        let mut given = all.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(name, _)| name)
    }

    /// The options, with defaults where none is given.
    pub(crate) fn options(&self) -> KalmanOptions {
        let usual = KalmanOptions::default();
        KalmanOptions {
            track_features: self.kf_track_features.unwrap_or(usual.track_features),
            init_frame_count: self.kf_init_frame_count.unwrap_or(usual.init_frame_count),
            node_indices: self.kf_node_indices.clone().map(|nodes| nodes.0),
            reset_gap_size: self
                .kf_reset_gap_size
                .map_or(usual.reset_gap_size, i64::from),
            ..usual
        }
    }
}
