//! What tracking does once all frames of a file are there, by sleap-nn's names.

use clap::Args;

/// A look through the whole video.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tracking")]
pub struct CleaningArgs {
    /// Once a file has ended, leave this many instances of a frame, those of the highest scores, and join
    /// tracks that begin where one is missing (classic; files of poses only).
    #[arg(long, value_name = "N", requires = "tracking")]
    pub tracking_clean_instance_count: Option<usize>,

    /// Of instances that overlap more than this, the less certain one goes first then (classic).
    #[arg(long, value_name = "SHARE", requires = "tracking_clean_instance_count")]
    pub tracking_clean_iou_threshold: Option<f64>,

    /// Once a file has ended, join tracks that begin where one is missing (classic; files of poses only).
    #[arg(long, requires = "tracking_target_instance_count")]
    pub post_connect_single_breaks: bool,

    /// Once a file has ended, join tracks that end and begin again (sort, bytetrack, ocsort; files of poses
    /// only).
    #[arg(long, requires = "tracking")]
    pub link_tracklets: bool,
}

impl CleaningArgs {
    /// Whether one of those for `classic` is given; its name.
    pub(crate) fn given(&self) -> Option<&'static str> {
        if self.tracking_clean_instance_count.is_some() {
            return Some("--tracking-clean-instance-count");
        }
        self.post_connect_single_breaks
            .then_some("--post-connect-single-breaks")
    }
}
