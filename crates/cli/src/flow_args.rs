//! Options of `--use-flow`, by sleap-nn's names.

use clap::Args;
use tracking::flow::FlowOptions;

/// The optical flow of `classic`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tracking")]
pub struct FlowArgs {
    /// Make pictures smaller by this factor first (default 1).
    #[arg(long, value_name = "FACTOR", requires = "use_flow")]
    pub of_img_scale: Option<f64>,

    /// Side of the square around a node that is compared, pixels (default 21).
    #[arg(long, value_name = "PIXELS", requires = "use_flow")]
    pub of_window_size: Option<u32>,

    /// How often pictures are halved, to follow nodes that move far (default 3).
    #[arg(long, value_name = "N", requires = "use_flow")]
    pub of_max_levels: Option<u32>,
}

impl FlowArgs {
    /// The options, with defaults where none is given.
    pub(crate) fn options(&self) -> FlowOptions {
        let usual = FlowOptions::default();
        FlowOptions {
            img_scale: self.of_img_scale.unwrap_or(usual.img_scale),
            window_size: self.of_window_size.unwrap_or(usual.window_size),
            max_levels: self.of_max_levels.unwrap_or(usual.max_levels),
        }
    }
}
