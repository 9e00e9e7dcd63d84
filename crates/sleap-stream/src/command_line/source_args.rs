//! How the source of `--stream` is read.

use vision::capture::{PixelForm, SourceOptions};

/// Options of reading files and images.
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// Let numbered images (frame_%04d.png) lack numbers: the others keep theirs.
    ///
    /// Otherwise a missing number is an error that names it.
    #[arg(long, help_heading = "Input")]
    pub allow_gaps: bool,
}

impl SourceArgs {
    /// What the options mean together.
    pub(super) fn options(&self, pixels: PixelForm) -> SourceOptions {
        SourceOptions {
            pixels,
            allow_gaps: self.allow_gaps,
        }
    }
}
