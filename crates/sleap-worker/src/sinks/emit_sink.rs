//! `--emit`: poses for consumers, as soon as they exist.

use std::borrow::Cow;
use std::sync::Arc;

use emit::{EmittedFrame, Emitter, StreamInfo, StreamKey};
use protocol::{DerivedPoses, Message, Prediction, Scale};
use tokio::runtime::Handle;
use tracing::info;

use crate::pipeline::{DecodedFrame, FrameSink, StreamHeader};
use crate::streams::ResultRoute;

/// Passes poses to the targets of `--emit`.
pub(crate) struct EmitSink {
    emitter: Emitter,
    /// Streams may run beside each other: messages name theirs.
    names_streams: bool,
    streams: Vec<EmittedStream>,
    next: StreamKey,
    runtime: Handle,
}

struct EmittedStream {
    route: Arc<ResultRoute>,
    key: StreamKey,
    /// It had no pose so far: it is announced to consumers with its first.
    announcement: Option<StreamInfo>,
}

impl EmitSink {
    /// A sink for these targets. `names_streams`: streams may run beside each other. Must be called inside the
    /// runtime.
    pub(crate) fn new(emitter: Emitter, names_streams: bool) -> Self {
        Self {
            emitter,
            names_streams,
            streams: Vec::new(),
            next: 0,
            runtime: Handle::current(),
        }
    }

    fn end(&mut self, key: StreamKey) {
        for emitted in self.emitter.end(key) {
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
}

impl FrameSink for EmitSink {
    fn is_immediate(&self) -> bool {
        true
    }

    fn stream_started(&mut self, stream: &StreamHeader<'_>) {
        let route = Arc::clone(stream.stream);
        let name = route.name().to_owned();
        self.streams.push(EmittedStream {
            announcement: Some(StreamInfo {
                source: route.origin.source_name.clone(),
                name: self.names_streams.then_some(name),
                skeleton: stream.skeleton.cloned().unwrap_or_default(),
            }),
            route,
            key: self.next,
        });
        self.next += 1;
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let Message::Prediction(prediction) = result else {
            return;
        };
        let mut streams = self.streams.iter_mut();
        let Some(stream) = streams.find(|it| Arc::ptr_eq(&it.route, &frame.route)) else {
            return;
        };
        if let Some(info) = stream.announcement.take() {
            self.emitter.start(stream.key, info);
        }
        let in_source = in_source(prediction, frame);
        let derived = DerivedPoses {
            names: frame.route.names_of(prediction),
            ..DerivedPoses::default()
        };
        let emitted = EmittedFrame {
            captured_us: frame.captured_us,
            clock: frame.clock,
            moment: None,
        };
        self.emitter
            .pose_with(stream.key, &in_source, &derived, emitted);
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let of_stream = |it: &mut EmittedStream| Arc::ptr_eq(&it.route, stream);
        let ended: Vec<_> = self.streams.extract_if(.., of_stream).collect();
        ended.iter().for_each(|stream| self.end(stream.key));
    }

    /// Lets subscribers take what is queued for them.
    fn close(self: Box<Self>) {
        self.runtime.block_on(self.emitter.close());
    }
}

/// Poses in pixels of the source, where the client has sent its size.
pub(super) fn in_source<'a>(
    prediction: &'a Prediction,
    frame: &DecodedFrame,
) -> Cow<'a, Prediction> {
    match Scale::new(frame.route.origin.size, frame.size) {
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
    use crate::streams::FrameOrigin;

    fn x(size: (u32, u32)) -> f32 {
        let origin = FrameOrigin {
            source_name: "mouse".into(),
            size,
            ..FrameOrigin::default()
        };
        let route = Arc::new(ResultRoute::new(mpsc::channel(1).0, true).of(origin));
        let prediction = Prediction {
            instances: vec![vec![Some([1.0, 0.5])]],
            ..Prediction::default()
        };
        let frame = DecodedFrame::example(1, &route);
        in_source(&prediction, &frame).instances[0][0].expect("a point")[0]
    }

    #[test]
    fn poses_are_in_the_sources_pixels_where_its_size_is_known() {
        // The example frame is 2 pixels wide.
        assert_eq!(x((2, 1)), 1.0);
        assert_eq!(x((6, 3)), 3.0);
        assert_eq!(x((0, 0)), 1.0);
    }
}
