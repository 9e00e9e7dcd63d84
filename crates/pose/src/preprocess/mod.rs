//! From frames to the model's input: colour, size, layout.

mod colour;
mod fit;
mod resize;

pub(crate) use fit::Fit;

use crate::frame::FrameView;

use resize::Resizer;

/// Fills one input tensor a call; its buffers are kept between calls.
#[derive(Debug, Default)]
pub(crate) struct Preprocessor {
    /// `[B, C, H, W]` of the last call.
    input: Vec<u8>,
    /// The planes of one frame in its own size.
    planes: Vec<u8>,
    resizer: Resizer,
}

impl Preprocessor {
    /// Makes room for `frames` frames of `bytes` bytes each.
    pub(crate) fn start(&mut self, frames: usize, bytes: usize) {
        self.input.resize(frames * bytes, 0);
    }

    /// The tensor.
    pub(crate) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Writes `frame` as frame `index` of a tensor of `channels` planes, `fit` to the model.
    pub(crate) fn write(
        &mut self,
        index: usize,
        frame: &FrameView<'_>,
        channels: usize,
        fit: &Fit,
    ) {
        let (width, height) = fit.model_size();
        let bytes = channels * width * height;
        let slot = &mut self.input[index * bytes..][..bytes];
        if fit.is_exact() {
            colour::planes(frame, channels, slot);
            return;
        }
        let source = frame.width() as usize * frame.height() as usize;
        self.planes.resize(channels * source, 0);
        colour::planes(frame, channels, &mut self.planes);
        slot.fill(0);
        self.resizer.prepare(fit);
        for (plane, target) in self
            .planes
            .chunks_exact(source)
            .zip(slot.chunks_exact_mut(width * height))
        {
            self.resizer.resize(plane, target, width);
        }
    }
}
