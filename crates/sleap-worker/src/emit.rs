//! `--emit`: poses for consumers here, as soon as they exist.

use std::borrow::Cow;
use std::sync::Arc;

use emit::{Emitter, StreamInfo};
use protocol::{Message, Prediction, Scale, Skeleton};
use tokio::runtime::Handle;
use tracing::info;

use crate::pipeline::Decoded;
use crate::session::Requester;

/// The pipeline's end of `--emit`.
pub(crate) struct Emission {
    emitter: Emitter,
    skeleton: Skeleton,
    /// Whose stream is being emitted.
    current: Option<Arc<Requester>>,
    runtime: Handle,
}

impl Emission {
    /// Must be called inside the runtime.
    pub(crate) fn new(emitter: Emitter, skeleton: Skeleton) -> Self {
        Self {
            emitter,
            skeleton,
            current: None,
            runtime: Handle::current(),
        }
    }

    /// Hands out the poses of a frame, if there are any.
    pub(crate) fn answer(&mut self, decoded: &Decoded, answer: &Message) {
        let Message::Prediction(prediction) = answer else {
            return;
        };
        let known = |current: &Arc<Requester>| Arc::ptr_eq(current, &decoded.requester);
        if !self.current.as_ref().is_some_and(known) {
            self.end();
            self.current = Some(Arc::clone(&decoded.requester));
            self.emitter.start(StreamInfo {
                source: decoded.requester.origin.source_name.clone(),
                skeleton: self.skeleton.clone(),
            });
        }
        let in_source = in_source(prediction, decoded);
        self.emitter.pose(&in_source, decoded.captured_us);
    }

    /// The stream is over.
    pub(crate) fn end(&mut self) {
        self.current = None;
        for emitted in self.emitter.end() {
            let counts = emitted.counts;
            info!(
                to = %emitted.target,
                poses = counts.sent,
                dropped = counts.dropped,
                without_subscriber = counts.without_subscriber,
                too_large = counts.too_large,
                failed = counts.failed,
                "poses emitted"
            );
        }
    }

    /// Lets subscribers take what waits for them. For the pipeline's threads, never for async code.
    pub(crate) fn close(mut self) {
        self.end();
        self.runtime.block_on(self.emitter.close());
    }
}

/// Poses in pixels of the source, where the client has said how large that is.
fn in_source<'a>(prediction: &'a Prediction, decoded: &Decoded) -> Cow<'a, Prediction> {
    match Scale::new(decoded.requester.origin.size, decoded.size) {
        None => Cow::Borrowed(prediction),
        Some(scale) => {
            let mut scaled = prediction.clone();
            scale.apply(&mut scaled);
            Cow::Owned(scaled)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::session::Origin;

    fn x(size: (u32, u32)) -> f32 {
        let origin = Origin {
            source_name: "mouse".into(),
            size,
            ..Origin::default()
        };
        let requester = Arc::new(Requester::new(mpsc::channel(1).0, true).of(origin));
        let prediction = Prediction {
            instances: vec![vec![Some([1.0, 0.5])]],
            ..Prediction::default()
        };
        let decoded = Decoded::example(1, &requester);
        in_source(&prediction, &decoded).instances[0][0].expect("a point")[0]
    }

    #[test]
    fn poses_are_in_the_sources_pixels_where_its_size_is_known() {
        // The example frame is 2 pixels wide.
        assert_eq!(x((2, 1)), 1.0);
        assert_eq!(x((6, 3)), 3.0);
        assert_eq!(x((0, 0)), 1.0);
    }
}
